"""Scrubbing: does all that is sealed still open? Every segment of every file, every sealed value of every row.

Nothing that is opened leaves: what comes out are counts, and of what does not open the table, the column and the id.
Reads only; it may run beside a server. What is erased while it runs is no finding.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import inspect, select

from storage.assets import Blob
from storage.blobs.errors import BlobDamaged, BlobStoreUnavailable
from storage.catalogue import models
from storage.damages import Damage, Damaged
from storage.database import transaction
from storage.keys.errors import KeyDestroyed, KeysetDamaged
from storage.records import Holding, Record
from storage.vault import NotSealable, SealedDamaged, Vault
from storage.work import Store

_AT_ONCE = 500
_SILENT_ENOUGH = 3
"""Files in a row for which the blob store did not answer: each may take as long as a request may."""

_BROKEN = (BlobDamaged, KeyDestroyed, KeysetDamaged, SealedDamaged, NotSealable)


@dataclass(frozen=True)
class Finding:
    """Something that does not open. `code` says why."""

    table: str
    column: str
    row_id: uuid.UUID
    code: str
    owner: uuid.UUID | None = field(default=None, compare=False)

    @property
    def damaged(self) -> Damaged | None:
        """The same for the trail; None where nothing was changed, but the key is gone or nobody says whose it is."""
        if self.code not in set(Damage):
            return None
        return Damaged(self.table, self.column, self.row_id, self.owner, Damage(self.code))


@dataclass
class Scrubbed:
    """What was looked at, and what of it does not open."""

    files: int = 0
    bytes: int = 0
    values: int = 0
    unread: int = 0
    """Files that nothing is said of, because the blob store did not answer: scrub again."""
    findings: list[Finding] = field(default_factory=list)


def scrub(store: Store) -> Scrubbed:
    """Try everything.

    A blob store that does not answer for one file is asked for the next; after a few in a row the rest is unread.
    Raises KeyStoreUnavailable and the database's own errors: then nothing is said of anything.
    """
    found = Scrubbed()
    for model in models():
        columns = [name for name, column in inspect(model).columns.items() if _is_sealed(column)]
        if columns:
            _scrub_rows(store, model, columns, found)
    silent = 0
    for blob in _pages(store, Blob):
        answered = silent < _SILENT_ENOUGH and _scrub_file(store, blob, found)
        silent = 0 if answered else silent + 1
        found.unread += not answered
    return found


def _scrub_rows(store: Store, model: type[Record], columns: list[str], found: Scrubbed) -> None:
    vault = Vault(store.keyring)
    for row in _pages(store, model):
        for column in columns:
            try:
                found.values += vault.opens(row, column)
            except _BROKEN as error:
                _note(store, row, column, error, found)


def _scrub_file(store: Store, blob: Blob, found: Scrubbed) -> bool:
    """Try one file; False where the blob store did not answer."""
    try:
        for piece in store.blobs.reader(blob.id, blob.byte_size, blob.file).read():
            found.bytes += len(piece)
        found.files += 1
    except BlobStoreUnavailable:
        return False
    except _BROKEN as error:
        _note(store, blob, "file", error, found)
    return True


def _note(store: Store, row: Any, column: str, error: Any, found: Scrubbed) -> None:
    """A finding, unless the row has gone meanwhile."""
    key = _key(type(row))
    with transaction(store.engine, read_only=True) as session:
        row_id = getattr(row, key.key)
        there = session.scalar(select(key).where(key == row_id))
    if there is not None:
        owner = getattr(row, row.card.subject) if row.card.subject else None
        found.findings.append(Finding(row.__tablename__, column, row_id, error.code, owner))


def _pages(store: Store, model: type[Record]) -> Iterator[Any]:
    """Every row, in transactions of a page each, so that none is kept open for as long as a scrub takes."""
    key, last = _key(model), None
    while True:
        statement = select(model).order_by(key).limit(_AT_ONCE)
        with transaction(store.engine, read_only=True) as session:
            rows = list(session.scalars(statement if last is None else statement.where(key > last)))
            session.expunge_all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        last = getattr(rows[-1], key.key)


def _key(model: type[Record]) -> Any:
    mapper = inspect(model)
    return getattr(model, mapper.get_property_by_column(mapper.primary_key[0]).key)


def _is_sealed(column: Any) -> bool:
    return column.info.get("holding") is Holding.SEALED
