"""What a deletion reaches: a walk over the data cards, never a list by hand.

A table that says whose it is (`subject`) and what it lies within is erased with it, children before parents. What stays
is named here, with the reason.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    inspect,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage import accounts, grants, quotas, recalls
from storage.assets import Asset, Blob
from storage.catalogue import models
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus
from storage.deletions import Deletion, DeletionScope
from storage.exports import Export, holding_copies
from storage.projects import Project
from storage.prompts import Prompt, PromptStatus
from storage.provider_copies import Elsewhere, ProviderCall, ProviderCopy, elsewhere
from storage.recalls import HandedOver
from storage.records import Record

STAYS = {
    "deletion": "the deletion's own record: ids and counts, so that its owner and an auditor can see that it was done",
    "audit": "the trail: ids only; who it was is forgotten with the account",
}
"""Retention classes of tables that outlive what they are about, and why."""

WORKS = "user_content"
"""The retention class of tables of works."""


class ErasureOvertaken(Exception):
    """Something came into what was being erased. Nothing was changed: begin again with what is there now."""

    code = "ERASURE_OVERTAKEN"


_UNLOADED = {"synchronize_session": False}


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
    project = _project_of(session, thing)
    if project is None:  # the thing is gone, and what was copied from it went in the same transaction
        return [thing]
    copies = session.scalars(select(Export.id).where(holding_copies(deletion.owner_id, project)))
    return [thing, *(Target("export", export_id, deletion.owner_id) for export_id in copies)]


def reach(model: type[Record], target: Target) -> ColumnElement[bool] | None:
    """The condition that a row of `model` goes with `target`; None when no row of the table can."""
    found = ways(model, target)
    return or_(*found) if found else None


def ways(model: type[Record], target: Target) -> list[ColumnElement[bool]]:
    """The conditions of `reach` one by one: each begins with an indexed column."""
    card = model.card
    if card.retention in STAYS:
        return []
    # Columns of tables, not of models: building and running a statement takes half as long, which others wait for.
    its = model.__table__.c
    if target.scope != "account":
        within = target.scope in card.within
        return [its[card.within[target.scope]] == target.object_id] if within else []
    columns = (card.subject, card.within.get("account"))
    found: list[ColumnElement[bool]] = [its[column] == target.owner_id for column in columns if column]
    if "project" in card.within:
        projects = Project.__table__.c
        found.append(its[card.within["project"]].in_(select(projects.id).where(projects.owner_id == target.owner_id)))
    return found


def call_off(session: Session, aims: Iterable[Target]) -> None:
    """Cancel the runs in what its owner has let go of: agents do not work with it any more, kept or not."""
    for target in aims:
        running = Prompt.status.in_((PromptStatus.QUEUED, PromptStatus.RUNNING)) & Prompt.cancel_requested_at.is_(None)
        theirs = reach(Prompt, target)
        if theirs is not None:
            statement = update(Prompt).where(theirs, running).values(cancel_requested_at=now())
            session.execute(statement, execution_options=_UNLOADED)


def stop(session: Session, deletion: Deletion) -> None:
    """Let nothing go on in what is being erased: runs are cancelled; an account's sessions, keys and grants end.

    Whoever is signed in at that moment may watch the deletion with the same token, as if they had just asked for it.
    """
    moment, aims = now(), targets(session, deletion)
    call_off(session, aims)
    for target in aims:
        if target.scope == "account":
            accounts.leave_receipts(session, target.owner_id, deletion.id)
            closing = update(Contributor).where(Contributor.id == target.owner_id)
            session.execute(closing.values(status=ContributorStatus.ERASING), execution_options=_UNLOADED)
            accounts.revoke_sessions(session, target.owner_id)
            accounts.revoke_api_keys(session, target.owner_id)
            grants.end_all(session, target.owner_id, moment)


def ids(session: Session, model: type[Record], aims: Iterable[Target]) -> set[uuid.UUID]:
    """The ids of the rows of `model` that go with `aims`."""
    conditions = [condition for target in aims if (condition := reach(model, target)) is not None]
    if not conditions:
        return set()
    return set(session.scalars(select(model.id).where(or_(*conditions))))  # type: ignore[attr-defined]


def among(session: Session, model: type[Record], aims: Iterable[Target], some: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Of these ids those of rows of `model` that go with `aims`."""
    conditions = [condition for target in aims if (condition := reach(model, target)) is not None]
    if not (conditions and some):
        return []
    id_: Any = model.id  # type: ignore[attr-defined]
    return list(session.scalars(select(id_).where(or_(*conditions), id_.in_(some))))


