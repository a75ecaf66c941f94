"""What is held about somebody: every table that says whose its rows are, counted in one statement.

Derived from the models, as exports and erasures are, so that no table can be left out of the answer.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, inspect, literal, or_, select, union_all
from sqlalchemy.orm import Session

from storage.assets import Blob
from storage.catalogue import models
from storage.ledger import trail
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.outputs import Output
from storage.reading import Door
from storage.records import Exported, Holding, Record

KEPT = {
    "account": "As long as the account.",
    "user_content": "As long as you chose with setRetention; unsaid, until you delete it, or the account.",
    "project": "Until you delete it, or the account; or until the end you named with setRetention.",
    "export": "The request as long as the account; the archive until it expires.",
    "session": "Hours to days; then it is swept.",
    "deletion": "For good, as ids and counts: it shows that the deletion was done.",
    "recall": "Until a provider of models confirmed; it is about nobody.",
    "audit": "For good, without you in it: who it was is forgotten with the account, or after a year.",
    "staff": "As long as the member of staff.",
    "services": "For good; it is about nobody.",
    "access_reviews": "As long as the account, what is about a key of yours; the rest for good, about nobody.",
    "appointments": "For good; it is about nobody.",
    "changes": "For good; it is about nobody.",
    "continuity": "For good; it is about nobody.",
    "findings": "For good; it is about nobody.",
    "published_notice": "For good: it is about nobody, and shows what was told.",
    "platform": "One row each, written over; it is about nobody.",
}
"""How long each class of the retention schedule stays, in words for the person it is about."""


@dataclass(frozen=True)
class Held:
    """One kind of record about somebody."""

    kind: str
    about: str
    count: int
    sealed: tuple[str, ...]
    """The columns that hold ciphertext only."""
    keyed: tuple[str, ...]
    plain: tuple[str, ...]
    kept: str
    exported_as: str | None
    not_exported: str | None


@dataclass(frozen=True)
class Touch:
    """What one component or kind of caller did with somebody's data, and how often."""

    component: str
    action: str
    times: int
    last_at: datetime


@dataclass(frozen=True)
class Copy:
    """What was sent to one provider of models to be answered."""

    provider: str
    model: str
    outputs: int
    first_at: datetime
    last_at: datetime


_STORES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def store_of(session: Session) -> str:
    """Which kind of database the rows are in."""
    return _STORES[session.get_bind().dialect.name]


def held(session: Session, person_id: uuid.UUID) -> list[Held]:
    """Every kind of record that can be about somebody: how many are about this person, and their part in the trail."""
    about = [model for model in models() if model.card.subject is not None]
    counts = [_count(model, model, getattr(model, str(model.card.subject)) == person_id) for model in about]
    who = (AuditPersonal.actor_id, AuditPersonal.on_behalf_of, AuditPersonal.subject_id)
    counts.append(_count(AuditEvent, AuditPersonal, or_(*(column == person_id for column in who))))
    found: dict[str, int] = {row.kind: row.number for row in session.execute(union_all(*counts))}
    kinds: list[type[Record]] = [*about, AuditEvent]
    return [_held(model, found[model.__tablename__]) for model in kinds]


def _count(kind: type[Record], rows: type[Record], mine: ColumnElement[bool]) -> Select[Any]:
    named = literal(kind.__tablename__).label("kind")
    return select(named, func.count().label("number")).select_from(rows).where(mine)


def file_bytes(session: Session, person_id: uuid.UUID) -> int:
    """How many bytes of files are kept for somebody: uploads, thumbnails, archives."""
    return session.scalar(select(func.coalesce(func.sum(Blob.byte_size), 0)).where(Blob.owner_id == person_id)) or 0


def touches(session: Session, door: Door, person_id: uuid.UUID, at_most: int) -> Iterator[Touch]:
    """Return what others did with this person's data, from the entries that `door` allows, newest first."""
    entries = trail.done_by_others(session, door, person_id).with_only_columns(
        AuditEvent.component, AuditEvent.action, AuditEvent.timestamp
    )
    each = entries.order_by(None).subquery()
    last = func.max(each.c.timestamp)
    grouped = select(each.c.component, each.c.action, func.count(), last).group_by(each.c.component, each.c.action)
    for component, action, times, last_at in session.execute(grouped.order_by(last.desc()).limit(at_most)):
        yield Touch(component, action, times, last_at)


def copies(session: Session, allowed: Select[Any], person_id: uuid.UUID) -> Iterator[Copy]:
    """Of the outputs that a door lets through, which providers this person's prompts went to."""
    mine = allowed.where(Output.owner_id == person_id).order_by(None)
    each = mine.with_only_columns(Output.provider, Output.model, Output.created_at).subquery()
    columns = (each.c.provider, each.c.model)
    grouped = select(*columns, func.count(), func.min(each.c.created_at), func.max(each.c.created_at))
    for row in session.execute(grouped.group_by(*columns).order_by(*columns)):
        yield Copy(*row)


def _held(model: type[Record], count: int) -> Held:
    card = model.card
    by_holding: dict[Holding, list[str]] = {holding: [] for holding in Holding}
    for column in inspect(model).columns:
        by_holding[column.info["holding"]].append(column.name)
    said = " ".join((model.__doc__ or "").strip().partition("\n\n")[0].replace("`", "").split())
    return Held(
        kind=model.__tablename__,
        about=said,
        count=count,
        sealed=tuple(by_holding[Holding.SEALED]),
        keyed=tuple(by_holding[Holding.KEYED]),
        plain=tuple(by_holding[Holding.PLAIN]),
        kept=KEPT[card.retention],
        exported_as=card.export.file if isinstance(card.export, Exported) else None,
        not_exported=None if isinstance(card.export, Exported) else card.export.reason,
    )
