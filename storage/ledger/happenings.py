"""The log as the sentinel reads it: entries by their places, with who did what to whom. Nothing is opened."""

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalogue import models
from storage.ledger import leaves
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.ledger.events import Resource
from storage.ledger.rows import AuditPending, AuditSequence

_DENIED = "access.denied"
MOST_BEFORE = 100_000
MADE_UP = uuid.UUID(int=0)
"""The id of an entry that somebody made up."""


@dataclass(frozen=True)
class Happening:
    """One entry: what happened, and the ids of those in it, as far as they are not forgotten."""

    at: datetime
    action: str
    outcome: str = "SUCCESS"
    actor_kind: str = "CONTRIBUTOR"
    actor_id: uuid.UUID | None = None
    on_behalf_of: uuid.UUID | None = None
    subject_id: uuid.UUID | None = None
    component: str = "api"
    resource: str = "platform"
    details: Mapping[str, Any] | None = None
    under_grant: bool = False
    resource_id: uuid.UUID | None = None
    """Of a thing that is no person; of a refusal what was asked for."""
    entry_id: uuid.UUID = MADE_UP


_LAST = select(func.max(AuditSequence.leaf_index))  # built once: it is asked again and again
_ENTRIES = select(AuditEvent, AuditPersonal).outerjoin(AuditPersonal, AuditPersonal.event_id == AuditEvent.id)


def between(session: Session, start: int, stop: int, actions: Collection[str]) -> list[Happening]:
    """The entries with these actions from place `start` to before `stop`, in order."""
    chosen = (
        _ENTRIES.join(AuditSequence, AuditSequence.event_id == AuditEvent.id)
        .where(AuditSequence.leaf_index >= start, AuditSequence.leaf_index < stop, AuditEvent.action.in_(actions))
        .order_by(AuditSequence.leaf_index)
    )
    return _owned(session, [_happening(entry, personal) for entry, personal in session.execute(chosen)])


def waiting(session: Session, before: datetime, actions: Collection[str]) -> list[Happening]:
    """Return entries with these actions from before that moment that have no place yet, in the order of their ids.

    There are such while a log is halted. Ids are their writers' own: one says nothing about what came before it.
    """
    chosen = (
        _ENTRIES.join(AuditPending, AuditPending.event_id == AuditEvent.id)
        .where(AuditEvent.timestamp < before, AuditEvent.action.in_(actions))
        .order_by(AuditEvent.id)
    )
    return _owned(session, [_happening(entry, personal) for entry, personal in session.execute(chosen)])


def ids_between(session: Session, start: int, stop: int, actions: Collection[str]) -> list[uuid.UUID]:
    """Return the ids alone of what `between` reads: they can be read even where an entry can't."""
    chosen = (
        select(AuditEvent.id)
        .join(AuditSequence, AuditSequence.event_id == AuditEvent.id)
        .where(AuditSequence.leaf_index >= start, AuditSequence.leaf_index < stop, AuditEvent.action.in_(actions))
        .order_by(AuditSequence.leaf_index)
    )
    return list(session.scalars(chosen))


def ids_waiting(session: Session, before: datetime, actions: Collection[str]) -> list[uuid.UUID]:
    """Return the ids alone of what `waiting` reads."""
    chosen = (
        select(AuditEvent.id)
        .join(AuditPending, AuditPending.event_id == AuditEvent.id)
        .where(AuditEvent.timestamp < before, AuditEvent.action.in_(actions))
        .order_by(AuditEvent.id)
    )
    return list(session.scalars(chosen))


def one(session: Session, entry_id: uuid.UUID) -> Happening | None:
    """Return one entry; None where it has left the database."""
    row = session.execute(_ENTRIES.where(AuditEvent.id == entry_id)).one_or_none()
    return None if row is None else _owned(session, [_happening(row[0], row[1])])[0]


def end(session: Session) -> int:
    """The place that the next entry will have."""
    last = session.scalar(_LAST)
    return 0 if last is None else last + 1


def place_at(session: Session, moment: datetime) -> int:
    """The place of the first entry of that moment or later; the end where there is none."""
    first = (
        select(func.min(AuditSequence.leaf_index))
        .join(AuditEvent, AuditEvent.id == AuditSequence.event_id)
        .where(AuditEvent.timestamp >= moment)
    )
    found = session.scalar(first)
    return end(session) if found is None else found


def place_ago(session: Session, moment: datetime, end: int) -> int:
    """Return the place of the first entry of that moment or later, and at most 100,000 places before `end`.

    Times are their writers' own: one entry that says it is from the future would have everything read once more.
    """
    return max(place_at(session, moment), end - MOST_BEFORE, 0)


def _owned(session: Session, found: list[Happening]) -> list[Happening]:
    """Refusals with whose the thing is that does not exist for whoever asked, as far as there is one.

    The entry does not say so, and nothing here is kept: whoever was refused reads their own entries, and whoever owns
    the thing is not told of somebody who got nothing.
    """
    asked: dict[str, set[uuid.UUID]] = {}
    for each in found:
        if _hides(each) and each.resource_id is not None:
            asked.setdefault(each.resource, set()).add(each.resource_id)
    if not asked:
        return found
    owners: dict[tuple[str, uuid.UUID | None], uuid.UUID]
    owners = {(kind, thing): owner for kind, ids in asked.items() for thing, owner in _owners(session, kind, ids)}
    return [
        replace(each, subject_id=owners.get((each.resource, each.resource_id))) if _hides(each) else each
        for each in found
    ]


def _hides(happening: Happening) -> bool:
    said = happening.details or {}
    return (happening.action, happening.subject_id, said.get("code")) == (_DENIED, None, "NOT_FOUND")


def _owners(session: Session, kind: str, ids: Collection[uuid.UUID]) -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    for model in models():
        subject = model.card.subject
        if (
            subject is None
            or Resource.of(model.__name__).value != kind
            or [column.name for column in model.__table__.primary_key] != ["id"]
        ):
            continue
        rows = select(model.__table__.c.id, model.__table__.c[subject]).where(model.__table__.c.id.in_(ids))
        yield from ((row[0], row[1]) for row in session.execute(rows) if row[1] is not None)


def _thing(entry: AuditEvent, personal: AuditPersonal | None) -> uuid.UUID | None:
    """What it happened to; of a refusal what the caller asked for, which stands on the personal side."""
    if entry.resource_id is None and personal is not None and entry.action == _DENIED:
        return personal.resource_id
    return entry.resource_id


def _happening(entry: AuditEvent, personal: AuditPersonal | None) -> Happening:
    record = leaves.read(entry.leaf)
    return Happening(
        at=entry.timestamp,
        action=entry.action,
        outcome=entry.outcome.value,
        actor_kind=record["actorKind"],
        actor_id=None if personal is None else personal.actor_id,
        on_behalf_of=None if personal is None else personal.on_behalf_of,
        subject_id=None if personal is None else personal.subject_id,
        component=entry.component,
        resource=entry.resource.value,
        details=record["details"],
        under_grant=record["grantId"] is not None,
        resource_id=_thing(entry, personal),
        entry_id=entry.id,
    )