def of_works() -> list[type[Record]]:
    """The tables of works but that of files, which may have any number of rows; children before parents."""
    by_table = {model.__table__: model for model in models()}
    ordered = (by_table[table] for table in reversed(Record.metadata.sorted_tables))
    return [model for model in ordered if model.card.retention == WORKS and model is not Blob]


def has_more(session: Session, aims: Iterable[Target], many: int) -> bool:
    """Whether more than so many rows of any table of works go with `aims`."""
    tables: list[type[Record]] = [*of_works(), Blob]
    each = ((model, way) for model in tables for target in aims for way in ways(model, target))
    return any(
        session.execute(select(*inspect(model).primary_key).where(way).offset(many).limit(1)).first() is not None
        for model, way in each
    )


def first(
    session: Session, model: type[Record], aims: Iterable[Target], many: int, but: Iterable[uuid.UUID] = ()
) -> list[uuid.UUID]:
    """The ids of up to so many rows of `model` that go with `aims`; fewer only where there are no more."""
    id_, found, passed_over = model.__table__.c.id, list[uuid.UUID](), list(but)
    order = [id_] if _is_listed(model) else []
    for way in (way for target in aims for way in ways(model, target)):
        known = [*passed_over, *found]
        others = way & id_.not_in(known) if known else way
        found += session.scalars(select(id_).where(others).order_by(*order).limit(many - len(found)))
        if len(found) == many:
            break
    return found


def _is_listed(model: type[Record]) -> bool:
    """Whether an index has rows of `model` by id, whoever's they are.

    To ask for them in its order is to have PostgreSQL go along it. Else it would take an owner of most of a table for a
    reason to read that from its beginning, past all the rows that are deleted and not vacuumed yet.
    """
    table: Any = model.__table__
    return any([column.name for column in index.columns][1:] == ["id"] for index in table.indexes)


def destroy_first(session: Session, model: type[Record], aims: Iterable[Target], many: int) -> int:
    """Delete up to so many rows of `model` that go with `aims`; answers how many, 0 only where there are no more.

    Raises ErasureOvertaken as `destroy_rows` does.
    """
    keys = inspect(model).primary_key
    for way in (way for target in aims for way in ways(model, target)):
        some = select(*keys).where(way).limit(many)
        gone = _destroyed(session, model, tuple_(*keys).in_(some) if len(keys) > 1 else keys[0].in_(some))
        if gone:
            return gone
    return 0


def destroy_these(session: Session, model: type[Record], some: Sequence[uuid.UUID]) -> int:
    """Delete these rows; answers how many there were. Raises ErasureOvertaken as `destroy_rows` does."""
    return _destroyed(session, model, _one_of(session, model.__table__.c.id, some))


def _one_of(session: Session, column: ColumnElement[uuid.UUID], some: Sequence[uuid.UUID]) -> ColumnElement[bool]:
    """One parameter however many there are, since writing out one for each takes longer than finding the rows."""
    if session.get_bind().dialect.name == "sqlite":
        listed = text("SELECT value FROM json_each(:some)").bindparams(some=json.dumps([each.hex for each in some]))
        return column.in_(listed)
    return column == any_(bindparam("some", list(some), type_=ARRAY(Uuid())))


