"""Check the rows of the audit log against its tree: what was removed, altered or put in is named by its index.

Whoever verifies the log finds such damage, but nobody verifies it every minute. The agents check the newest entries
every few seconds, and the older ones in turn (`agents/ledger/checking.py`).
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from storage.keys.keyring import Keyring
from storage.ledger import archiving, merkle, tree
from storage.ledger.archiving import Archive
from storage.ledger.entries import AuditEvent
from storage.ledger.events import LogDamage
from storage.ledger.leaves import leaf_hash
from storage.ledger.rows import AuditPending, AuditSequence, AuditTile
from storage.ledger.tiles import HASH, HEIGHT, WIDTH
from storage.ledger.tree import LedgerDamaged, Tree

MOST_ENTRIES = 4096
"""How many entries `check_strays` looks at."""


NEWEST_BUNDLES = 4
"""How many bundles of 256 entries are checked anew each time."""


@dataclass(frozen=True)
class DamagedRange:
    """Entries next to one another that are wrong in the same way."""

    kind: LogDamage
    index: int | None
    """The place of the first of them in the log; None for entries without a place."""
    count: int
    event_id: uuid.UUID | None = None
    """The id of the first of them, where it is known."""

    def text(self) -> str:
        """Say it in a few words."""
        where = "without a place" if self.index is None else f"from place {self.index} on"
        return f"{self.count} {'entry' if self.count == 1 else 'entries'} {where}: {self.kind.value}"


def check_newest(session: Session) -> list[DamagedRange]:
    """Check the end of the log, its newest 1,024 entries, and the table's newest 4,096."""
    bundles = -(-size_of(session) // WIDTH)
    newest = range(max(0, bundles - NEWEST_BUNDLES), bundles)
    found = [*check_published(session), *check_bundles(session, newest), *check_strays(session)[0]]
    return list(dict.fromkeys(found))


def size_of(session: Session) -> int:
    """Return how many entries have a place in the log."""
    return Tree(session).size()


def first_bundle(session: Session) -> int:
    """Return the number of the first bundle that did not leave for the archive."""
    return archiving.first_kept(session) // WIDTH


def check_published(session: Session) -> list[DamagedRange]:
    """Return which published entries are missing at the end, or that the tree has another root than was published."""
    published = tree.newest(session)  # read before the size, which only grows
    if published is None:
        return []
    told, checked = published.checkpoint, Tree(session)
    if checked.size() < told.size:
        return [DamagedRange(LogDamage.MISSING, checked.size(), told.size - checked.size())]
    try:
        is_same = checked.root(told.size) == told.root
    except LedgerDamaged:
        is_same = False
    return [] if is_same else [DamagedRange(LogDamage.HASHES, 0, told.size)]


def check_archived(session: Session, archive: Archive | None, origin: str, keyring: Keyring) -> list[DamagedRange]:
    """Return which entries are missing at the beginning, and not in the archive either."""
    first = archiving.first_kept(session)
    if not first:
        return []
    try:
        # Read after the rows, which leave when the archive is sealed.
        covered = None if archive is None else archive.covers(origin, keyring)
    except ValueError:
        covered = None  # nothing that this log's key has signed says what lies there
    archived = 0 if covered is None else covered.size
    return [] if archived >= first else [DamagedRange(LogDamage.MISSING, archived, first - archived)]


def check_bundles(session: Session, numbers: Iterable[int]) -> list[DamagedRange]:
    """Check the entries of these bundles of 256 against the hashes over them, and those up to the highest tile.

    Bundles that left for the archive while they were read are no damage, and neither are entries that got their places
    meanwhile.
    """
    size = size_of(session)  # read first: what has its place by now is in every later answer
    found = [
        (number, damage)
        for number in sorted(set(numbers))
        for damage in (*_check_entries(session, number, size), *_check_tiles(session, number))
    ]
    first = archiving.first_kept(session)  # read last: whatever was archived meanwhile lies before it
    return [damage for number, damage in found if (number + 1) * WIDTH > first]


def check_strays(session: Session, before: uuid.UUID | None = None) -> tuple[list[DamagedRange], uuid.UUID | None]:
    """Find entries that neither have a place nor wait for one: they were put into the table past this program.

    Looks at up to 4,096 entries: those with ids below `before`, or the newest. Also returns the id to go on below; None
    at the end.
    """
    looked_at = select(AuditEvent.id).order_by(AuditEvent.id.desc()).limit(MOST_ENTRIES)
    if before is not None:
        looked_at = looked_at.where(AuditEvent.id < before)
    entries = looked_at.subquery()
    has_place = exists().where(AuditSequence.event_id == entries.c.id)
    waits = exists().where(AuditPending.event_id == entries.c.id)
    # One statement sees one state: an entry that gets its place meanwhile is on one side or on the other.
    ids = list(session.scalars(select(entries.c.id).where(~has_place, ~waits).order_by(entries.c.id)))
    last = session.scalar(select(entries.c.id).order_by(entries.c.id).limit(1))
    is_full = session.scalar(select(func.count()).select_from(entries)) == MOST_ENTRIES
    damages = [DamagedRange(LogDamage.STRAY, None, len(ids), ids[0])] if ids else []
    return damages, last if is_full else None


def _check_entries(session: Session, number: int, size: int) -> Iterator[DamagedRange]:
    """Compare the entries of a bundle with the hashes that stand for them in the tree of at least `size` entries."""
    start = number * WIDTH
    statement = (
        select(AuditSequence.leaf_index, AuditSequence.event_id, AuditEvent.leaf)
        .outerjoin(AuditEvent, AuditEvent.id == AuditSequence.event_id)
        .where(AuditSequence.leaf_index >= start, AuditSequence.leaf_index < start + WIDTH)
    )
    rows = {index: (event_id, leaf) for index, event_id, leaf in session.execute(statement)}
    hashes = _hashes(session, 0, number)  # read after the rows: what has its place has its hash
    wrong: list[tuple[int, LogDamage]] = []
    for index in range(start, max(min(size, start + WIDTH), max(rows, default=-1) + 1)):
        leaf = rows[index][1] if index in rows else None
        at = (index - start) * HASH
        if leaf is None:
            wrong.append((index, LogDamage.MISSING))
        elif leaf_hash(leaf) != hashes[at : at + HASH]:
            wrong.append((index, LogDamage.ALTERED))
    for (_, kind), run in groupby(enumerate(wrong), key=lambda each: (each[1][0] - each[0], each[1][1])):
        indexes = [index for _, (index, _) in run]
        yield DamagedRange(kind, indexes[0], len(indexes), rows[indexes[0]][0] if indexes[0] in rows else None)


def _check_tiles(session: Session, number: int) -> Iterator[DamagedRange]:
    """Compare a full tile with the hash over it in the tile above, and so on up to the first that is not full."""
    level = 0
    while len(hashes := _hashes(session, level, number)) == WIDTH * HASH:
        above, at = _hashes(session, level + 1, number // WIDTH), number % WIDTH * HASH
        if merkle.fold([hashes[i : i + HASH] for i in range(0, len(hashes), HASH)]) != above[at : at + HASH]:
            yield DamagedRange(LogDamage.HASHES, number << HEIGHT * (level + 1), 1 << HEIGHT * (level + 1))
            return
        level, number = level + 1, number // WIDTH


def _hashes(session: Session, level: int, number: int) -> bytes:
    """Read a tile anew each time: the tile above is written together with the last hash of this one."""
    statement = select(AuditTile.hashes).where(AuditTile.level == level, AuditTile.number == number)
    return session.scalar(statement) or b""
