"""Staff who leave are shut out at once, and nobody holds two jobs of which one watches the other."""

import uuid
from itertools import combinations

import pytest
from sqlalchemy import func, select

from muniment.doctor import examine
from resolvers import staff
from resolvers.errors import BadInput, Conflict
from storage.database import transaction
from storage.factors import RecoveryCode, SecondFactor
from storage.staff import SEPARATIONS, RoleAssignment, StaffMember, StaffRole, separation
from tests.beginnings import Beginning
from tests.resolvers import granting
from tests.resolvers.granting import Case
from tests.world import Person, World, code_of, global_id, raw_id

pytestmark = pytest.mark.begins_with("case", fill=granting.made)

ONE = pytest.mark.one_database("sqlite", reason="states and rules; tests/muniment/test_grants.py ends it on both")
WHO = "{ viewer { roles } }"


@pytest.fixture
def case(world: World, beginning: Beginning) -> Case:
    return granting.at_hand(world, beginning)


def roles(world: World, person: Person) -> list[str]:
    return list(world.ask(WHO, person).data["viewer"]["roles"])


def test_everything_of_theirs_ends_in_one_transaction(case: Case) -> None:
    """Account, sessions, second factor, jobs, grants and requests; what there was is counted, and others are as they were."""
    world = case.world
    live, asked, holder = case.granted(case.support), case.asked(case.support, "ASSET"), raw_id(case.holder)
    assert case.opens(case.support)
    since = len(world.events())
    gone = world.do("removeStaff", case.security, wants="sessions accessGrants", staffId=case.holder).data["it"]
    assert gone == {"sessions": 1, "accessGrants": 1}
    recorded = [(event["action"], event["details"]) for event in world.events()[since:]]
    assert world.ask(WHO, case.support).status == 401
    ended = {"role": "SUPPORT", "reason": "SUPPORT_REQUEST"}
    assert recorded == [
        ("access_grant.ended", {**ended, "hadBegun": True}),
        ("access_grant.ended", {**ended, "hadBegun": False}),
        ("staff.removed", {"sessions": 1, "grants": 1, "roles": 1}),
    ]
    states = world.ask("{ accessGrants { edges { node { id status } } } }", case.owner).data["accessGrants"]["edges"]
    assert {edge["node"]["id"]: edge["node"]["status"] for edge in states} == {live: "ENDED", asked: "ENDED"}
    assert case.review(case.privacy, live).code is None
    assert roles(world, case.privacy) == ["PRIVACY"]
    with transaction(world.house.store.engine, read_only=True) as session:
        assert session.get(StaffMember, holder) is None
        for whose in (SecondFactor.subject_id, RecoveryCode.subject_id, RoleAssignment.staff_id):
            assert session.scalar(select(func.count()).where(whose == holder)) == 0, whose


@ONE
def test_who_left_does_not_come_back_by_what_they_know(world: World) -> None:
    """Password and second factor are worth nothing; told in the words of an account that never was."""
    hired = staff.add(world.house, "mara@example.org", [StaffRole.SUPPORT])
    assert staff.dismiss(world.house, "mara@example.org") == staff.Gone(sessions=0, grants=0, roles=1)
    known = world.sign_in("mara@example.org", hired.password, totp=code_of(hired.second_factor))
    unknown = world.sign_in("nobody@example.org", hired.password, totp=code_of(hired.second_factor))
    assert (known.code, known.message) == (unknown.code, unknown.message) == ("UNAUTHENTICATED", unknown.message)
    for change in (staff.dismiss, staff.enrol):
        with world.unchanged(), pytest.raises(BadInput):
            change(world.house, "mara@example.org")
    staff.add(world.house, "mara@example.org", [StaffRole.SUPPORT])


