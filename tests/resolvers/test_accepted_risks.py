"""A finding that can't be mended yet: somebody else than its owner answers for it, for a reason, until a date."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from resolvers import controls
from storage.clock import now
from storage.controls import findings
from storage.controls.catalogue import BY_ID
from storage.controls.findings import Finding, Result
from storage.database import transaction
from storage.staff import RoleAssignment, StaffRole
from tests.resolvers.found import finding
from tests.world import Answer, Person, World, agent_scope

REASON = "The second disk comes next month; until then backups go out hourly."
LISTING = "{ findings { number status overdue acceptedUntil acceptance } }"
ONE = pytest.mark.one_database("sqlite", reason="who may is tried on both with every model there is")


def accept(world: World, by: Person, number: uuid.UUID | str, **other: Any) -> Answer:
    given = {"number": str(number), "reason": REASON, "until": (now() + timedelta(days=30)).isoformat()} | other
    return world.do("acceptFinding", by, wants="number acceptedUntil auditEventId", **given)


def seen(world: World, by: Person) -> dict[str, Any]:
    (found,) = world.ask(LISTING, by).data["findings"]
    return dict(found)


def checked(world: World, amiss: int) -> findings.Kept:
    """One run of one check."""
    with world.house.store.begin(agent_scope()) as work:
        return controls.keep(work, [Result("room", next(iter(BY_ID.values())), amiss, "a sentence")])


def late(world: World) -> int:
    with transaction(world.house.store.engine, read_only=True) as session:
        return findings.overdue(session, now())


def test_an_accepted_risk_is_open_again_when_its_time_is_up(world: World) -> None:
    """Until then it is not overdue; the reason is for those who see it; what is there still after that is told."""
    number, auditor = finding(world), world.employ(StaffRole.AUDITOR)
    assert seen(world, auditor) == {
        "number": str(number), "status": "OPEN", "overdue": False, "acceptedUntil": None, "acceptance": None,
    }  # fmt: skip
    with time_machine.travel(now() + timedelta(days=8)):
        privacy = world.employ(StaffRole.PRIVACY)  # the session has ended in a week
        assert (seen(world, privacy)["overdue"], late(world)) == (True, 1)
        done = accept(world, privacy, number).data["it"]
        assert done["number"] == str(number)
        told = seen(world, privacy)
        assert (told["overdue"], told["status"], told["acceptance"]) == (False, "OPEN", REASON)
        assert told["acceptedUntil"] is not None
        assert late(world) == 0
        (accepted,) = world.events("finding.accepted")
        said = accepted["details"]
        assert 30 * 86_400 - 60 <= said.pop("lifetimeSeconds") <= 30 * 86_400
        assert said == {"control": "room", "foundBy": "room", "amissCount": 1}
        assert REASON not in str(world.events())
        assert checked(world, 2).reopened == ()
        with world.unchanged():
            assert accept(world, privacy, number).code == "CONFLICT"
    with time_machine.travel(now() + timedelta(days=39)):
        assert late(world) == 1  # whether or not a check has run since
        assert [each.id for each in checked(world, 2).reopened] == [number]
        assert checked(world, 2).reopened == ()
    assert len(world.events("finding.reopened")) == 1


@ONE
def test_what_is_mended_meanwhile_is_closed(world: World) -> None:
    """A check that finds it no more ends it, and it can't be accepted; what comes back is another finding, accepted by nobody."""
    privacy, number = world.employ(StaffRole.PRIVACY), finding(world)
    accept(world, privacy, number).data  # noqa: B018 - fails where it did not work
    assert [each.id for each in checked(world, 0).closed] == [number]
    with world.unchanged("access.denied"):
        assert accept(world, privacy, number).code == "FORBIDDEN"
    (back,) = checked(world, 1).opened
    with transaction(world.house.store.engine, read_only=True) as session:
        row = session.get_one(Finding, back.id)
        assert (row.accepted_until, row.acceptance, row.accepted(now())) == (None, None, False)


@ONE
@pytest.mark.parametrize(
    ("owner", "may"),
    [
        ("head of operations", {StaffRole.PRIVACY, StaffRole.SECURITY}),
        ("head of security", {StaffRole.PRIVACY}),
        ("data protection officer", {StaffRole.SECURITY}),
    ],
)
def test_nobody_answers_for_what_is_theirs_to_mend(world: World, owner: str, may: set[StaffRole]) -> None:
    """Those who see it and may not are told so, the others that there is none; nothing changes."""
    number = finding(world, owner)
    for role in StaffRole:
        person = world.employ(role)
        if role in may:
            continue
        with world.unchanged("access.denied"):
            code = accept(world, person, number).code
        assert code == ("NOT_FOUND" if role is StaffRole.SUPPORT else "FORBIDDEN"), role
    key = world.key(world.register("ben"), "read")[1]
    world.ask("{ viewer { kind } }", key).data  # noqa: B018 - its first use is noted in its row
    for nobody in (world.register("ada"), key):
        with world.unchanged("access.denied"):
            assert accept(world, nobody, number).code in ("NOT_FOUND", "FORBIDDEN")
    accept(world, world.employ(sorted(may)[0]), number).data  # noqa: B018 - fails where it did not work


@ONE
def test_a_second_job_takes_the_right_from_the_first(world: World) -> None:
    """Privacy may accept what operations has to mend, unless it is the same person."""
    number = finding(world)
    both = world.employ(StaffRole.PRIVACY, StaffRole.SYSADMIN)
    with world.unchanged("access.denied"):
        assert accept(world, both, number).code == "FORBIDDEN"
    with world.house.store.begin(agent_scope()) as work:
        work.session.query(RoleAssignment).filter_by(role=StaffRole.SYSADMIN).delete()
    assert accept(world, both, number).data


@ONE
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": "later"}, "reason"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "2126-01-01T00:00:00Z"}, "until"),
        ({"number": "the first one"}, "number"),
    ],
)
def test_without_a_reason_or_an_end_it_is_not_accepted(world: World, wrong: dict[str, str], field: str) -> None:
    """What can't be used names its field, and nothing is lost."""
    privacy, number = world.employ(StaffRole.PRIVACY), finding(world)
    with world.unchanged():
        answer = accept(world, privacy, **{"number": str(number), **wrong})
    assert (answer.code, answer.field) == ("BAD_USER_INPUT", field)


@ONE
def test_there_is_no_such_finding(world: World) -> None:
    """A number that nobody has."""
    security = world.employ(StaffRole.SECURITY)
    with world.unchanged("access.denied"):
        assert accept(world, security, uuid.uuid4()).code == "NOT_FOUND"
