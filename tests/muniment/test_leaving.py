"""Who leaves is shut out of what they have under way: on the real server, over real sockets."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.clock import now
from storage.staff import StaffRole
from tests.faults.servers import Server, serving
from tests.leavers import BYTES, ENDED, at_work, hire, signed_in
from tests.world import Person

QUERY = """query($from: DateTime!, $to: DateTime!) {
    population(name: DEPROVISIONINGS, period: {from: $from, to: $to}) { limitations rows } }"""


def deprovisionings(server: Server, auditor: Person) -> list[dict[str, Any]]:
    """Who left or lost a job up to now, as an auditor is answered."""
    begun = now() - timedelta(days=1)
    period = {"from": begun.isoformat(), "to": now().isoformat()}
    return [json.loads(row) for row in server.api.ask(QUERY, auditor, **period).data["population"]["rows"]]


@pytest.mark.one_database(
    "sqlite", reason="tests/muniment/test_grants.py ends each of them on both; this is the server"
)
def test_what_staff_have_under_way_ends_when_they_leave(
    home: Path, began: None, database_url: str, cheap_passwords: None
) -> None:
    """Session, link, what they follow, what they fetch; and the population says of each leaver what came afterwards."""
    hired = hire(home, database_url, StaffRole.SUPPORT, StaffRole.SECURITY, StaffRole.AUDITOR)
    with serving(home, database_url, worker=False) as server:
        mara, security, auditor = (signed_in(server, email, each) for email, each in hired)
        with at_work(server, mara) as work:
            leaver = server.api.own_id(mara)
            gone = server.api.do("removeStaff", security, wants="sessions accessGrants", staffId=leaver).data["it"]
            assert gone == {"sessions": 1, "accessGrants": 1}
            assert work.refused() == {("session", 401), ("link", 404)}
            work.go_on()
            work.to_the_end()
        assert work.code in ENDED
        assert 0 < work.received < BYTES // 2
        (left,) = deprovisionings(server, auditor)
        told = left["afterwards"]
        assert (left["action"], told["done"], told["lastDoneMilliseconds"]) == ("staff.removed", 0, None)
        assert told["refused"] == 2
        assert told["lastRefusedMilliseconds"] >= 0
