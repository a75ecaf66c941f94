"""Who is to work here: one asks, a second one agrees, nobody for themselves; and what one alone may take away."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from resolvers import staff
from storage.appointments import Appointment
from storage.clock import now
from storage.database import transaction
from storage.staff import StaffRole
from tests.resolvers.appointments import MUTATIONS, WHY, asked
from tests.world import Answer, Person, World, code_of, global_id, raw_id

ONE = pytest.mark.one_database("sqlite", reason="states and rules; the two that open an account run on both")
WANTED = "appointment { id staffId status email why roles viewerCan }"
NORA = "nora@example.org"


@pytest.fixture
def sysadmin(world: World) -> Person:
    return world.employ(StaffRole.SYSADMIN)


@pytest.fixture
def security(world: World) -> Person:
    return world.employ(StaffRole.SECURITY)


def add(world: World, by: Person, **other: Any) -> Answer:
    return world.do("addStaff", by, wants=f"{WANTED} firstPassword", **{**MUTATIONS["addStaff"]({}), **other})


def approve(world: World, by: Person, appointment: str) -> Answer:
    return world.do("approveAppointment", by, wants=f"{WANTED} secondFactor", appointmentId=appointment)


def roles(world: World, person: Person) -> list[str]:
    return list(world.ask("{ viewer { roles } }", person).data["viewer"]["roles"])


def test_nobody_alone_can_be_the_new_member(world: World, sysadmin: Person, security: Person) -> None:
    """Asked for, there is no account; agreed to, it opens with what two people were shown, each one half of it."""
    made = add(world, sysadmin).data["it"]
    password, wanted = made["firstPassword"], made["appointment"]
    assert (wanted["status"], wanted["email"], wanted["why"]) == ("REQUESTED", NORA, WHY)
    assert wanted["viewerCan"] == ["DENY", "READ", "READ_REASON"]
    assert world.sign_in(NORA, password).code == "UNAUTHENTICATED"
    with world.unchanged("access.denied"):
        assert approve(world, sysadmin, wanted["id"]).code == "FORBIDDEN"
    since = world.told()
    found = approve(world, security, wanted["id"]).data["it"]
    assert (found["appointment"]["status"], found["appointment"]["email"]) == ("APPROVED", None)
    recorded = [(each["action"], each["details"]) for each in world.events(since=since)]
    assert [each for each in recorded if each[0] != "content.read"] == [  # the answer held why it was asked for
        ("staff.added", {}),
        ("role.assigned", {"role": "SUPPORT", "lifetimeSeconds": None}),
        ("second_factor.enrolled", {}),
        ("appointment.approved", {"opensAccount": True, "jobCount": 1}),
    ]
    assert world.sign_in(NORA, password).code == "MFA_REQUIRED"
    wrong = world.sign_in(NORA, totp=code_of(found["secondFactor"]))
    assert wrong.code == "UNAUTHENTICATED"
    session = world.sign_in(NORA, password, totp=code_of(found["secondFactor"])).data["it"]["session"]
    nora = Person("nora", session["token"])
    assert (roles(world, nora), world.own_id(nora)) == (["SUPPORT"], wanted["staffId"])
    for again in ("approveAppointment", "denyAppointment"):
        with world.unchanged("access.denied"):
            assert world.do(again, security, appointmentId=wanted["id"]).code == "FORBIDDEN"


def test_an_address_stays_no_longer_than_its_request(world: World, sysadmin: Person, security: Person) -> None:
    """Once it is decided, neither the address nor a password is in the request; words are nowhere in clear."""
    for end in ("approveAppointment", "denyAppointment"):
        made = add(world, sysadmin, email=f"{end}@example.org").data["it"]["appointment"]["id"]
        world.do(end, security, appointmentId=made).data  # noqa: B018 - fails where it did not work
        with transaction(world.house.store.engine, read_only=True) as session:
            row = session.get(Appointment, raw_id(made))
            assert row is not None
            assert (row.email, row.password_hash) == (None, None)
    assert WHY.encode() not in world.everything_kept()
    assert b"approveappointment@example.org" not in world.everything_kept()
    assert WHY not in str(world.events())


@ONE
def test_a_job_more_takes_two_and_neither_is_whose_it_is(world: World, sysadmin: Person, security: Person) -> None:
    """Nobody asks for a job of their own, nor agrees to one; whoever asked does not agree either."""
    own = {"staffId": world.own_id(sysadmin), "role": "SUPPORT", "why": WHY}
    with world.unchanged():
        refused = world.do("assignRole", sysadmin, wants=WANTED, **own)
    assert (refused.code, refused.field) == ("BAD_USER_INPUT", "staffId")
    made = world.do("assignRole", security, wants=WANTED, **own).data["it"]["appointment"]
    assert (made["roles"], made["email"]) == (["SUPPORT"], None)
    for by in (sysadmin, security):
        with world.unchanged("access.denied"):
            assert approve(world, by, made["id"]).code == "FORBIDDEN"
    assert roles(world, sysadmin) == ["SYSADMIN"]
    other = world.employ(StaffRole.SYSADMIN)
    assert approve(world, other, made["id"]).data["it"]["secondFactor"] is None
    assert roles(world, sysadmin) == ["SUPPORT", "SYSADMIN"]


@ONE
@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.PRIVACY, StaffRole.AUDITOR, None])
def test_others_neither_ask_nor_agree(world: World, sysadmin: Person, role: StaffRole | None) -> None:
    """Every other job, and a contributor: refused, recorded, and there is nobody new."""
    by = world.register("ada") if role is None else world.employ(role)
    waiting = add(world, sysadmin).data["it"]["appointment"]["id"]
    sees = role is StaffRole.AUDITOR
    with world.unchanged("access.denied"):
        assert add(world, by, email="other@example.org").code == "FORBIDDEN"
    with world.unchanged("access.denied"):
        assert approve(world, by, waiting).code == ("FORBIDDEN" if sees else "NOT_FOUND")
    listed = "{ appointments { edges { node { email } } } }"
    edges = world.ask(listed, by).data["appointments"]["edges"]
    assert edges == ([{"node": {"email": NORA}}] if sees else [])


@ONE
def test_what_is_asked_for_badly_is_not_asked_for(world: World, sysadmin: Person) -> None:
    """No address, no job, a job twice, no reason, an end that is none; and of who is here, or asked for already."""
    past = (now() - timedelta(hours=1)).isoformat()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"email": "nora"}, "email"),
        ({"roles": []}, "roles"),
        ({"roles": ["SUPPORT", "SUPPORT"]}, "roles"),
        ({"why": "Because."}, "why"),
        ({"endsAt": past}, "until"),
        ({"endsAt": (now() + timedelta(days=400)).isoformat()}, "until"),
    ]
    for given, field in wrong:
        with world.unchanged():
            refused = add(world, sysadmin, **given)
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", field), given
    for taken in (sysadmin.email.upper(), world.register("ada").email):
        with world.unchanged():
            assert add(world, sysadmin, email=taken).code == "CONFLICT"
    add(world, sysadmin).data  # noqa: B018 - fails where it did not work
    with world.unchanged():
        assert add(world, sysadmin, email=NORA.upper()).code == "CONFLICT"
    nobody = {"staffId": global_id("Staff", uuid.uuid4()), "role": "SUPPORT", "why": WHY}
    with world.unchanged("access.denied"):
        assert world.do("assignRole", sysadmin, **nobody).code == "NOT_FOUND"


@ONE
def test_jobs_that_exclude_one_another_are_refused_twice(world: World, sysadmin: Person, security: Person) -> None:
    """When they are asked for; and when they are given, if somebody got the other one meanwhile."""
    with world.unchanged("role.refused"):
        assert add(world, sysadmin, roles=["SECURITY", "SYSADMIN"]).code == "CONFLICT"
    held = {"staffId": world.own_id(security), "role": "PRIVACY", "why": WHY}
    with world.unchanged("role.refused"):
        assert world.do("assignRole", sysadmin, **held).code == "CONFLICT"
    member = world.employ(StaffRole.SUPPORT)
    asked_for = {"staffId": world.own_id(member), "role": "PRIVACY", "why": WHY}
    waiting = world.do("assignRole", sysadmin, wants=WANTED, **asked_for).data["it"]["appointment"]["id"]
    staff.assign(world.house, member.email, StaffRole.SECURITY)
    with world.unchanged("role.refused"):
        assert approve(world, security, waiting).code == "CONFLICT"
    assert roles(world, member) == ["SECURITY", "SUPPORT"]


@ONE
def test_what_can_not_be_given_any_more_is_not(world: World, sysadmin: Person, security: Person) -> None:
    """The address was taken, the colleague has left, or the end has passed: told so, and nothing happens."""
    taken = add(world, sysadmin).data["it"]["appointment"]["id"]
    staff.add(world.house, NORA, [StaffRole.SUPPORT])
    member = world.employ(StaffRole.SUPPORT)
    gone = {"staffId": world.own_id(member), "role": "PRIVACY", "why": WHY}
    leaver = world.do("assignRole", sysadmin, wants=WANTED, **gone).data["it"]["appointment"]["id"]
    staff.dismiss(world.house, member.email)
    late = asked(world)
    with transaction(world.house.store.engine) as session:
        row = session.get(Appointment, raw_id(late))
        assert row is not None
        row.ends_at = now() - timedelta(seconds=1)
    for each in (taken, leaver, late):
        with world.unchanged():
            assert approve(world, security, each).code == "CONFLICT"
        world.do("denyAppointment", sysadmin, appointmentId=each).data  # noqa: B018 - fails where it did not work
    assert [each["details"] for each in world.events("appointment.denied")] == [
        {"withdrawn": True}, {"withdrawn": True}, {"withdrawn": False},
    ]  # fmt: skip


@ONE
def test_one_person_takes_a_job_away_and_never_their_own(world: World, sysadmin: Person, security: Person) -> None:
    """Security alone, at once; one that is not held is a conflict, and one's own somebody else's to take."""
    member = world.employ(StaffRole.SUPPORT, StaffRole.PRIVACY)
    lost = {"staffId": world.own_id(member), "role": "PRIVACY"}
    with world.unchanged("access.denied"):
        assert world.do("revokeRole", sysadmin, **lost).code == "FORBIDDEN"
    world.do("revokeRole", security, **lost).data  # noqa: B018 - fails where it did not work
    assert roles(world, member) == ["SUPPORT"]
    with world.unchanged():
        assert world.do("revokeRole", security, **lost).code == "CONFLICT"
    with world.unchanged():
        own = world.do("revokeRole", security, staffId=world.own_id(security), role="SECURITY")
    assert (own.code, own.field) == ("BAD_USER_INPUT", "staffId")
