"""Find keysets that rows refer to and the key store does not have, though nothing has destroyed them.

Such a row does not open any more. Its keyset was lost: the key store is older than the data, or was damaged. What is
being erased is left out, for its keyset goes before its row.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Engine, select, true

from storage.assets import Blob
from storage.contributors import Contributor, ContributorStatus
from storage.damages import MOST, Damage, Damaged
from storage.database import transaction
from storage.keys import erasures, rows
from storage.keys.names import KeysetName, blob_keyset, contributor_keyset, project_keyset, search_keyset
from storage.keys.stores import KeyStore
from storage.projects import Project
from storage.search.indexes import AssetWord, PromptWord

_AT_ONCE = 500
_AGAIN_SECONDS = 2.0
"""Between two looks at a row: a keyset is destroyed shortly before its row goes."""


@dataclass
class LostKeysets:
    """How many are lost, and the first of them by table, row and contributor: ids alone."""

    count: int = 0
    shown: list[Damaged] = field(default_factory=list)

    def add(self, found: list[Damaged]) -> None:
        """Count these, and keep as many as may be shown."""
        self.count += len(found)
        self.shown += found[: max(0, MOST - len(self.shown))]


@dataclass(frozen=True)
class _Referred:
    """A keyset, the row that refers to it, and the ids of everything that the row goes with when that is deleted."""

    keyset: KeysetName
    row: Damaged
    goes_with: frozenset[uuid.UUID]


_COLUMNS: dict[Any, tuple[Any, ...]] = {
    Contributor: (),
    Project: (Project.owner_id,),
    Blob: (Blob.owner_id, Blob.project_id, Blob.object_id),
}
"""What each refers to beside its own id: its owner, and what it goes with."""


def find_lost(data: Engine, keys: KeyStore) -> LostKeysets:
    """Look at every row that has a keyset of its own, in pages, and again at those whose keyset is missing.

    Raises KeyStoreUnavailable and DatabaseUnreachable.
    """
    lost = LostKeysets()
    for model in (Contributor, Project, Blob):
        last: uuid.UUID | None = None
        while True:
            after = true() if last is None else model.id > last
            referred, last = _page(data, model, after)
            suspects = _without_keyset(keys, referred)
            if suspects:
                time.sleep(_AGAIN_SECONDS)
                again, _ = _page(data, model, model.id.in_({each.row.row_id for each in suspects}))
                lost.add([each.row for each in _without_keyset(keys, again)])
            if last is None:
                break
    return lost


def _page(data: Engine, model: Any, condition: ColumnElement[bool]) -> tuple[list[_Referred], uuid.UUID | None]:
    """The keysets that a page of rows refers to, and the last row of a page that may have others after it."""
    columns = {Contributor: (), Project: (Project.owner_id,), Blob: (Blob.owner_id, Blob.project_id, Blob.object_id)}[
        model
    ]
    statement = select(model.id, *columns).where(condition).order_by(model.id).limit(_AT_ONCE)
    if model is Contributor:
        statement = statement.where(Contributor.status == ContributorStatus.ACTIVE)
    with transaction(data, read_only=True) as session:
        found = session.execute(statement).all()
        ids = [row[0] for row in found]
        worded: set[uuid.UUID] = set()
        if model is Project and ids:
            for words in (AssetWord, PromptWord):
                within = select(words.project_id).where(words.project_id.in_(ids)).distinct()
                worded |= set(session.scalars(within))
    referred = [each for row in found for each in _keysets(model, tuple(row), row[0] in worded)]
    return referred, ids[-1] if len(ids) == _AT_ONCE else None


def _keysets(model: Any, row: tuple[uuid.UUID | None, ...], worded: bool) -> Iterator[_Referred]:
    """Of a row's own id, its owner's where it has one, and those of what else it goes with."""
    named = [each for each in row if each is not None]
    own, owner, goes_with = named[0], named[min(1, len(named) - 1)], frozenset(named)
    name_of = {Contributor: contributor_keyset, Project: project_keyset, Blob: blob_keyset}[model]
    table = model.__tablename__
    yield _Referred(name_of(own), Damaged(table, "keyset", own, owner, Damage.LOST), goes_with)
    if worded:
        yield _Referred(search_keyset(own), Damaged(table, "search_keyset", own, owner, Damage.LOST), goes_with)


def _without_keyset(keys: KeyStore, referred: list[_Referred]) -> list[_Referred]:
    """Those whose keyset is not there, and that no erasure concerns, done or under way."""
    with keys.begin(read_only=True) as session:
        there = rows.present(session, [each.keyset for each in referred])
        missing = [each for each in referred if each.keyset not in there]
        if not missing:
            return []
        owners = {each.owner for each in erasures.listed(session, closed=False)}
        gone = erasures.journalled(session, {id_ for each in missing for id_ in each.goes_with})
    return [each for each in missing if each.row.owner not in owners and not each.goes_with & gone]
