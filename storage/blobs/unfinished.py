"""A claim on a blob that comes in several transfers: a directory in `unfinished/`, with its data and a note.

The note says how far the blob is, and is replaced as a whole after the data it speaks of are durable: a process that is
killed at any moment leaves a note that is true. The lock lies on the directory and lasts until the claim is let go.
"""

import fcntl
import os
import uuid
from pathlib import Path
from typing import Self

from storage.blobs.directories import Directories, make_private, sync
from storage.blobs.errors import BlobBusy, disk
from storage.blobs.published import Published

_ATTEMPTS = 10
_DATA, _NOTE, _NEXT = "data", "note", "note.next"


class Unfinished:
    """The only right to go on with a blob, gone with the process that holds it; what was saved stays."""

    def __init__(self, blob_id: uuid.UUID, directory: Path, lock: int) -> None:
        self.blob_id = blob_id
        self._directory = directory
        self._lock = lock
        self._data: int | None = None

    @classmethod
    def take(cls, directories: Directories, blob_id: uuid.UUID) -> Self:
        """Claim a blob, begun or not. Raises BlobBusy, BlobStoreUnavailable."""
        path = directories.unfinished / str(blob_id)
        with disk("a blob can't be gone on with"):
            for _ in range(_ATTEMPTS):
                make_private(path)
                lock = lock_directory(path)
                if lock is not None:
                    return cls(blob_id, path, lock)
        raise BlobBusy("a blob of that id is being written")

    def note(self) -> bytes | None:
        """What was last saved about the blob; None where nothing was."""
        with disk("a blob's note can't be read"):
            return read_note(self._directory)

    def begin(self) -> None:
        """Start from nothing, whatever was there."""
        with disk("a blob can't be begun"):
            (self._directory / _NOTE).unlink(missing_ok=True)
            self._open(os.O_CREAT | os.O_TRUNC)

    def resume(self, length: int, published: Published) -> bool:
        """Go on behind the first `length` bytes; False where they are not there.

        What was published already is taken back: the caller MUST know that no row names it.
        """
        with disk("a blob can't be gone on with"):
            published.take_back(self.blob_id, self._directory / _DATA)
            try:
                self._open(0)
            except FileNotFoundError:
                return False
            assert self._data is not None  # noqa: S101 - narrows the type; _open has set it
            if os.fstat(self._data).st_size < length:
                return False
            os.ftruncate(self._data, length)
            os.lseek(self._data, length, os.SEEK_SET)
            return True

    def write(self, data: bytes) -> None:
        """Append to the data. Raises BlobStoreUnavailable."""
        assert self._data is not None  # noqa: S101 - narrows the type; begin or resume comes first
        rest = memoryview(data)
        with disk("a blob can't be written"):
            while rest:
                rest = rest[os.write(self._data, rest) :]

    def save(self, note: bytes) -> None:
        """Make the data durable, then the note that speaks of them. Raises BlobStoreUnavailable."""
        with disk("a blob's note can't be written"):
            self._sync_data()
            following = self._directory / _NEXT
            descriptor = os.open(following, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                rest = memoryview(note)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            following.rename(self._directory / _NOTE)
            sync(self._directory)

    def publish(self, published: Published) -> None:
        """Make the data durable and visible, and keep the claim until the caller has said so in a row."""
        with disk("a blob can't be published"):
            self._sync_data()
            published.put(self._directory / _DATA, self.blob_id)

    def close(self) -> None:
        """Let go of the claim; what was saved stays for whoever goes on."""
        if self._data is not None:
            os.close(self._data)
            self._data = None
        os.close(self._lock)

    def release(self) -> None:
        """Remove all that is left of it, then let go of the claim."""
        with disk("a blob can't be removed"):
            remove_directory(self._directory)
        self.close()

    def _open(self, flags: int) -> None:
        if self._data is not None:
            os.close(self._data)
        self._data = os.open(self._directory / _DATA, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)

    def _sync_data(self) -> None:
        assert self._data is not None  # noqa: S101 - narrows the type; begin or resume comes first
        os.fsync(self._data)


def lock_directory(path: Path) -> int | None:
    """A descriptor with an exclusive lock on the directory, or None when it is held by another or isn't there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def read_note(directory: Path) -> bytes | None:
    """The note in a blob's directory; None where there is none."""
    try:
        return (directory / _NOTE).read_bytes()
    except FileNotFoundError:
        return None


def saved_at(directory: Path) -> float:
    """When the blob was last saved, or else begun, in seconds since the epoch; 0 where nothing is left of it."""
    for path in (directory / _NOTE, directory):
        try:
            return path.stat().st_mtime
        except FileNotFoundError:
            continue
    return 0


def remove_directory(directory: Path) -> bool:
    """Remove a blob's directory with all in it, durably; whether there was one."""
    for name in (_NOTE, _NEXT, _DATA):
        (directory / name).unlink(missing_ok=True)
    try:
        directory.rmdir()
    except FileNotFoundError:
        return False
    sync(directory.parent)
    return True
