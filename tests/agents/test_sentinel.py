"""The sentinel: what it finds, what it ends at once, whom it tells, and what it leaves alone."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from agents.sentinel import Sentinel
from agents.sentinel.detecting import Detector
from agents.sentinel.detections import DETECTIONS, WAITING
from agents.sentinel.fixtures import firing, selftest
from policies.access import Access
from policies.actions import Action
from policies.principals import Kind, Principal
from storage.clock import now
from storage.contributors import Contributor
from storage.database import transaction
from storage.exports import ExportScope
from storage.grants import AccessGrant, AccessScope, Decider, GrantStatus, ReasonCode
from storage.ids import new_id
from storage.incidents import Incident, IncidentStatus
from storage.ledger import leaves
from storage.ledger.affected import affected
from storage.ledger.entries import AuditEvent
from storage.ledger.events import ContentRead, Event, ExportRequested, Outcome, Resource
from storage.ledger.scope import AuditScope
from storage.sessions import ApiKey, Session, SubjectKind
from storage.staff import StaffRole
from tests.agents.test_ledger import settle
from tests.agents.worlds import ROOT, World

LATER = timedelta(hours=1)


@pytest.fixture
def sentinel(world: World) -> Iterator[Sentinel]:
    """One that has begun before anything happens."""
    found = Sentinel(world.store, "0" * 16)
    found.advance()
    yield found


def happened(world: World, kind: str, actor: uuid.UUID | None, *events: Event, owner: uuid.UUID | None = None) -> None:
    """Entries of one actor's, with their places."""
    scope = AuditScope("api", kind, actor, owner, None, None, uuid.uuid4(), "0" * 16)
    with world.store.begin(scope) as work:
        for event in events:
            work.record(event, Outcome.SUCCESS)
    settle(world)


def read_of(person: uuid.UUID) -> ContentRead:
    thing = (new_id(),)
    return ContentRead(
        resource_id=None, subject_id=person, resource_kind=Resource.ASSET, object_count=1, object_ids=thing
    )


def session_of(world: World, person: uuid.UUID, kind: SubjectKind = SubjectKind.CONTRIBUTOR) -> uuid.UUID:
    with world.work() as work:
        row = Session(id=new_id(), token_hash=new_id().bytes, kind=kind, subject_id=person, expires_at=now() + LATER)
        work.session.add(row)
    return row.id


def key_of(world: World, owner: uuid.UUID) -> uuid.UUID:
    with world.work() as work:
        row = ApiKey(id=new_id(), owner_id=owner, prefix=new_id().hex[-8:], scopes=["read"], expires_at=now() + LATER)
        work.vault.seal(row, name="k")
        work.session.add(row)
    return row.id


def grant_to(world: World, staff: uuid.UUID, person: uuid.UUID) -> uuid.UUID:
    with world.work() as work:
        row = AccessGrant(
            id=new_id(), subject_id=person, grantee_id=staff, role=StaffRole.SUPPORT, scope=AccessScope.ACCOUNT,
            object_id=person, reason=ReasonCode.SUPPORT_REQUEST, decider=Decider.CONTRIBUTOR,
            status=GrantStatus.ACTIVE, requested_at=now(), decided_at=now(), expires_at=now() + LATER,
        )  # fmt: skip
        work.vault.seal(row, justification="for this test", ticket="1")
        work.session.add(row)
    return row.id


def all_of(world: World, model: Any) -> list[Any]:
    with transaction(world.store.engine, read_only=True) as session:
        found = list(session.scalars(select(model)))
        for each in found:
            session.expunge(each)
    return found


def told(world: World, action: str) -> list[dict[str, Any]]:
    with transaction(world.store.engine, read_only=True) as session:
        chosen = select(AuditEvent.leaf).where(AuditEvent.action == action).order_by(AuditEvent.id)
        return [leaves.read(leaf)["details"] for leaf in session.scalars(chosen)]


def test_every_detection_fires_and_is_quiet_where_it_should_be() -> None:
    """Each on its own fixtures; each has a runbook; what waits is not looked for, and all twenty are spoken of."""
    assert [each.text for each in selftest() if not each.good] == []
    known = [detection.id for detection in DETECTIONS]
    assert sorted([*known, *WAITING]) == [f"D{number:02}" for number in range(1, 21)]
    for detection in DETECTIONS:
        assert (ROOT / detection.runbook).is_file()
        assert f"| {detection.id} " in (ROOT / "docs/operations/incidents.md").read_text()


def test_a_count_is_of_one_window_and_starts_anew_after_a_hit() -> None:
    """The same entries twice are two hits, not one for each entry after the first."""
    d03 = next(each for each in DETECTIONS if each.id == "D03")
    detector = Detector([d03])
    burst = firing(d03)
    assert len(detector.feed_all(burst)) == 1
    assert len(detector.feed_all(burst[:-1])) == 0


def test_staff_who_read_what_is_many_peoples_are_stopped_at_once(world: World, sentinel: Sentinel) -> None:
    """Sessions and grants end, those others hold do not; security and privacy are told; the trail says whom it concerns."""
    staff, colleague = new_id(), new_id()
    people = [world.contributor() for _ in range(3)]
    session, other = (session_of(world, each, SubjectKind.STAFF) for each in (staff, colleague))
    grant, kept = grant_to(world, staff, people[0]), grant_to(world, colleague, people[0])
    happened(world, "STAFF", staff, *map(read_of, people[:2]))
    sentinel.advance()
    assert all_of(world, Incident) == []
    happened(world, "STAFF", staff, read_of(people[2]))
    sentinel.advance()
    (incident,) = all_of(world, Incident)
    assert (incident.detection, incident.status, incident.actor_id) == ("D02", IncidentStatus.CONTAINED, staff)
    assert (incident.sessions_ended, incident.grants_ended, incident.drill) == (1, 1, False)
    assert {row.id for row in all_of(world, Session) if row.revoked_at is None} == {other}
    assert session != other
    assert {row.id: row.status for row in all_of(world, AccessGrant)} == {
        grant: GrantStatus.ENDED,
        kept: GrantStatus.ACTIVE,
    }
    assert [each["role"] for each in told(world, "incident.alerted")] == ["SECURITY", "PRIVACY"]
    assert told(world, "incident.contained")[0]["grantsEnded"] == 1
    assert len(told(world, "access_grant.ended")) == 1
    with transaction(world.store.engine, read_only=True) as reading:
        assert affected(reading, incident) == sorted(people, key=str)


