"""Write files of format 1 anew in format 2, which binds a file to its asset and owner, while all is in use.

A file is written under a new id and a fresh key, and its asset then names the new one. The old file and its key go in
a later round, so that a transfer or an export that began with it ends with it. A round is bounded by time.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from storage import deletions
from storage.assets import Asset, Blob
from storage.blobs.contexts import FileKind
from storage.blobs.errors import BlobDamaged
from storage.database import transaction
from storage.exports import Export, ExportStatus
from storage.ids import new_id
from storage.keys.errors import KeyDestroyed
from storage.keys.names import project_keyset
from storage.ledger.events import FileBound
from storage.ledger.scope import AuditScope
from storage.work import OutsideEffect, Store

_AT_ONCE = 100
SECONDS = 20.0
"""How long a round writes files anew; a file that was begun is brought to its end."""

log = structlog.get_logger("storage.file_bindings")

_NAMES = (Asset.id == Blob.object_id) & or_(Asset.blob_id == Blob.id, Asset.thumbnail_id == Blob.id)


def count_unbound(session: Session) -> int:
    """Return how many files of assets are in format 1."""
    return session.scalar(select(func.count()).select_from(Blob).where(Blob.kind.is_(None))) or 0


@dataclass(frozen=True)
class _Old:
    """A file in format 1 that an asset names."""

    blob: Blob
    asset: Asset
    kind: FileKind


class FileBindings:
    """Binds the files of a store, some in each round, and remembers where it came to."""

    def __init__(self, store: Store, *, seconds: float = SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._after = uuid.UUID(int=0)

    def bind_some(self, scope: AuditScope, go_on: Callable[[], object]) -> int:
        """Remove what the last round replaced, then bind the next files; return how many were bound.

        `go_on` is called before each file and raises to end the round. A file that does not open stays as it is: a
        scrub names it. Raises KeyStoreUnavailable and BlobStoreUnavailable.
        """
        self._remove_replaced(scope, go_on)
        until, bound, unread = time.monotonic() + self._seconds, 0, 0
        while page := self._page():
            for old in page:
                if time.monotonic() >= until:
                    return bound
                go_on()
                self._after = old.blob.id
                try:
                    bound += self._bind(old, scope)
                except (BlobDamaged, KeyDestroyed):
                    unread += 1
        self._after = uuid.UUID(int=0)
        if unread:
            log.warning("files.not_bound", count=unread)
        return bound

    def _page(self) -> Sequence[_Old]:
        """The next files in format 1 that their assets name."""
        found = select(Blob, Asset).join(Asset, _NAMES).where(Blob.kind.is_(None), Blob.id > self._after)
        found = found.order_by(Blob.id).limit(_AT_ONCE)
        with transaction(self._store.engine, read_only=True) as session:
            return [
                _Old(blob, asset, FileKind.CONTENT if asset.blob_id == blob.id else FileKind.THUMBNAIL)
                for blob, asset in session.execute(found)
            ]

    def _bind(self, old: _Old, scope: AuditScope) -> bool:
        """Write one file anew and let its asset name that; False where a deletion or another process was faster."""
        blobs, blob_id, file = self._store.blobs, new_id(), old.asset.file(old.kind)
        with blobs.writer(blob_id, project_keyset(old.asset.project_id), file) as writer:
            for piece in blobs.reader(old.blob.id, old.blob.byte_size, file, at_once=True).whole():
                writer.write(piece)
            writer.finish()
        with OutsideEffect(lambda _error: blobs.remove(blob_id)) as effect, self._store.begin(scope) as work:
            effect.named_by(work)
            bound = self._swap(work.session, old, blob_id)
            if bound:
                work.record(
                    FileBound(
                        resource_id=old.asset.id,
                        subject_id=old.asset.owner_id,
                        project_id=old.asset.project_id,
                        byte_size=old.blob.byte_size,
                    )
                )
        if not bound:
            blobs.remove(blob_id)
        return bound

    def _swap(self, session: Session, old: _Old, blob_id: uuid.UUID) -> bool:
        asset = session.get(Asset, old.asset.id, with_for_update=True)
        content = old.kind is FileKind.CONTENT
        if asset is None or _is_going(session, old.blob):
            return False
        if old.blob.id != (asset.blob_id if content else asset.thumbnail_id):
            return False
        whose = {"owner_id": asset.owner_id, "project_id": asset.project_id, "object_id": asset.id}
        session.add(Blob(id=blob_id, byte_size=old.blob.byte_size, kind=old.kind, **whose))
        if content:
            asset.blob_id = blob_id
        else:
            asset.thumbnail_id = blob_id
        session.flush()
        return True

    def _remove_replaced(self, scope: AuditScope, go_on: Callable[[], object]) -> None:
        """Remove files that no asset names any more, unless an export that may still read one is running."""
        named = exists().where(_NAMES).correlate(Blob)
        running = exists().where(Export.owner_id == Blob.owner_id, Export.status == ExportStatus.RUNNING)
        replaced = select(Blob.id).where(Blob.kind.is_(None), ~named, ~running).order_by(Blob.id).limit(_AT_ONCE)
        while True:
            go_on()
            with self._store.begin(scope) as work:
                rows = [work.session.get(Blob, found, with_for_update=True) for found in work.session.scalars(replaced)]
                gone = [row for row in rows if row is not None and not _is_going(work.session, row)]
                ids = [row.id for row in gone]
                for row in gone:
                    work.session.delete(row)
            self._store.blobs.remove_all(ids)
            if len(ids) < _AT_ONCE:
                return


def _is_going(session: Session, blob: Blob) -> bool:
    things = [blob.object_id, blob.owner_id, *([blob.project_id] if blob.project_id else [])]
    return deletions.is_under_way(session, things)
