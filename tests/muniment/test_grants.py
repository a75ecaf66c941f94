"""What is under way when an access grant ends: subscriptions, tickets and transfers end with it."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import pytest

from muniment import transfers
from resolvers import assets
from schema import subscriptions
from storage import accounts
from storage.database import transaction
from storage.staff import StaffRole
from tests.beginnings import Beginning
from tests.muniment.test_subscriptions import PROGRESS, _step, connected
from tests.resolvers import granting
from tests.resolvers.granting import Case
from tests.world import World, raw_id

pytestmark = pytest.mark.begins_with("case", fill=granting.made)

MIB = 1024 * 1024


@pytest.fixture
def case(world: World, beginning: Beginning) -> Case:
    return granting.at_hand(world, beginning)


ENDINGS: dict[str, Callable[[Case, str], object]] = {
    "ended": lambda case, grant: case.decide("endAccess", case.owner, grant).data,
    "run out": lambda case, grant: case.expire(grant),
    "holder gone": lambda case, grant: case.world.do("removeStaff", case.security, staffId=case.holder).data,
    "out of the job": lambda case, grant: case.world.change_job(case.support, StaffRole.SYSADMIN),
}
"""How a grant comes to open nothing any more."""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_subscription_ends_with_its_grant(case: Case, ending: str) -> None:
    """What staff follow is asked for anew at every look: no further word of it reaches them."""
    grant = case.granted(case.support, "PROMPT")
    with connected(case.world, case.support) as socket:
        socket.subscribe(PROGRESS, id=case.prompt)
        assert socket.next()["it"]["prompt"]["text"] == "Write a line."
        ENDINGS[ending](case, grant)
        assert socket.refusal() == ("UNAUTHENTICATED" if ending == "holder gone" else "NOT_FOUND")
        _step(case.world, case.prompt, "The river")


@pytest.mark.one_database("sqlite", reason="what nobody tells, no database tells")
def test_nobody_has_to_tell_that_a_grant_ran_out(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where changes are told, and time going by is none: it is looked each second, as docs/operations/staff.md says."""
    monkeypatch.setattr(case.world.house.bell, "attended", True)
    assert subscriptions._AT_LEAST_EVERY_SECONDS == 1
    grant = case.granted(case.support, "PROMPT")
    with connected(case.world, case.support) as socket:
        socket.subscribe(PROGRESS, id=case.prompt)
        assert socket.next()["it"]["prompt"]["text"] == "Write a line."
        case.expire(grant)
        assert socket.refusal() == "NOT_FOUND"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_ticket_opens_nothing_after_its_grant(case: Case, ending: str) -> None:
    """A ticket minted under a grant is good while the grant is, however long it would last itself."""
    grant = case.granted(case.support, "ASSET")
    url = case.world.content_url(case.support, case.asset)
    assert case.world.client.get(url).status_code == 200
    ENDINGS[ending](case, grant)
    with case.world.unchanged("access.denied"):
        refused = case.world.client.get(url)
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_transfer_breaks_off_where_its_grant_ends(case: Case, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large file under way no more is sent than was when the grant ended."""
    body = b"a" * (5 * MIB)
    case.asset = case.world.asset(case.owner, case.project, body)
    grant = case.granted(case.support, "ASSET")
    url = case.world.content_url(case.support, case.asset)
    really, sent = transfers._gather, []

    def gather(rest: Iterator[bytes]) -> bytes:
        sent.append(really(rest))
        if len(sent) == 2:
            ENDINGS[ending](case, grant)
        return sent[-1]

    monkeypatch.setattr(transfers, "_gather", gather)
    with case.world.client.stream("GET", url) as response:
        received = b"".join(response.iter_raw())
    assert 0 < len(received) < len(body)
    assert len(sent) == 2
    assert case.world.events()[-1]["action"] == "access.denied"


@pytest.mark.parametrize("by", ["session", "key"])
def test_a_transfer_of_ones_own_breaks_off_where_its_credential_ends(
    case: Case, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be somebody else who fetches it, with what they have stolen: to revoke that ends what is under way."""
    monkeypatch.setattr(assets, "OWN_EVERY_SECONDS", 0)  # all of this takes less than the usual
    body, world = b"a" * (5 * MIB), case.world
    case.asset = world.asset(case.owner, case.project, body)
    whose = world.key(case.owner, "read")[1] if by == "key" else case.owner
    url = world.content_url(whose, case.asset)
    really, sent = transfers._gather, []

    def gather(rest: Iterator[bytes]) -> bytes:
        sent.append(really(rest))
        if len(sent) == 2:
            with transaction(world.house.store.engine) as session:
                ended = accounts.revoke_api_keys if by == "key" else accounts.revoke_sessions
                assert ended(session, raw_id(case.owner.id)) == 1
        return sent[-1]

    monkeypatch.setattr(transfers, "_gather", gather)
    with world.client.stream("GET", url) as response:
        received = b"".join(response.iter_raw())
    assert 0 < len(received) < len(body)
    assert len(sent) == 2


def test_ones_own_is_asked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each piece, which would take longer than to open it; and as long as it lasts."""
    moments = itertools.count(100.0, assets.OWN_EVERY_SECONDS / 16)  # looked at twice where it is asked
    monkeypatch.setattr(assets, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    asked, state = list[int](), [100.0]
    for number in range(160):
        assets._now_and_then(partial(asked.append, number), state)
    assert 8 <= len(asked) <= 10
    assert asked[-1] > 140


def test_the_contributors_own_download_is_whole(case: Case) -> None:
    """Whose file it is gets it, however often it is asked on the way whether it is still they; it is one entry."""
    body = b"a" * (3 * MIB)
    case.asset = case.world.asset(case.owner, case.project, body)
    assert case.world.client.get(case.world.content_url(case.owner, case.asset)).content == body
    assert len(case.world.events("content.downloaded")) == 1
    assert not case.world.events("access.denied")
