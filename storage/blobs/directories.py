"""Where blobs lie on disk: published ones by id, those being written in `incoming/`, or in several transfers in
`unfinished/`."""

import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from storage.blobs.errors import disk


class Directories:
    """The directory tree under `root`. Directories have mode 0700, so that file names stay private too."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._under = f"{root}/"
        self.incoming = root / "incoming"
        self.unfinished = root / "unfinished"
        with disk("the blob store can't be opened"):
            make_private(root)
            make_private(self.incoming)
            make_private(self.unfinished)

    def published(self, blob_id: uuid.UUID) -> Path:
        """Where a blob lies once it is whole. Spread by the id's last digits: the first ones are a time."""
        return Path(self.file(blob_id))

    def file(self, blob_id: uuid.UUID) -> str:
        """As `published`, for who opens it: making a path out of it takes longer than opening it."""
        name = str(blob_id)
        return f"{self._under}{name[-2:]}/{name}"

    def all_published(self) -> Iterator[tuple[uuid.UUID, Path]]:
        """Every published blob. Files that are no blob's are passed over."""
        return _named(self._root.glob("[0-9a-f][0-9a-f]/*"))

    def all_unfinished(self) -> Iterator[tuple[uuid.UUID, Path]]:
        """The directory of every blob that comes in several transfers and is not whole yet."""
        return _named(self.unfinished.iterdir())


def make_private(directory: Path) -> None:
    """Make a directory of mode 0700 where there is none, durably."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(directory.parent)


def sync(directory: Path) -> None:
    """Make renames and removals in a directory survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _named(paths: Iterable[Path]) -> Iterator[tuple[uuid.UUID, Path]]:
    for path in paths:
        blob_id = _parsed(path.name)
        if blob_id is not None:
            yield blob_id, path


def _parsed(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