@ONE
@pytest.mark.parametrize("role", [*StaffRole, None])
def test_security_alone_shuts_out_and_nobody_themselves(world: World, role: StaffRole | None) -> None:
    """Every other job and a contributor: refused, recorded, and whoever it was is there as before."""
    other = world.employ(StaffRole.SUPPORT)
    by = world.register("ada") if role is None else world.employ(role)
    if role is not StaffRole.SECURITY:
        with world.unchanged("access.denied"):
            assert world.do("removeStaff", by, staffId=world.own_id(other)).code == "FORBIDDEN"
        return
    contributor = world.own_id(world.register("ada"))
    with world.unchanged():
        assert world.do("removeStaff", by, staffId=world.own_id(by)).code == "BAD_USER_INPUT"
        assert world.do("removeStaff", by, staffId=contributor).code == "BAD_USER_INPUT"
    nobody = global_id("Staff", uuid.uuid4())
    with world.unchanged("access.denied"):
        assert world.do("removeStaff", by, staffId=nobody).code == "NOT_FOUND"


@ONE
def test_a_job_that_is_taken_takes_its_grants_along(case: Case) -> None:
    """What they were let into in another job stays; coming back into the job brings no grant back."""
    world = case.world
    both = world.employ(StaffRole.SUPPORT, StaffRole.PRIVACY)
    case.granted(both, "ASSET")
    case.granted(both, "PROMPT", reasonCode="RIGHTS_REQUEST")
    assert case.opens(both) == {"asset", "prompt", "output"}
    staff.revoke(world.house, both.email, StaffRole.SUPPORT)
    assert (roles(world, both), case.opens(both)) == (["PRIVACY"], {"prompt", "output"})
    staff.assign(world.house, both.email, StaffRole.SUPPORT)
    assert (roles(world, both), case.opens(both)) == (["PRIVACY", "SUPPORT"], {"prompt", "output"})
    with world.unchanged(), pytest.raises(Conflict):
        staff.assign(world.house, both.email, StaffRole.SUPPORT)
    with world.unchanged(), pytest.raises(Conflict):
        staff.revoke(world.house, both.email, StaffRole.AUDITOR)


def test_jobs_that_watch_one_another_are_kept_apart() -> None:
    """Whoever audits does nothing else; who confirms is not who proposes; the rest goes together, in any order."""
    apart = {pair for pair in combinations(StaffRole, 2) if separation({pair[0]}, pair[1])}
    assert apart == {pair for pair in combinations(StaffRole, 2) if separation({pair[1]}, pair[0])}
    assert apart == {
        *((StaffRole.AUDITOR, other) for other in StaffRole if other is not StaffRole.AUDITOR),
        (StaffRole.PRIVACY, StaffRole.SECURITY),
        (StaffRole.SECURITY, StaffRole.SYSADMIN),
    }
    assert all(each.why for each in SEPARATIONS)
    assert separation({StaffRole.SUPPORT, StaffRole.SECURITY}, StaffRole.SYSADMIN)
    assert separation((), StaffRole.AUDITOR) is None


@ONE
def test_two_jobs_that_exclude_one_another_are_given_to_nobody(world: World) -> None:
    """Neither with a new account, of which nothing is left, nor later; the sentence says which, and why."""
    with (
        world.unchanged("role.refused"),
        pytest.raises(Conflict, match="Nobody holds auditor and support together: an auditor") as told,
    ):
        staff.add(world.house, "mara@example.org", [StaffRole.SUPPORT, StaffRole.AUDITOR])
    assert (told.value.code, told.value.field) == ("CONFLICT", "role")
    syl = world.employ(StaffRole.SECURITY)
    with world.unchanged("role.refused"), pytest.raises(Conflict, match="privacy and security"):
        staff.assign(world.house, syl.email, StaffRole.PRIVACY)
    staff.assign(world.house, syl.email, StaffRole.SUPPORT)
    assert roles(world, syl) == ["SECURITY", "SUPPORT"]


@ONE
def test_the_doctor_finds_who_holds_two_from_before(world: World) -> None:
    """What was given before it was asked is a finding, which names jobs and nobody."""
    found = {finding.about: finding for finding in examine(world.settings)}["separation of duties"]
    assert found.good
    both = world.employ(StaffRole.SECURITY, StaffRole.PRIVACY)
    found = {finding.about: finding for finding in examine(world.settings)}["separation of duties"]
    assert not found.good
    assert "1 hold privacy and security together" in found.text
    assert both.email not in found.text
