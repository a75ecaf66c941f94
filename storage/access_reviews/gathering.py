"""What a review is about: everything that may do something, held against what the review before had confirmed.

Jobs, agents, components and services all. Of contributors' keys those alone that were unused for long: the others are
their owners' to judge, and each ends within a year.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage import privileges
from storage.access_reviews.records import (
    DORMANT_AFTER,
    STANDING,
    AccessReview,
    AccessReviewItem,
    ReviewChange,
    ReviewFlag,
    ReviewItemStatus,
    ReviewKind,
)
from storage.ids import earliest_id, new_id
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.services import Service, ServiceKind, ServiceStatus
from storage.sessions import ApiKey
from storage.staff import RoleAssignment, StaffRole, separation

Key = tuple[ReviewKind, object]
"""What a thing is known by from one review to the next: its row, or its name."""


@dataclass(frozen=True)
class Rights:
    """What each job and each agent may do by the policy in force, as hashes that change with it."""

    jobs: Mapping[StaffRole, str]
    agents: Mapping[str, str]


@dataclass(frozen=True)
class Candidate:
    """Something that may do something now."""

    kind: ReviewKind
    name: str
    rights_hash: str
    object_id: uuid.UUID | None = None
    owner_id: uuid.UUID | None = None
    holder_id: uuid.UUID | None = None
    last_used_at: datetime | None = None
    flags: frozenset[ReviewFlag] = frozenset()

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.kind, self.object_id or self.name


def items(session: Session, review: AccessReview, rights: Rights) -> Iterator[AccessReviewItem]:
    """An item for everything that there is at the review's beginning, and for what has gone since the one before."""
    before = _confirmed(session)
    present = list(candidates(session, rights, review.opened_at))
    for each in present:
        yield _item(each, review, _change(each, before.get(each.key)))
    seen = {each.key for each in present}
    for key, old in before.items():
        if key not in seen and not _works(session, old, review.opened_at):
            gone = Candidate(old.kind, old.name, old.rights_hash, old.object_id, old.owner_id, old.holder_id)
            row = _item(gone, review, ReviewChange.REMOVED)
            row.status, row.decided_at = ReviewItemStatus.GONE, review.opened_at
            yield row


def candidates(session: Session, rights: Rights, moment: datetime) -> Iterator[Candidate]:
    """Everything that may do something at that moment, with what a reviewer should know of each."""
    yield from _jobs(session, rights, moment)
    yield from _keys(session, moment)
    yield from _services(session)
    for name, found in sorted(rights.agents.items()):
        yield _unattended(session, ReviewKind.AGENT, name, found, moment)
    for name, found in sorted(privileges.hashes().items()):
        yield _unattended(session, ReviewKind.COMPONENT, name, found, moment)


def altered(session: Session, rights: Rights) -> bool:
    """Whether some job or agent may do something else by now than when the last review left it standing."""
    now_by = {
        ReviewKind.STAFF_ROLE: {job.value: found for job, found in rights.jobs.items()},
        ReviewKind.AGENT: rights.agents,
    }
    left = (each for each in _confirmed(session).values() if each.kind in now_by)
    return any(now_by[each.kind].get(each.name) != each.rights_hash for each in left)


def stands(session: Session, item: AccessReviewItem, moment: datetime) -> bool:
    """Whether what an item is about is still there."""
    return not item.kind.ends_here or _works(session, item, moment)


def excluded(session: Session, item: AccessReviewItem, moment: datetime) -> bool:
    """Whether whoever holds the job of an item holds another one now that excludes it."""
    if item.kind is not ReviewKind.STAFF_ROLE:
        return False
    theirs = select(RoleAssignment.role).where(RoleAssignment.staff_id == item.holder_id, _held(moment))
    role = StaffRole(item.name)
    return separation(set(session.scalars(theirs)) - {role}, role) is not None


def used_since(session: Session, item: AccessReviewItem) -> bool:
    """Whether somebody has used the key of an item after its review had begun."""
    used = select(ApiKey.id).where(ApiKey.id == item.object_id, ApiKey.last_used_at > item.opened_at)
    return session.scalar(used) is not None


def _item(each: Candidate, review: AccessReview, change: ReviewChange) -> AccessReviewItem:
    return AccessReviewItem(
        id=new_id(),
        review_id=review.id,
        kind=each.kind,
        object_id=each.object_id,
        name=each.name,
        owner_id=each.owner_id,
        holder_id=each.holder_id,
        rights_hash=each.rights_hash,
        change=change,
        flags=sorted(each.flags),
        opened_at=review.opened_at,
        last_used_at=each.last_used_at,
    )


def _change(each: Candidate, old: AccessReviewItem | None) -> ReviewChange:
    if old is None:
        return ReviewChange.NEW
    return ReviewChange.UNCHANGED if old.rights_hash == each.rights_hash else ReviewChange.CHANGED


