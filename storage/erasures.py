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
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

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
from storage.query_plans import avoid_scans
from storage.recalls import HandedOver
from storage.records import Record
from storage.search.indexes import INDEXED

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


def ways(session: Session, model: type[Record], aims: Iterable[Target]) -> Iterator[ColumnElement[bool]]:
    """The conditions under which a row of `model` goes with `aims`, each of which begins with an indexed column.

    Each is to be asked by itself: under an OR, or to find rows in any of several projects, a database may read
    everybody's. Of an account's projects come those of which there are rows, one after the other.
    """
    avoid_scans(session)
    for target in aims:
        yield from _own_ways(model, target)
        if not _in_projects(model, target):
            continue
        projects, column = aliased(Project), _its(model)[model.card.within["project"]]
        one = select(column).where(column == projects.id).limit(1).scalar_subquery()
        theirs = select(projects.id).where(projects.owner_id == target.owner_id, one.is_not(None))
        theirs = theirs.order_by(projects.id).limit(1)
        project: uuid.UUID | None = session.scalar(theirs)
        while project is not None:
            yield column == project
            project = session.scalar(theirs.where(projects.id > project))


def _its(model: type[Record]) -> Any:
    """Columns of the table, not of the model: a statement takes half as long, which others wait for."""
    return model.__table__.c


def _own_ways(model: type[Record], target: Target) -> list[ColumnElement[bool]]:
    """The conditions on the row's own columns under which it goes with `target`: each begins with an indexed column."""
    card = model.card
    if card.retention in STAYS:
        return []
    if target.scope != "account":
        within = target.scope in card.within
        return [_its(model)[card.within[target.scope]] == target.object_id] if within else []
    return [_its(model)[column] == target.owner_id for column in (card.subject, card.within.get("account")) if column]


def _in_projects(model: type[Record], target: Target) -> bool:
    """Whether rows of `model` go with an account as well because they lie in one of its projects."""
    return target.scope == "account" and "project" in model.card.within and model.card.retention not in STAYS


def call_off(session: Session, aims: Iterable[Target]) -> None:
    """Cancel the runs in what its owner has let go of: agents do not work with it any more, kept or not."""
    running = Prompt.status.in_((PromptStatus.QUEUED, PromptStatus.RUNNING)) & Prompt.cancel_requested_at.is_(None)
    for way in ways(session, Prompt, aims):
        session.execute(
            update(Prompt).where(way, running).values(cancel_requested_at=now()), execution_options=_UNLOADED
        )


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
    its = _its(model)
    return {found for way in ways(session, model, aims) for found in session.scalars(select(its.id).where(way))}


def among(session: Session, model: type[Record], aims: Iterable[Target], some: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Of these ids those of rows of `model` that go with `aims`."""
    if not some:
        return set()
    theirs = select(_its(model).id).where(_one_of(session, _its(model).id, some))
    return {found for way in ways(session, model, aims) for found in session.scalars(theirs.where(way))}


def of_works() -> list[type[Record]]:
    """The tables of works, which may have any number of rows; children before parents.

    Not those of files, which come first, and of words, which go with what they are of.
    """
    by_table = {model.__table__: model for model in models()}
    ordered = (by_table[table] for table in reversed(Record.metadata.sorted_tables))
    others = {Blob, *(indexed.table for indexed in INDEXED.values())}
    return [model for model in ordered if model.card.retention == WORKS and model not in others]


_WORDS_IN_ONE = 10


def has_more(session: Session, aims: Iterable[Target], many: int) -> bool:
    """Whether more than so many rows of any table of works, or ten times as many words, go with `aims`."""
    tables: dict[type[Record], int] = dict.fromkeys([*of_works(), Blob], many)
    tables |= {indexed.table: many * _WORDS_IN_ONE for indexed in INDEXED.values()}
    return any(_are_more(session, model, aims, most) for model, most in tables.items())


def _are_more(session: Session, model: type[Record], aims: Iterable[Target], many: int) -> bool:
    """A row that goes with them in two ways counts twice."""
    found = 0
    for way in ways(session, model, aims):
        some = select(*inspect(model).primary_key).where(way).limit(many + 1 - found)
        found += session.scalar(select(func.count()).select_from(some.subquery())) or 0
        if found > many:
            return True
    return False


def first(
    session: Session, model: type[Record], aims: Iterable[Target], many: int, but: Iterable[uuid.UUID] = ()
) -> list[uuid.UUID]:
    """The ids of up to so many rows of `model` that go with `aims`; fewer only where there are no more."""
    id_, found, passed_over = model.__table__.c.id, list[uuid.UUID](), list(but)
    order = [id_] if _is_listed(model) else []
    for way in ways(session, model, aims):
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
    for way in ways(session, model, aims):
        some = select(*keys).where(way).limit(many)
        gone = _destroyed(session, model, tuple_(*keys).in_(some) if len(keys) > 1 else keys[0].in_(some))
        if gone:
            return gone
    return 0


def destroy_these(session: Session, model: type[Record], some: Sequence[uuid.UUID]) -> dict[str, int]:
    """Delete these rows, with the words of them; answers how many per table.

    Raises ErasureOvertaken as `destroy_rows` does.
    """
    gone = {}
    if model in INDEXED:
        words = INDEXED[model]
        of_them = _one_of(session, _its(words.table)[words.row], some)
        gone[words.table.__tablename__] = _destroyed(session, words.table, of_them)
    gone[model.__tablename__] = _destroyed(session, model, _one_of(session, _its(model).id, some))
    return gone


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


def bytes_of(session: Session, blobs: Sequence[uuid.UUID]) -> int:
    """How many bytes these files had."""
    return session.scalar(select(func.sum(Blob.byte_size)).where(Blob.id.in_(blobs))) or 0


def destroy_rows(session: Session, aims: Iterable[Target]) -> dict[str, int]:
    """Delete every row that goes with `aims`, children before parents; answers how many per table.

    Raises ErasureOvertaken when a row came in below one that was being deleted; the transaction must be rolled back.
    """
    aims, gone = list(aims), dict[str, int]()
    by_table = {model.__table__: model for model in models()}
    for table in reversed(Record.metadata.sorted_tables):
        model = by_table[table]
        number = sum(_destroyed(session, model, way) for way in ways(session, model, aims))
        if number:
            gone[model.__tablename__] = number
    return gone


def _project_of(session: Session, target: Target) -> uuid.UUID | None:
    """The project that the target lies in, found through whichever table has it as its own id."""
    for model in models():
        if model.card.within.get(target.scope) == "id" and "project" in model.card.within:
            column = getattr(model, model.card.within["project"])
            found: uuid.UUID | None = session.scalar(select(column).where(model.id == target.object_id))  # type: ignore[attr-defined]
            return found
    return None