def _destroyed(session: Session, model: type[Record], condition: ColumnElement[bool]) -> int:
    table: Any = model.__table__
    gone = delete(table).where(condition)
    try:
        if model is Asset:
            owners = session.execute(gone.returning(table.c.owner_id, table.c.byte_size))
            return _given_back(session, [(owner, byte_size) for owner, byte_size in owners])
        result = session.execute(gone)
    except IntegrityError:
        raise ErasureOvertaken from None
    return int(result.rowcount)  # type: ignore[attr-defined]


def _given_back(session: Session, assets: Sequence[tuple[uuid.UUID, int]]) -> int:
    """Their owners have the room again: files and keys went before their rows."""
    for owner, (files, byte_size) in sorted(quotas.tally(assets).items()):
        quotas.give_back(session, owner, files, byte_size)
    return len(assets)


def sent_of(session: Session, copies: Sequence[uuid.UUID]) -> list[Elsewhere]:
    """What providers of models were sent, by these lines of `ProviderCopy`."""
    return list(elsewhere(session, select(ProviderCopy).where(ProviderCopy.id.in_(copies))))


def hand_over_of(session: Session, deletion: Deletion, calls: Sequence[uuid.UUID]) -> list[HandedOver]:
    """Enter what providers are to be asked to delete, by these lines of `ProviderCall`, which the caller destroys."""
    return recalls.hand_over(session, deletion, ProviderCall.id.in_(calls))


def hand_over(session: Session, deletion: Deletion, aims: Iterable[Target]) -> list[HandedOver]:
    """Enter what providers are to be asked to delete of what goes with `aims`, which the caller destroys."""
    ways = [condition for target in aims if (condition := reach(ProviderCall, target)) is not None]
    return recalls.hand_over(session, deletion, or_(*ways)) if ways else []


def bytes_of(session: Session, blobs: Sequence[uuid.UUID]) -> int:
    """How many bytes these files had."""
    return session.scalar(select(func.sum(Blob.byte_size)).where(Blob.id.in_(blobs))) or 0


def sent_elsewhere(session: Session, aims: Iterable[Target]) -> list[Elsewhere]:
    """What providers of models were sent of what goes with `aims`."""
    ways = [condition for target in aims if (condition := reach(ProviderCopy, target)) is not None]
    return list(elsewhere(session, select(ProviderCopy).where(or_(*ways)))) if ways else []


def file_bytes(session: Session, aims: Iterable[Target]) -> int:
    """How many bytes the files that go with `aims` have."""
    ways = [condition for target in aims if (condition := reach(Blob, target)) is not None]
    return session.scalar(select(func.sum(Blob.byte_size)).where(or_(*ways))) or 0 if ways else 0


def destroy_rows(session: Session, aims: Iterable[Target]) -> dict[str, int]:
    """Delete every row that goes with `aims`, children before parents; answers how many per table.

    Raises ErasureOvertaken when a row came in below one that was being deleted; the transaction must be rolled back.
    """
    gone = {model.__tablename__: _destroyed(session, model, condition) for model, condition in _conditions(aims)}
    return {table: number for table, number in gone.items() if number}


def _conditions(aims: Iterable[Target]) -> Iterator[tuple[type[Record], ColumnElement[bool]]]:
    aims = list(aims)
    by_table = {model.__table__: model for model in models()}
    for table in reversed(Record.metadata.sorted_tables):
        model = by_table[table]
        ways = [condition for target in aims if (condition := reach(model, target)) is not None]
        if ways:
            yield model, or_(*ways)


def _project_of(session: Session, target: Target) -> uuid.UUID | None:
    """The project that the target lies in, found through whichever table has it as its own id."""
    for model in models():
        if model.card.within.get(target.scope) == "id" and "project" in model.card.within:
            column = getattr(model, model.card.within["project"])
            found: uuid.UUID | None = session.scalar(select(column).where(model.id == target.object_id))  # type: ignore[attr-defined]
            return found
    return None
