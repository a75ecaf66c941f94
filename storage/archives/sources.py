"""Where an archive's records come from: every table whose data card says that it is exported, one snapshot of it.

The rows come from a door's `Select`, narrowed to the owner and the scope; how many there must be is counted beside it.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, inspect, or_, select, true
from sqlalchemy.orm import Session

from storage import reading
from storage.archives.proving import Told
from storage.assets import Asset, Blob
from storage.catalogue import models
from storage.exports import Export, ExportScope
from storage.ledger import trail
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.pages import with_decisions
from storage.records import READ_CONTENT, Exported, Record
from storage.vault import Vault

_BATCH = 200

AUDIT_EVENTS = "audit_events.jsonl"
ACCESS_LOG = "access_log.jsonl"
TRAIL = {
    AUDIT_EVENTS: "What was done in your account, by you and by the platform, as the audit trail has it.",
    ACCESS_LOG: "Of these, everything in which somebody or something other than you came near your data.",
}
"""The files that come from the audit trail, with a sentence on each."""


def take_snapshot(session: Session) -> None:
    """Let everything this session reads be as of one moment. To be called before it reads anything.

    SQLite's read transactions are so by themselves (https://sqlite.org/isolation.html); PostgreSQL's are asked to be.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def tables(scope: ExportScope) -> list[tuple[type[Record], str]]:
    """Each model with a subject that goes into an export of `scope`, with its file, ordered by file."""
    return sorted(
        (
            (model, model.card.export.file)
            for model in models()
            if isinstance(model.card.export, Exported)
            and model.card.subject is not None
            and (scope is ExportScope.ACCOUNT or "project" in model.card.within)
        ),
        key=lambda pair: pair[1],
    )


def belongs(model: type[Record], export: Export) -> ColumnElement[bool]:
    """The condition that a row of `model` is the exported owner's and within the export's scope."""
    mine: ColumnElement[bool] = getattr(model, str(model.card.subject)) == export.owner_id
    if export.scope is ExportScope.ACCOUNT:
        return mine
    within: ColumnElement[bool] = getattr(model, model.card.within["project"]) == export.project_id
    return mine & within


def count(session: Session, model: type[Record], export: Export) -> int:
    """How many rows of `model` the export must hold, counted without the door."""
    return session.scalar(select(func.count()).select_from(model).where(belongs(model, export))) or 0


def rows(
    session: Session,
    allowed: Select[Any],
    model: type[Record],
    export: Export,
    *conditions: ColumnElement[bool],
    order: tuple[str, ...] = (),
    columns: frozenset[str] | None = None,
    **equal: Any,
) -> Iterator[Any]:
    """The export's rows of `model` out of a door's `Select`, a few at a time, each with its decisions.

    Ordered by the named columns, else by primary key; `conditions` and `equal` (column by column) narrow further. Of
    their columns they have ids and `columns` (None: all).
    """
    conditions += tuple(getattr(model, column) == value for column, value in equal.items())
    ordered = [getattr(model, column) for column in order] or list(inspect(model).primary_key)
    statement = allowed.where(belongs(model, export), *conditions).order_by(*ordered)
    return reading.read_all(session, model, statement, at_once=_BATCH, columns=columns)


OVERLAP = timedelta(hours=1)
"""So much earlier than its `since` begins what an export holds: what was under way when the one before was made is in
one of the two, or in both."""


def made_since(moment: Any, export: Export) -> ColumnElement[bool]:
    """The condition that something, made at `moment` (a column), goes into an export that says since when."""
    return true() if export.since is None else moment >= export.since - OVERLAP


def came_since(export: Export) -> ColumnElement[bool]:
    """The condition that an asset's bytes, which never change once they are there, came late enough for the export."""
    if export.since is None:
        return true()
    return exists().where(Blob.id == Asset.blob_id, Blob.created_at >= export.since - OVERLAP)


def count_events(session: Session, export: Export) -> int:
    """How many events of the trail the export must hold, counted without the door."""
    people = (AuditPersonal.actor_id, AuditPersonal.on_behalf_of, AuditPersonal.subject_id)
    mine = or_(*(person == export.owner_id for person in people))
    counted = select(func.count()).select_from(AuditPersonal).where(mine)
    if export.since is not None:
        counted = counted.join(AuditEvent, AuditEvent.id == AuditPersonal.event_id).where(
            made_since(AuditEvent.timestamp, export)
        )
    return session.scalar(counted) or 0


def events(session: Session, allowed: Select[Any], vault: Vault, export: Export) -> Iterator[Told]:
    """The events of a door's `Select`, oldest first, each with its published form.

    From where the owner acted is their own to know and is told; from where others did is not.
    """
    recent = allowed.where(made_since(AuditEvent.timestamp, export))
    ordered = trail.with_personal(recent).order_by(AuditEvent.id)
    with session.execute(ordered.execution_options(yield_per=_BATCH)) as found:
        for row in found:
            entry = with_decisions(row)
            personal = trail.personal_of(session, entry)
            own = personal is not None and personal.actor_id == export.owner_id and READ_CONTENT in entry.decisions
            yield entry, trail.public_form(entry, personal, vault if own else None)


def entries(session: Session, allowed: Select[Any]) -> Iterator[AuditEvent]:
    """The entries of a door's `Select`, in its own order, without who it was."""
    with session.execute(allowed) as found:
        for row in found:
            yield with_decisions(row)


def expected_bytes(session: Session, export: Export, *, row_bytes: int) -> int:
    """About how many bytes of content the archive will hold: its blobs, and `row_bytes` per row. For progress only."""
    files = belongs(Blob, export) & ~exists().where(Export.blob_id == Blob.id) & made_since(Blob.created_at, export)
    blobs = session.scalar(select(func.coalesce(func.sum(Blob.byte_size), 0)).where(files)) or 0
    return blobs + row_bytes * sum(count(session, model, export) for model, _ in tables(export.scope))
