"""A copy of the whole log in one ZIP, laid out as the log is served: what `verify_audit.py` reads."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from storage.database import transaction
from storage.ledger.tiles import HEIGHT, WIDTH, Tile, width_at
from storage.ledger.tree import LedgerDamaged, Reader, Tree, newest


class NothingPublished(Exception):
    """There is no checkpoint yet, so that a copy could not be checked."""

    def __init__(self) -> None:
        super().__init__("Nothing has been published yet: let the agents run for a second.")


def write_copy(engine: Engine, vkey: str, place: Path, archive: Reader | None = None) -> int:
    """Write the log up to its newest checkpoint, with what has gone to `archive`; answers how many entries that are.

    Raises NothingPublished, and LedgerDamaged where an entry is in neither place.

    Nothing is compressed: most of it is hashes. The reads are one snapshot on SQLite. On PostgreSQL they need not be:
    what a checkpoint covers never changes.
    """
    with transaction(engine, read_only=True) as session:
        published = newest(session)
        if published is None:
            raise NothingPublished
        size = published.checkpoint.size
        with zipfile.ZipFile(place, "w") as copy:
            copy.writestr("checkpoint", published.note)
            copy.writestr("vkey", vkey + "\n")
            for tile in tiles_of(size):
                content = Tree(session, archive).tile(tile, size)
                if not content:
                    raise LedgerDamaged(tile.number * WIDTH, "it is neither in the database nor in the archive")
                copy.writestr(f"tile/{tile.path}", content)
    return size


def tiles_of(size: int) -> Iterator[Tile]:
    """Every entry bundle and tile that a tree of `size` leaves has."""
    for level, count in enumerate(_counts(size)):
        for number in range(-(-count // WIDTH)):
            if level == 0:
                yield Tile(None, number, width_at(0, number, size))
            yield Tile(level, number, width_at(level, number, size))


def _counts(size: int) -> Iterator[int]:
    while size:
        yield size
        size >>= HEIGHT
