"""Where blobs lie once they are whole: files of a local directory, or whatever else answers to the same few calls."""

import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import FileIO
from pathlib import Path
from typing import Protocol

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

    @contextmanager
    def opened(self, blob_id: uuid.UUID) -> Iterator[Sealed]:
        """The file, for as long as the block lasts."""
        with disk(f"blob {blob_id} can't be opened"):
            try:
                file = self._directories.published(blob_id).open("rb", buffering=0)
            except FileNotFoundError:
                raise BlobMissing(f"blob {blob_id} is not stored") from None
        with file:
            yield _File(file)

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
    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._descriptor = file.fileno()

    @property
    def size(self) -> int:
        with disk("a blob can't be read"):
            return os.fstat(self._file.fileno()).st_size

    def read(self, start: int, length: int, until: int) -> bytes:
        try:  # as `disk` does, at less than a tenth of what a segment takes to open
            return os.pread(self._descriptor, length, start)
        except OSError as error:
            raise BlobStoreUnavailable(f"a blob can't be read: {error.strerror}") from error
