"""From `removeStaff` until whoever leaves is shut out of everything they have: session, link, stream and download.

`python -m benchmarks leaving`; LEAVERS says how many leave one after the other (default 10). SQLite and PostgreSQL;
DATABASES=sqlite leaves the latter out. Each has a grant, follows a prompt over a WebSocket and is fetching a file of 48
MiB, a mebibyte at a time, on the real server over the loopback; then somebody of security removes them. Counted from
the answer: to the refusal of a question and of a link, both asked for at once; to the end of what is followed, which is
to come within a second; to the end of the download, where the client has read what had left the server before. Then the
trail has its word, as an auditor asks for it: `population(name: DEPROVISIONINGS)` says of each leaver what they did
from the entry on, and when the last thing of theirs was refused.
"""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks._figures import Figure, figure
from storage.staff import StaffRole
from tests.databases import PostgreSQL
from tests.faults.servers import Server, new_home, serving
from tests.leavers import BYTES, ENDED, Work, at_work, hire, signed_in
from tests.muniment.test_leaving import deprovisionings
from tests.world import Person

_LEAVERS = int(os.environ.get("LEAVERS", "10"))
_PACE = 0.05
_UNDER_WAY = 0.5
_WANTED = {"what is followed ends": "\u2264 1 s"}


def measure() -> Iterator[Figure]:
    """The figures, for each database."""
    with tempfile.TemporaryDirectory() as place:
        for name, url in _databases(Path(place)):
            home = Path(place) / name
            home.mkdir()
            yield from _figures(name, new_home(home), url)


def _databases(place: Path) -> Iterator[tuple[str, str]]:
    yield "SQLite", f"sqlite:///{place}/SQLite/data/muniment.sqlite3"
    if "postgresql" in os.environ.get("DATABASES", "sqlite postgresql"):
        with PostgreSQL.running() as server, server.fresh_database() as url:
            yield "PostgreSQL", url


def _figures(name: str, home: Path, url: str) -> Iterator[Figure]:
    hired = hire(home, url, StaffRole.SECURITY, StaffRole.AUDITOR, *[StaffRole.SUPPORT] * _LEAVERS)
    found: dict[str, list[float]] = defaultdict(list)
    with serving(home, url, worker=False) as server:
        security, auditor, *leavers = [signed_in(server, email, each) for email, each in hired]
        for leaver in leavers:
            with at_work(server, leaver) as work:
                for what, seconds in _left(server, security, work).items():
                    found[what].append(seconds)
        rows = deprovisionings(server, auditor)
    for what, values in found.items():
        yield figure("", f"{name}: {what}", values, "ms", wanted=_WANTED.get(what, ""), digits=0, scale=1000)
    told = [row["afterwards"] for row in rows]
    last = [each["lastRefusedMilliseconds"] for each in told]
    yield figure("", f"{name}: the last refusal after the entry, by the trail", last, "ms", digits=0)
    done = sum(each["done"] for each in told)
    yield Figure("", f"{name}: done after the entry, by the trail, of {len(told)} leavers", str(done), wanted="0")


def _left(server: Server, security: Person, work: Work) -> dict[str, float]:
    """Seconds from the answer to the end of each."""
    leaver, work.pace = server.api.own_id(work.by), _PACE
    work.go_on()
    time.sleep(_UNDER_WAY)
    asked = time.monotonic()
    server.api.do("removeStaff", security, staffId=leaver).data  # noqa: B018 - raises where it did not work
    answered = time.monotonic()
    if work.refused() != {("session", 401), ("link", 404)}:
        raise RuntimeError("who left was answered")
    refused = time.monotonic()
    work.to_the_end()
    if work.code not in ENDED or not 0 < work.received < BYTES:
        raise RuntimeError(f"what was under way went on: {work.code}, {work.received}")
    return {
        "removeStaff is answered": answered - asked,
        "a question and a link are refused": refused - answered,
        "what is followed ends": max(0.0, work.ended["subscription"] - answered),
        "what is fetched ends": max(0.0, work.ended["download"] - answered),
    }
