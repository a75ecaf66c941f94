"""The sentinel: what it finds, what it ends at once, whom it tells, and what it leaves alone."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from agents.sentinel import Sentinel
from policies.access import Access
from policies.actions import Action
from policies.principals import Kind, Principal
from resolvers.detections import DETECTIONS
from storage.clock import now
from storage.contributors import Contributor
from storage.damages import Damage
from storage.database import transaction
from storage.deletions import DeletionScope
from storage.grants import AccessGrant, AccessScope, Decider, GrantStatus, ReasonCode
from storage.ids import new_id
from storage.incidents import Incident, IncidentStatus, Severity
from storage.ledger import leaves
from storage.ledger.affected import affected
from storage.ledger.entries import AuditEvent
from storage.ledger.events import (
    ContentDamaged,
    ContentRead,
    DeletionRequested,
    Discrepancy,
    Event,
    Identifier,
    LedgerHalted,
    Outcome,
    Resource,
)
from storage.ledger.scope import AuditScope
from storage.notices import Delivery, Notice, NoticeKind
from storage.sessions import ApiKey, Session, SubjectKind
from storage.staff import StaffRole
from tests.agents.test_ledger import settle
from tests.agents.worlds import World

LATER = timedelta(hours=1)


@pytest.fixture
def sentinel(world: World) -> Iterator[Sentinel]:
    """One that has begun before anything happens."""
    found = Sentinel(world.store, lambda: "0" * 16)
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


def deleted(owner: uuid.UUID) -> DeletionRequested:
    return DeletionRequested(resource_id=new_id(), subject_id=owner, scope=DeletionScope.PROJECT, object_id=new_id())


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


def strangers(count: int) -> list[uuid.UUID]:
    """Ids of so many contributors, of whom there need be no more than that for the trail."""
    return [new_id() for _ in range(count)]


def test_staff_who_read_what_is_many_peoples_are_stopped(world: World, sentinel: Sentinel) -> None:
    """From three on somebody looks; from ten on sessions and grants end, those of others do not, and it is told again."""
    staff, colleague = new_id(), new_id()
    people = [world.contributor() for _ in range(2)] + strangers(8)
    session, other = (session_of(world, each, SubjectKind.STAFF) for each in (staff, colleague))
    grant, kept = grant_to(world, staff, people[0]), grant_to(world, colleague, people[0])
    happened(world, "STAFF", staff, *map(read_of, people[:2]))
    sentinel.advance()
    assert all_of(world, Incident) == []
    happened(world, "STAFF", staff, *map(read_of, people[2:9]))
    sentinel.advance()
    (incident,) = all_of(world, Incident)
    assert (incident.detection, incident.status, incident.contained_at) == ("D02", IncidentStatus.DETECTED, None)
    assert {row.id for row in all_of(world, Session) if row.revoked_at is None} == {session, other}
    assert [row.status for row in all_of(world, AccessGrant)] == [GrantStatus.ACTIVE] * 2
    happened(world, "STAFF", staff, read_of(people[9]))
    sentinel.advance()
    (incident,) = all_of(world, Incident)
    assert (incident.status, incident.actor_id) == (IncidentStatus.CONTAINED, staff)
    assert (incident.sessions_ended, incident.grants_ended, incident.drill) == (1, 1, False)
    assert {row.id for row in all_of(world, Session) if row.revoked_at is None} == {other}
    assert {row.id: row.status for row in all_of(world, AccessGrant)} == {
        grant: GrantStatus.ENDED,
        kept: GrantStatus.ACTIVE,
    }
    assert [each["role"] for each in told(world, "incident.alerted")] == ["SECURITY", "PRIVACY"] * 2
    assert told(world, "incident.contained")[0]["grantsEnded"] == 1
    assert len(told(world, "access_grant.ended")) == 1
    with transaction(world.store.engine, read_only=True) as reading:
        assert affected(reading, incident) == sorted(people, key=str)


def test_a_key_is_suspended_and_its_owner_is_not(world: World, sentinel: Sentinel) -> None:
    """The key stops; its owner's session, and every right of theirs, goes on."""
    ada = world.contributor()
    key, session = key_of(world, ada), session_of(world, ada)
    happened(world, "API_KEY", key, *map(read_of, strangers(100)), owner=ada)
    sentinel.advance()
    (incident,) = all_of(world, Incident)
    assert (incident.keys_suspended, incident.sessions_ended) == (1, 0)
    assert [row.suspended_at is not None for row in all_of(world, ApiKey)] == [True]
    assert [row.revoked_at for row in all_of(world, Session) if row.id == session] == [None]
    with transaction(world.store.engine, read_only=True) as reading:
        door = Access(world.policy, Principal(Kind.CONTRIBUTOR, id=ada, stepped_up=True), reading)
        for action in (Action.READ, Action.EXPORT, Action.DELETE):
            assert door.get(Contributor, ada, action).id == ada


def test_what_goes_on_joins_the_incident_until_people_have_decided(world: World, sentinel: Sentinel) -> None:
    """One incident while nobody has decided, another one afterwards; the second, fourth and eighth hit are recorded."""
    ada = new_id()
    burst = [deleted(ada) for _ in range(3)]
    for hits in (1, 2, 3, 4):
        happened(world, "CONTRIBUTOR", ada, *burst)
        sentinel.advance()
        assert [row.hits for row in all_of(world, Incident)] == [hits]
    assert [each["hits"] for each in told(world, "incident.joined")] == [2, 4]
    with world.work() as work:
        work.session.execute(update(Incident).values(status=IncidentStatus.FALSE_POSITIVE))
    happened(world, "CONTRIBUTOR", ada, *burst)
    sentinel.advance()
    assert sorted(row.hits for row in all_of(world, Incident)) == [1, 4]


