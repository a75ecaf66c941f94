"""What a deletion reaches: a walk over the data cards, never a list by hand.

A table that says whose it is (`subject`) and what it lies within is erased with it, children before parents. What stays
is named here, with the reason.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from storage.assets import Blob
from storage.catalogue import models
from storage.deletions import Deletion, DeletionScope
from storage.exports import Export, holding_copies
from storage.projects import Project
from storage.records import Record

STAYS = {
    "deletion": "the deletion's own record: ids and counts, so that its owner and an auditor can see that it was done",
    "audit": "the trail: ids only, and its personal side goes with the account",
}
"""Retention classes of tables that outlive what they are about, and why."""


@dataclass(frozen=True)
class Target:
    """One thing to erase, with everything that belongs to it. `scope` is a key of the data cards' `within`."""

    scope: str
    object_id: uuid.UUID
    owner_id: uuid.UUID


def targets(session: Session, deletion: Deletion) -> list[Target]:
    """What `deletion` destroys: the thing itself, and each export that may hold copies of it."""
    thing = Target(deletion.scope.value.lower(), deletion.object_id, deletion.owner_id)
    if deletion.scope is DeletionScope.ACCOUNT:
        return [thing]
    copies = session.scalars(select(Export.id).where(holding_copies(deletion.owner_id, _project_of(session, thing))))
    return [thing, *(Target("export", export_id, deletion.owner_id) for export_id in copies)]


def reach(model: type[Record], target: Target) -> ColumnElement[bool] | None:
    """The condition that a row of `model` goes with `target`; None when no row of the table can."""
    card = model.card
    if card.retention in STAYS:
        return None
    if target.scope != "account":
        return getattr(model, card.within[target.scope]) == target.object_id if target.scope in card.within else None
    ways: list[ColumnElement[bool]] = []
    ways += [getattr(model, column) == target.owner_id for column in (card.subject, card.within.get("account")) if column]
    if "project" in card.within:
        theirs = select(Project.id).where(Project.owner_id == target.owner_id)
        ways.append(getattr(model, card.within["project"]).in_(theirs))
    return or_(*ways) if ways else None


def blobs(session: Session, aims: Iterable[Target]) -> list[uuid.UUID]:
    """The sealed files that go with `aims`, by id."""
    found: dict[uuid.UUID, None] = {}
    for target in aims:
        condition = reach(Blob, target)
        if condition is not None:
            found.update(dict.fromkeys(session.scalars(select(Blob.id).where(condition))))
    return list(found)


def destroy_rows(session: Session, aims: Iterable[Target], *, keep: frozenset[type[Record]] = frozenset()) -> dict[str, int]:
    """Delete every row that goes with `aims`, children before parents; answers how many per table."""
    gone: dict[str, int] = {}
    for model, condition in _conditions(aims, keep):
        result = session.execute(delete(model).where(condition), execution_options={"synchronize_session": False})
        table = model.__tablename__
        gone[table] = gone.get(table, 0) + result.rowcount  # type: ignore[attr-defined]
    return {table: number for table, number in gone.items() if number}


def count_rows(session: Session, aims: Iterable[Target]) -> dict[str, int]:
    """How many rows per table `destroy_rows` would delete."""
    found: dict[str, int] = {}
    for model, condition in _conditions(aims, frozenset()):
        number = session.scalar(select(func.count()).select_from(model).where(condition)) or 0
        found[model.__tablename__] = found.get(model.__tablename__, 0) + number
    return {table: number for table, number in found.items() if number}


def _conditions(
    aims: Iterable[Target], keep: frozenset[type[Record]]
) -> Iterator[tuple[type[Record], ColumnElement[bool]]]:
    aims = list(aims)
    by_table = {model.__table__: model for model in models()}
    for table in reversed(Record.metadata.sorted_tables):
        model = by_table[table]
        if model in keep:
            continue
        ways = [condition for target in aims if (condition := reach(model, target)) is not None]
        if ways:
            yield model, or_(*ways)


def _project_of(session: Session, target: Target) -> uuid.UUID | None:
    """The project that the target lies in, found through whichever table has it as its own id."""
    if target.scope == "project":
        return target.object_id
    for model in models():
        if model.card.within.get(target.scope) == "id" and "project" in model.card.within:
            column = getattr(model, model.card.within["project"])
            found: uuid.UUID | None = session.scalar(select(column).where(model.id == target.object_id))  # type: ignore[attr-defined]
            return found
    return None