def test_a_key_is_suspended_and_its_owner_is_not(world: World, sentinel: Sentinel) -> None:
    """The key stops; its owner's session, and every right of theirs, goes on."""
    ada, others = world.contributor(), [world.contributor() for _ in range(3)]
    key, session = key_of(world, ada), session_of(world, ada)
    happened(world, "API_KEY", key, *map(read_of, others), owner=ada)
    sentinel.advance()
    (incident,) = all_of(world, Incident)
    assert (incident.keys_suspended, incident.sessions_ended) == (1, 0)
    assert [row.suspended_at is not None for row in all_of(world, ApiKey)] == [True]
    assert [row.revoked_at for row in all_of(world, Session) if row.id == session] == [None]
    with transaction(world.store.engine, read_only=True) as reading:
        door = Access(world.policy, Principal(Kind.CONTRIBUTOR, id=ada, stepped_up=True), reading)
        for action in (Action.READ, Action.EXPORT, Action.DELETE):
            assert door.get(Contributor, ada, action).id == ada


def test_a_contributor_signs_in_again_and_has_every_right(world: World, sentinel: Sentinel) -> None:
    """Five exports in an hour end the session that asked for them; the account is as it was."""
    ada, ben = world.contributor(), world.contributor()
    mine, bens = session_of(world, ada), session_of(world, ben)
    asked = [ExportRequested(resource_id=new_id(), subject_id=ada, scope=ExportScope.ACCOUNT) for _ in range(5)]
    happened(world, "CONTRIBUTOR", ada, *asked)
    sentinel.advance()
    assert {row.id for row in all_of(world, Session) if row.revoked_at is None} == {bens}
    assert mine not in {bens}
    (incident,) = all_of(world, Incident)
    assert (incident.detection, incident.sessions_ended) == ("D01", 1)
    assert [row.status.value for row in all_of(world, Contributor)] == ["ACTIVE", "ACTIVE"]


def test_what_goes_on_joins_the_incident_until_people_have_decided(world: World, sentinel: Sentinel) -> None:
    """One incident while nobody has decided, another one afterwards; a new session is ended each time."""
    staff, people = new_id(), [world.contributor() for _ in range(3)]
    for hits in (1, 2):
        session_of(world, staff, SubjectKind.STAFF)
        happened(world, "STAFF", staff, *map(read_of, people))
        sentinel.advance()
        (incident,) = all_of(world, Incident)
        assert (incident.hits, incident.sessions_ended) == (hits, hits)
    with world.work() as work:
        work.session.execute(update(Incident).values(status=IncidentStatus.FALSE_POSITIVE))
    happened(world, "STAFF", staff, *map(read_of, people))
    sentinel.advance()
    assert len(all_of(world, Incident)) == 2


def test_another_process_goes_on_and_counts_what_was_before(world: World, sentinel: Sentinel) -> None:
    """Two of three reads seen by one that ended: the next one knows of them, and acts on nothing twice."""
    staff, people = new_id(), [world.contributor() for _ in range(4)]
    happened(world, "STAFF", staff, *map(read_of, people[:2]))
    sentinel.advance()
    sentinel.release()
    second = Sentinel(world.store, "0" * 16)
    happened(world, "STAFF", staff, read_of(people[2]))
    second.advance()
    assert len(all_of(world, Incident)) == 1
    assert sentinel.advance() == 0  # the second has the lease
    second.release()
    assert Sentinel(world.store, "0" * 16).advance() >= 0
    assert [row.hits for row in all_of(world, Incident)] == [1]


def test_what_nobody_acknowledges_is_told_again_and_then_no_more(world: World, sentinel: Sentinel) -> None:
    """To every job that could, once its time has passed; acknowledged, it is quiet."""
    from agents.sentinel.acting import escalate

    staff, people = new_id(), [world.contributor() for _ in range(3)]
    happened(world, "STAFF", staff, *map(read_of, people))
    sentinel.advance()
    assert escalate(world.store, sentinel.scope()) == 0
    for attempt in (2, 3):
        with world.work() as work:
            work.session.execute(update(Incident).values(alerted_at=now() - timedelta(minutes=6)))
        assert escalate(world.store, sentinel.scope()) == 1
        last = told(world, "incident.alerted")[-3:]
        assert [(each["role"], each["attempt"]) for each in last] == [
            ("SECURITY", attempt),
            ("PRIVACY", attempt),
            ("SYSADMIN", attempt),
        ]
    with world.work() as work:
        past = now() - timedelta(days=1)
        work.session.execute(update(Incident).values(alerted_at=past, acknowledged_at=now()))
    assert escalate(world.store, sentinel.scope()) == 0


def test_it_says_that_it_is_there(world: World, sentinel: Sentinel) -> None:
    """Its first look is a beat, with how many detections it looks for."""
    assert [each["detections"] for each in told(world, "sentinel.beat")] == [len(DETECTIONS)]
