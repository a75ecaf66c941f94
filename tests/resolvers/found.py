"""Incidents, reviews and findings as agents and checks leave them, for those who handle them."""

import uuid
from datetime import timedelta

from storage.access_reviews.records import (
    AccessReview,
    AccessReviewItem,
    ReviewChange,
    ReviewItemStatus,
    ReviewKind,
)
from storage.clock import now
from storage.controls.findings import Finding
from storage.database import transaction
from storage.ids import new_id
from storage.incidents import Incident, IncidentStatus, Severity
from storage.ledger.events import ContentRead, Resource
from storage.ledger.scope import AuditScope
from storage.lockdowns import Lockdown, LockdownStatus
from storage.outages import Component, Outage
from storage.sessions import ApiKey
from tests.world import Person, World, agent_scope, global_id, raw_id


def incident(
    world: World,
    *people: uuid.UUID,
    kind: str = "STAFF",
    actor: uuid.UUID | None = None,
    status: IncidentStatus = IncidentStatus.CONTAINED,
) -> str:
    """An incident, as the sentinel opens one: of an actor who has read what is these people's."""
    actor = actor or uuid.uuid4()
    scope = AuditScope("api", kind, actor, None, None, None, uuid.uuid4(), "0" * 16)
    with world.house.store.begin(scope) as work:
        began = work.now
        for person in people:
            work.record(
                ContentRead(
                    resource_id=None,
                    subject_id=person,
                    resource_kind=Resource.ASSET,
                    object_count=1,
                    object_ids=(uuid.uuid4(),),
                )
            )
        row = Incident(
            detection="D02", severity=Severity.CRITICAL, status=status, actor_kind=kind, actor_id=actor,
            began_at=began, contained_at=now() + timedelta(seconds=1), clock_until=now() + timedelta(hours=72),
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        return global_id("Incident", row.id)


def lockdown(world: World) -> str:
    """A lock-down that is over, begun by somebody who has left since."""
    with world.house.store.begin(agent_scope()) as work:
        row = Lockdown(
            id=uuid.uuid4(), status=LockdownStatus.ENDED, begun_by=uuid.uuid4(), expires_at=work.now, ended_at=work.now
        )
        work.vault.seal(row, reason="Somebody had a key that is not theirs.")
        work.session.add(row)
        work.session.flush()
        return global_id("Lockdown", row.id)


def maintenance(_ids: dict[str, str]) -> dict[str, str]:
    """What will be done tomorrow, for two hours."""
    begins, cause = now() + timedelta(days=1), "The disks are replaced."
    ends = begins + timedelta(hours=2)
    return {"component": "FILES", "cause": cause, "startsAt": begins.isoformat(), "endsAt": ends.isoformat()}


def outage(world: World) -> str:
    """An outage that is over, as the lookout leaves one."""
    row = Outage(id=uuid.uuid4(), component=Component.MODEL, started_at=now() - timedelta(hours=2), ended_at=now())
    with world.house.store.begin(agent_scope()) as work:
        work.session.add(row)
    return global_id("Outage", row.id)


def suspended_key(world: World, owner: Person) -> uuid.UUID:
    """An API key that an incident has suspended."""
    key = raw_id(world.key(owner, "read", name="suspended")[0])
    with world.house.store.begin(agent_scope()) as work:
        row = work.session.get(ApiKey, key)
        assert row is not None
        row.suspended_at = now()
    return key


def reviewed(world: World) -> tuple[str, str]:
    """A review that is closed, and of it an agent that nobody confirmed in time."""
    review = AccessReview(id=new_id(), number=1, due_at=now(), closed_at=now())
    item = AccessReviewItem(
        id=new_id(), review_id=review.id, kind=ReviewKind.AGENT, name="thumbnails", rights_hash="",
        change=ReviewChange.NEW, flags=[], status=ReviewItemStatus.OVERDUE,
    )  # fmt: skip
    with world.house.store.begin(agent_scope()) as work:
        work.session.add_all([review, item])
    return global_id("AccessReview", review.id), global_id("AccessReviewItem", item.id)


def finding(world: World, owner: str = "head of operations", check: str = "room") -> uuid.UUID:
    """Something that a check found amiss, which is theirs to mend."""
    with transaction(world.house.store.engine) as session:
        moment = now()
        row = Finding(
            id=new_id(), control=check, found_by=check, owner=owner, amiss=1, opened_at=moment,
            due_at=moment + timedelta(days=7), last_seen_at=moment,
        )  # fmt: skip
        session.add(row)
    return row.id