def _confirmed(session: Session) -> dict[Key, AccessReviewItem]:
    """What the last review left standing."""
    last = select(AccessReview.id).where(AccessReview.closed_at.is_not(None)).order_by(AccessReview.number.desc())
    left = select(AccessReviewItem).where(
        AccessReviewItem.review_id == last.limit(1).scalar_subquery(), AccessReviewItem.status.in_(STANDING)
    )
    return {(each.kind, each.object_id or each.name): each for each in session.scalars(left)}


def _works(session: Session, item: AccessReviewItem, moment: datetime) -> bool:
    ways: dict[ReviewKind, tuple[type[ApiKey | RoleAssignment | Service], ColumnElement[bool]]] = {
        ReviewKind.API_KEY: (ApiKey, _live(moment)),
        ReviewKind.SERVICE: (Service, Service.status == ServiceStatus.APPROVED),
        ReviewKind.STAFF_ROLE: (RoleAssignment, _held(moment)),
    }
    if item.kind not in ways:
        return False
    model, holds = ways[item.kind]
    return session.scalar(select(model.id).where(model.id == item.object_id, holds)) is not None


def _live(moment: datetime) -> ColumnElement[bool]:
    return ApiKey.revoked_at.is_(None) & (ApiKey.expires_at > moment)


def _held(moment: datetime) -> ColumnElement[bool]:
    return or_(RoleAssignment.ends_at.is_(None), RoleAssignment.ends_at > moment)


def _jobs(session: Session, rights: Rights, moment: datetime) -> Iterator[Candidate]:
    rows = list(session.scalars(select(RoleAssignment).where(_held(moment)).order_by(RoleAssignment.id)))
    held: dict[uuid.UUID, set[StaffRole]] = defaultdict(set)
    for row in rows:
        held[row.staff_id].add(row.role)
    for row in rows:
        used = _last_act(session, row.staff_id)
        flags = set(_unused(used, moment))
        if separation(held[row.staff_id] - {row.role}, row.role) is not None:
            flags.add(ReviewFlag.SEPARATION_CONFLICT)
        yield Candidate(
            ReviewKind.STAFF_ROLE,
            row.role.value,
            rights.jobs[row.role],
            row.id,
            holder_id=row.staff_id,
            last_used_at=used,
            flags=frozenset(flags),
        )


def _last_act(session: Session, actor: uuid.UUID) -> datetime | None:
    """When the trail last saw somebody do something."""
    mine = select(AuditPersonal.event_id).where(AuditPersonal.actor_id == actor)
    last = mine.order_by(AuditPersonal.event_id.desc()).limit(1).scalar_subquery()
    return session.scalar(select(AuditEvent.timestamp).where(AuditEvent.id == last))


def _keys(session: Session, moment: datetime) -> Iterator[Candidate]:
    before = moment - DORMANT_AFTER
    unused = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= before) & (ApiKey.created_at <= before)
    for row in session.scalars(select(ApiKey).where(_live(moment), unused).order_by(ApiKey.id)):
        yield Candidate(
            ReviewKind.API_KEY,
            row.prefix,
            _hashed(*sorted(row.scopes)),
            row.id,
            owner_id=row.owner_id,
            last_used_at=row.last_used_at,
            flags=frozenset(_unused(row.last_used_at, moment)),
        )


def _services(session: Session) -> Iterator[Candidate]:
    """What is approved, but for what runs inside the house: that is a part of the platform itself."""
    outside = (Service.status == ServiceStatus.APPROVED) & (Service.kind != ServiceKind.INTERNAL)
    for row in session.scalars(select(Service).where(outside).order_by(Service.id)):
        terms = _hashed(str(row.id), *sorted(row.categories), *sorted(row.regions))
        yield Candidate(ReviewKind.SERVICE, row.address, terms, row.id, holder_id=row.registered_by)


def _unattended(session: Session, kind: ReviewKind, name: str, rights_hash: str, moment: datetime) -> Candidate:
    """An agent or a component, and when the trail last saw it at work, if it did within the time that counts."""
    column = AuditEvent.component
    mine = column == f"agent:{name}" if kind is ReviewKind.AGENT else _of_login(column, name)
    recent = select(AuditEvent.timestamp).where(mine, AuditEvent.id >= earliest_id(moment - DORMANT_AFTER))
    used = session.scalar(recent.order_by(AuditEvent.id.desc()).limit(1))
    flags = frozenset({ReviewFlag.DORMANT} if used is None else ())
    return Candidate(kind, name, rights_hash, last_used_at=used, flags=flags)


def _of_login(column: InstrumentedAttribute[str], name: str) -> ColumnElement[bool]:
    return column == "api" if name == privileges.API else column.startswith("agent:")


def _unused(used: datetime | None, moment: datetime) -> Iterator[ReviewFlag]:
    if used is None:
        yield ReviewFlag.NEVER_USED
    elif used <= moment - DORMANT_AFTER:
        yield ReviewFlag.DORMANT


def _hashed(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()
