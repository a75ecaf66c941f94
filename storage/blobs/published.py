"""Where blobs lie once they are whole: files of a local directory, or whatever else answers to the same few calls."""

import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from storage.blobs.directories import Directories, make_private, sync
from storage.blobs.errors import BlobMissing, BlobStoreUnavailable, disk


class Sealed(Protocol):
    """A published blob, as it was sealed."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    def read(self, start: int, length: int, until: int) -> bytes:
        """`length` bytes from `start` on, or as many as there are. Whoever reads on will not read beyond `until`."""
        ...


class Published(Protocol):
    """Blobs that are whole. All of these raise BlobStoreUnavailable where the place does not answer, or refuses."""

    def put(self, file: Path, blob_id: uuid.UUID) -> None:
        """Make a blob of `file`, durable and visible at once or not at all. The file may be gone afterwards."""
        ...

    def take_back(self, blob_id: uuid.UUID, file: Path) -> None:
        """Let a blob no longer be visible; where `file` is not there, what was published lies there again if it can.

        The caller MUST know that no row names it.
        """
        ...

    def exists(self, blob_id: uuid.UUID) -> bool:
        """Whether the blob is visible."""
        ...

    def opened(self, blob_id: uuid.UUID) -> AbstractContextManager[Sealed]:
        """The blob, to be read. Raises BlobMissing, here or at the first use."""
        ...

    def remove(self, blob_ids: Collection[uuid.UUID]) -> int:
        """Remove these, durably; answers how many there were."""
        ...

    def listed(self) -> Iterator[tuple[uuid.UUID, float]]:
        """Every blob, and when it was published, in seconds since the epoch. What is no blob's is passed over."""
        ...


class PublishedFiles:
    """Files of a local directory, one for each blob."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    def put(self, file: Path, blob_id: uuid.UUID) -> None:
        """By renaming: the file's bytes MUST be durable, and then its name is."""
        target = self._directories.published(blob_id)
        with disk("a blob can't be published"):
            make_private(target.parent)
            file.rename(target)
            try:
                sync(target.parent)
            except OSError:
                target.unlink(missing_ok=True)  # nobody was told that it is stored, so it isn't
                raise

    def take_back(self, blob_id: uuid.UUID, file: Path) -> None:
        """By renaming it back; a file that is there stays, and so does what was published."""
        published = self._directories.published(blob_id)
        with disk("a blob can't be taken back"):
            if published.is_file() and not file.exists():
                published.rename(file)
                sync(published.parent)

    def exists(self, blob_id: uuid.UUID) -> bool:
        """Whether there is such a file."""
        return self._directories.published(blob_id).is_file()

    def opened(self, blob_id: uuid.UUID) -> AbstractContextManager[Sealed]:
        """The file, for as long as the block lasts."""
        return _File(self._directories.file(blob_id), blob_id)

    def remove(self, blob_ids: Collection[uuid.UUID]) -> int:
        """Unlink the files, and make that durable."""
        there = [path for path in map(self._directories.published, blob_ids) if path.is_file()]
        with disk("blobs can't be removed"):
            for path in there:
                path.unlink(missing_ok=True)
            for directory in {path.parent for path in there}:
                sync(directory)
        return len(there)

    def listed(self) -> Iterator[tuple[uuid.UUID, float]]:
        """By walking through the directories."""
        with disk("the blob store can't be listed"):
            for blob_id, path in list(self._directories.all_published()):
                try:
                    yield blob_id, path.stat().st_mtime
                except FileNotFoundError:
                    continue


class _File:
    """A file that is open as long as the block lasts.

    It turns errors as `disk` does, but by itself: whoever reads ten thousand small blobs spends as long on the way to
    their bytes as on opening them.
    """

    def __init__(self, file: str, blob_id: uuid.UUID) -> None:
        self._file = file
        self._blob_id = blob_id
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise BlobMissing(f"blob {self._blob_id} is not stored") from None
        except OSError as error:
            raise BlobStoreUnavailable(f"blob {self._blob_id} can't be opened: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    @property
    def size(self) -> int:
        try:
            return os.fstat(self._descriptor).st_size
        except OSError as error:
            raise BlobStoreUnavailable(f"a blob can't be read: {error.strerror}") from error

    def read(self, start: int, length: int, until: int) -> bytes:
        try:
            return os.pread(self._descriptor, length, start)
        except OSError as error:
            raise BlobStoreUnavailable(f"a blob can't be read: {error.strerror}") from error
