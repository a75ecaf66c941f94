"""The erasure journal: what must be destroyed, written before anything is, outside the backups of the data."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from storage.clock import now
from storage.keys.tables import erasure_journal

_AT_ONCE = 500  # SQLite takes a limited number of parameters


@dataclass(frozen=True)
class Erasure:
    """One entry. `closed_at` is set once the erasure is done; the entry stays, for backups that are older than it."""

    deletion_id: uuid.UUID
    owner: uuid.UUID
    scope: str
    object_id: uuid.UUID
    written_at: datetime
    closed_at: datetime | None


def write(session: Session, deletion_id: uuid.UUID, owner: uuid.UUID, scope: str, object_id: uuid.UUID) -> None:
    """Add an entry; writing the same deletion again changes nothing."""
    table = erasure_journal
    if session.execute(select(table.c.deletion_id).where(table.c.deletion_id == deletion_id)).first() is None:
        values = {"deletion_id": deletion_id, "owner": owner, "scope": scope, "object_id": object_id}
        session.execute(insert(table).values(**values, written_at=now()))


def close(session: Session, deletion_id: uuid.UUID) -> None:
    """Say that an erasure is done; closing it again changes nothing."""
    table = erasure_journal
    still_open = (table.c.deletion_id == deletion_id) & table.c.closed_at.is_(None)
    session.execute(update(table).where(still_open).values(closed_at=now()))


def listed(session: Session, *, closed: bool) -> list[Erasure]:
    """Entries in the order in which they were written: the open ones, or with `closed` all of them."""
    table = erasure_journal
    statement = select(table).order_by(table.c.written_at, table.c.deletion_id)
    if not closed:
        statement = statement.where(table.c.closed_at.is_(None))
    return [Erasure(**row._mapping) for row in session.execute(statement)]


def is_listed(session: Session, deletion_id: uuid.UUID) -> bool:
    """Whether this deletion was ever journalled."""
    table = erasure_journal
    return session.execute(select(table.c.deletion_id).where(table.c.deletion_id == deletion_id)).first() is not None


def journalled(session: Session, object_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of these things that were ever journalled for erasure."""
    found: set[uuid.UUID] = set()
    column, ids = erasure_journal.c.object_id, list(object_ids)
    for start in range(0, len(ids), _AT_ONCE):
        found |= set(session.scalars(select(column).where(column.in_(ids[start : start + _AT_ONCE]))))
    return found


def concerns(session: Session, object_id: uuid.UUID) -> bool:
    """Whether this thing was ever journalled for erasure."""
    table = erasure_journal
    return session.execute(select(table.c.deletion_id).where(table.c.object_id == object_id)).first() is not None