def test_another_process_goes_on_and_counts_what_was_before(world: World, sentinel: Sentinel) -> None:
    """Two of three reads seen by one that ended: the next one knows of them, and acts on nothing twice."""
    staff, people = new_id(), strangers(4)
    happened(world, "STAFF", staff, *map(read_of, people[:2]))
    sentinel.advance()
    sentinel.release()
    second = Sentinel(world.store, lambda: "0" * 16)
    happened(world, "STAFF", staff, read_of(people[2]))
    second.advance()
    assert len(all_of(world, Incident)) == 1
    assert sentinel.advance() == 0  # the second has the lease
    second.release()
    assert Sentinel(world.store, lambda: "0" * 16).advance() >= 0
    assert [row.hits for row in all_of(world, Incident)] == [1]


def test_what_nobody_acknowledges_is_told_again_and_then_no_more(world: World, sentinel: Sentinel) -> None:
    """To every job that could, once its time has passed; acknowledged, it is quiet."""
    from agents.sentinel.acting import escalate

    staff, people = new_id(), strangers(3)
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


def test_a_halted_log_does_not_blind_it(world: World, sentinel: Sentinel) -> None:
    """Entries that get no place are read while they wait, once each: that the log is halted, and a burst meanwhile."""
    ada = new_id()
    with time_machine.travel(now() + timedelta(seconds=1), tick=False) as clock:
        for kind, actor, events in (
            (
                "AGENT",
                None,
                [
                    LedgerHalted(
                        resource_id=None, subject_id=None, reason=Discrepancy.FORKED, published_count=2, present_count=1
                    )
                ],
            ),
            ("CONTRIBUTOR", ada, [deleted(ada) for _ in range(3)]),
        ):
            scope = AuditScope("api", kind, actor, None, None, None, uuid.uuid4(), "0" * 16)
            with world.store.begin(scope) as work:
                for event in events:
                    work.record(event, Outcome.SUCCESS)
        sentinel.advance()
        assert all_of(world, Incident) == []  # they may get their places yet
        for _ in range(2):
            clock.shift(timedelta(seconds=6))
            sentinel.advance()
            assert sorted((row.detection, row.hits) for row in all_of(world, Incident)) == [("D06", 1), ("D18", 1)]
        settle(world)
        sentinel.advance()
        sentinel.release()
        assert Sentinel(world.store, lambda: "0" * 16).advance() >= 0
    assert sorted((row.detection, row.hits) for row in all_of(world, Incident)) == [("D06", 1), ("D18", 1)]


def test_what_does_not_open_is_an_incident_of_nobodys(world: World, sentinel: Sentinel) -> None:
    """Whoever came upon it keeps their session and every right of theirs; a table of them is one incident."""
    ada, ben = world.contributor(), world.contributor()
    session = session_of(world, ada)
    harmed = [
        ContentDamaged(
            resource_id=new_id(), subject_id=each, resource_kind=Resource.ASSET, place=Identifier("assets.title"),
            damage=Damage.VALUE,
        )
        for each in (ada, ben, ada)
    ]  # fmt: skip
    happened(world, "CONTRIBUTOR", ada, *harmed)
    sentinel.advance()
    (incident,) = all_of(world, Incident)
    assert (incident.detection, incident.severity, incident.hits) == ("D05", Severity.CRITICAL, 3)
    assert (incident.status, incident.actor_id) == (IncidentStatus.DETECTED, None)
    assert [row.revoked_at for row in all_of(world, Session) if row.id == session] == [None]
    assert [each["role"] for each in told(world, "incident.alerted")] == ["SECURITY", "SYSADMIN"]
    with transaction(world.store.engine, read_only=True) as reading:
        assert affected(reading, incident) == sorted([ada, ben], key=str)
    assert all_of(world, Notice) == []  # they are told once it is confirmed


def test_a_contributor_whose_work_goes_is_written_to_at_once(world: World, sentinel: Sentinel) -> None:
    """A sealed notice in their own inbox, queued to be brought to them; once a day. Deleting goes on."""
    ada = world.contributor()
    for _ in "12":
        happened(world, "CONTRIBUTOR", ada, *[deleted(ada) for _ in range(3)])
        sentinel.advance()
    (notice,) = all_of(world, Notice)
    assert (notice.owner_id, notice.kind, notice.email) == (ada, NoticeKind.SECURITY, Delivery.QUEUED)
    assert len(told(world, "notice.issued")) == 1
    (incident,) = all_of(world, Incident)
    assert (incident.detection, incident.hits, incident.contained_at) == ("D18", 2, None)


def test_staff_under_a_grant_are_told_of_and_no_incident(world: World, sentinel: Sentinel) -> None:
    """Security, privacy and the contributor know at once; the grant goes on, and so does whoever holds it."""
    ada, staff = world.contributor(), new_id()
    grant = grant_to(world, staff, ada)
    things = (new_id(),)
    read = ContentRead(
        resource_id=None,
        subject_id=ada,
        grant_id=grant,
        resource_kind=Resource.ASSET,
        object_count=1,
        object_ids=things,
    )
    happened(world, "STAFF", staff, read, read)
    sentinel.advance()
    assert all_of(world, Incident) == []
    assert [each["role"] for each in told(world, "detection.alarmed")] == ["SECURITY", "PRIVACY"]
    assert [row.owner_id for row in all_of(world, Notice)] == [ada]
    assert [row.status for row in all_of(world, AccessGrant)] == [GrantStatus.ACTIVE]


def test_it_says_that_it_is_there(world: World, sentinel: Sentinel) -> None:
    """Its first look is a beat, with how many detections it looks for."""
    assert [each["detections"] for each in told(world, "sentinel.beat")] == [len(DETECTIONS)]
