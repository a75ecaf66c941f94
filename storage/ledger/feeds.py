"""The log as a feed: every published entry in the order of its place, nameless, from wherever it lies by now.

Places never change and have no gaps, so that whoever collects goes on where they ended, whether an entry was anonymised
or archived meanwhile or not. (Ids are no such order: a transaction that took long commits an older one later.)
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from storage.database import transaction
from storage.ledger import trail
from storage.ledger.tiles import WIDTH, Tile, unbundle, width_at
from storage.ledger.tree import LedgerDamaged, Reader, Tree, newest


def entries(
    engine: Engine, archive: Reader | None, start: int, at_most: int | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Place and published form of every published entry from place `start` on, up to `at_most` of them.

    The reads are short, one for each bundle of 256. Raises LedgerDamaged where an entry is in neither place.
    """
    end = published_size(engine)
    if at_most is not None:
        end = min(end, start + at_most)
    while start < end:
        number = start // WIDTH
        with transaction(engine, read_only=True) as session:
            tile = Tile(None, number, width_at(0, number, end))
            bundle = Tree(session, archive).tile(tile, end)
        found = unbundle(bundle or b"")
        if len(found) != tile.width:
            raise LedgerDamaged(number * WIDTH + len(found), "it is neither in the database nor in the archive")
        for index in range(start, number * WIDTH + tile.width):
            yield index, trail.nameless_form(found[index - number * WIDTH])
        start = number * WIDTH + tile.width


def published_size(engine: Engine) -> int:
    """How many entries the newest checkpoint covers."""
    with transaction(engine, read_only=True) as session:
        published = newest(session)
    return 0 if published is None else published.checkpoint.size
