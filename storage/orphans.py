"""The sweep: remove files and keysets that no row names, which crashes and lost answers to COMMIT leave behind.

What a transaction under way may still name is left alone: candidates are old, they are listed first, then all
transactions that are writing end, and only then the rows are read that decide.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import TimeoutError

from storage import exports
from storage.contributors import Contributor
from storage.database import settle, transaction
from storage.keys.names import KeysetName
from storage.projects import Project
from storage.work import Store

KEYSETS_AFTER = 24 * 3600.0
"""Seconds after which a contributor's or a project's keyset that no row names is destroyed."""

_ROWS: dict[str, Any] = {"contributor": Contributor.id, "project": Project.id}
_AT_ONCE = 500
_FEW = 20
"""As many keysets may lack their rows whatever the share: an outage leaves some."""

log = structlog.get_logger("storage.orphans")


class _NamedBlobs:
    """The blobs that rows name. Before it says that one is not among them, it looks again when all writers are done."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settled = False
        self._known = self._read()

    def __contains__(self, blob_id: object) -> bool:
        if blob_id in self._known:
            return True
        if not self._settled:
            settle(self._store.engine)
            self._known, self._settled = self._read(), True
        return blob_id in self._known

    def _read(self) -> set[uuid.UUID]:
        with transaction(self._store.engine, read_only=True) as session:
            return exports.known_blobs(session)


def sweep(store: Store, older_than_seconds: float, keysets_older_than_seconds: float) -> int:
    """Remove files, their keysets, and keysets of contributors and projects that no row names; return how many files.

    Only what is older than so many seconds goes. Nothing goes where most keysets lack their rows: then these are not
    the data that the keys belong to; nor where a transaction has been writing for more than a minute, until the next
    sweep. Raises BlobStoreUnavailable and key errors.
    """
    try:
        return _sweep(store, older_than_seconds, keysets_older_than_seconds)
    except TimeoutError as error:
        log.warning("sweep.postponed", code=type(error).__name__)
        return 0


def _sweep(store: Store, older_than_seconds: float, keysets_older_than_seconds: float) -> int:
    orphans = list[KeysetName]()
    for kind, column in _ROWS.items():
        old = store.keyring.older_than(kind, timedelta(seconds=keysets_older_than_seconds))
        unnamed = _unnamed(store, column, old)
        if unnamed:
            settle(store.engine)
            unnamed = _unnamed(store, column, unnamed)
        if len(unnamed) > max(_FEW, len(old) // 2):
            log.error("sweep.refused", kind=kind, keysets=len(old), without_rows=len(unnamed))
            return 0
        orphans += unnamed
    if orphans:
        log.warning("sweep.keysets_without_rows", count=store.keyring.destroy(*orphans))
    return store.blobs.sweep(_NamedBlobs(store), older_than_seconds)


def _unnamed(store: Store, column: Any, names: Sequence[KeysetName]) -> list[KeysetName]:
    found = set[uuid.UUID]()
    for start in range(0, len(names), _AT_ONCE):
        ids = [uuid.UUID(name.id) for name in names[start : start + _AT_ONCE]]
        with transaction(store.engine, read_only=True) as session:
            found.update(session.scalars(select(column).where(column.in_(ids))))
    return [name for name in names if uuid.UUID(name.id) not in found]
