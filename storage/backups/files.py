"""The sealed files beside a backup of the data: each is copied once, as it lies, for a blob never changes.

A file that a newer backup still names is touched, so that its age tells whether any backup that is kept may need it.
"""

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from storage.blobs.directories import make_private, sync
from storage.blobs.errors import BlobMissing
from storage.blobs.store import BlobStore

_BUFFER = 1024 * 1024
_NOT_COPIED = frozenset({"lock"})
_REPLACED = frozenset({"checkpoint", "vkey"})
"""Of the trail's archive: everything else in it only ever comes to be."""


class Copies:
    """Copies of sealed files under `place`."""

    def __init__(self, place: Path) -> None:
        self._place = place / "files"

    def keep(
        self, blobs: BlobStore, blob_ids: Iterable[uuid.UUID], moment: datetime
    ) -> Iterator[tuple[uuid.UUID, int]]:
        """Let a copy of each lie here, durably, marked as needed at `moment`; yields each with its bytes.

        One that is gone meanwhile was erased, and is passed over. Raises BlobStoreUnavailable and OSError.
        """
        seconds = moment.timestamp()
        for blob_id in blob_ids:
            target = self._path(blob_id)
            if not target.is_file() and not _copied(blobs, blob_id, target):
                continue
            os.utime(target, (seconds, seconds))
            yield blob_id, target.stat().st_size

    def opened(self, blob_id: uuid.UUID) -> Iterator[bytes]:
        """A copy, piece by piece. Raises FileNotFoundError."""
        with self._path(blob_id).open("rb") as file:
            while piece := file.read(_BUFFER):
                yield piece

    def size(self, blob_id: uuid.UUID) -> int | None:
        """How many bytes a copy has; None where there is none."""
        try:
            return self._path(blob_id).stat().st_size
        except FileNotFoundError:
            return None

    def prune(self, before: datetime) -> int:
        """Remove what no backup since `before` named; answers how many that were."""
        old = [path for path in self._place.glob("[0-9a-f][0-9a-f]/*") if path.stat().st_mtime < before.timestamp()]
        for path in old:
            path.unlink(missing_ok=True)
        for directory in {path.parent for path in old}:
            sync(directory)
        return len(old)

    def _path(self, blob_id: uuid.UUID) -> Path:
        return self._place / blob_id.hex[-2:] / str(blob_id)


def mirror(source: Path, target: Path) -> None:
    """Let what lies in the archive of the trail lie in `target` too; its checkpoint, which vouches for it, last."""
    if not source.is_dir():
        return
    make_private(target)
    found = [path for path in sorted(source.rglob("*")) if path.is_file() and path.suffix != ".part"]
    for last in (False, True):
        for path in found:
            there = target / path.relative_to(source)
            if path.name in _NOT_COPIED or (path.name in _REPLACED) is not last or (there.exists() and not last):
                continue
            make_private(there.parent)
            _put(path, there)


def _copied(blobs: BlobStore, blob_id: uuid.UUID, target: Path) -> bool:
    make_private(target.parent)
    draft = target.with_name(target.name + ".part")
    try:
        with draft.open("wb") as file:
            for piece in blobs.sealed(blob_id):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except BlobMissing:
        draft.unlink(missing_ok=True)
        return False
    draft.rename(target)
    sync(target.parent)
    return True


def _put(source: Path, target: Path) -> None:
    draft = target.with_name(target.name + ".part")
    with source.open("rb") as found, draft.open("wb") as file:
        shutil.copyfileobj(found, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    sync(target.parent)
