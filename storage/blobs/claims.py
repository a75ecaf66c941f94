"""A claim on the blob being written: one file in `incoming/`, locked for as long as its writer lives."""

import fcntl
import os
import uuid
from pathlib import Path
from typing import Self

from storage.blobs.directories import Directories
from storage.blobs.errors import BlobBusy, BlobExists, disk
from storage.blobs.published import Published

_ATTEMPTS = 10


class Claim:
    """The only right to write a blob, gone with the process that holds it."""

    def __init__(self, blob_id: uuid.UUID, path: Path, descriptor: int) -> None:
        self.blob_id = blob_id
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, directories: Directories, published: Published, blob_id: uuid.UUID) -> Self:
        """Claim a blob, starting from nothing. Raises BlobBusy, BlobExists, BlobStoreUnavailable."""
        path = directories.incoming / str(blob_id)
        with disk("a blob can't be begun"):
            descriptor = _lock(path, os.O_CREAT)
            if descriptor is None:
                raise BlobBusy("a blob of that id is being written")
            os.ftruncate(descriptor, 0)  # what an attempt that was killed left here
        claim = cls(blob_id, path, descriptor)
        try:
            if published.exists(blob_id):
                raise BlobExists("a blob of that id is stored already")
        except BaseException:
            claim.release()
            raise
        return claim

    def write(self, data: bytes) -> None:
        """Append to the file. Raises BlobStoreUnavailable."""
        rest = memoryview(data)
        with disk("a blob can't be written"):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def publish(self, published: Published) -> None:
        """Make the file durable, then a blob of it. Raises BlobStoreUnavailable."""
        with disk("a blob can't be published"):
            os.fsync(self._descriptor)
            published.put(self._path, self.blob_id)
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def release(self) -> None:
        """Remove the file, then let go of the claim."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def remove_abandoned(path: Path, before: float) -> bool:
    """Remove a file that was last written before `before` (seconds since the epoch) and that no writer holds."""
    descriptor = _lock(path)
    if descriptor is None:
        return False
    try:
        abandoned = os.fstat(descriptor).st_mtime < before
        if abandoned:
            path.unlink(missing_ok=True)
        return abandoned
    finally:
        os.close(descriptor)


def _lock(path: Path, create: int = 0) -> int | None:
    """The file's descriptor with an exclusive lock, or None when it is held by another or isn't there."""
    for _ in range(_ATTEMPTS):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | create, 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        os.close(descriptor)  # it was removed or published between opening and locking: look again
    return None
