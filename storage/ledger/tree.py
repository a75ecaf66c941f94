"""The tree as the database has it: size, root, proofs, tiles, and the newest checkpoint."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from storage.ledger import merkle, tiles
from storage.ledger.checkpoint import Checkpoint
from storage.ledger.entries import AuditEvent
from storage.ledger.rows import AuditCheckpoint, AuditSequence, AuditTile
from storage.ledger.tiles import HASH, WIDTH, Tile

_LAST = select(func.max(AuditSequence.leaf_index))  # built once: it is asked again and again


class LedgerDamaged(Exception):
    """The database's own copy of the log does not hold together. `index` is the first leaf that shows it."""

    code = "LEDGER_DAMAGED"

    def __init__(self, index: int, what: str) -> None:
        super().__init__(f"leaf {index}: {what}")
        self.index = index


class Reader(Protocol):
    """Answers the file at a path of the log; None where there is none."""

    def read(self, path: str) -> bytes | None: ...


@dataclass
class Tree:
    """Reads of one transaction. Tiles are read once and remembered, so that many proofs cost little each."""

    session: Session
    archive: "Reader | None" = None
    """Where the entries lie that have left the database."""
    _tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _size: int | None = None

    def size(self) -> int:
        """How many entries had their place when this was first asked."""
        if self._size is None:
            last = self.session.scalar(_LAST)
            self._size = 0 if last is None else last + 1
        return self._size

    def subtree(self, level: int, index: int) -> bytes:
        """The hash of a perfect subtree. Raises LedgerDamaged where its tile is not there."""
        try:
            return tiles.subtrees_from(self._read)(level, index)
        except tiles.TileRefused:
            raise LedgerDamaged(index << level, "its tile is missing or too short") from None

    def root(self, size: int) -> bytes:
        """The root of the first `size` leaves. Raises LedgerDamaged."""
        return merkle.root(size, self.subtree)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """What leads from leaf `index` to the root of `size` leaves, at most one statement. Raises LedgerDamaged."""
        wanted: set[tuple[int, int]] = set()

        def noted(level: int, at: int) -> bytes:
            wanted.add(tiles.tile_with(level, at))
            return merkle.EMPTY

        merkle.inclusion_proof(index, size, noted)
        self._read_together(wanted - self._tiles.keys())
        return merkle.inclusion_proof(index, size, self.subtree)

    def places(self, event_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
        """The index of each of these entries; one that has no place yet is left out."""
        statement = select(AuditSequence.event_id, AuditSequence.leaf_index).where(
            AuditSequence.event_id.in_(event_ids)
        )
        return {row.event_id: row.leaf_index for row in self.session.execute(statement)}

    def tile(self, tile: Tile, size: int) -> bytes | None:
        """The bytes of a tile or an entry bundle in the tree of `size` leaves; None where it is not in it."""
        if tile.width > tiles.width_at(tile.level or 0, tile.number, size):
            return None
        if tile.level is not None:
            return self._read(tile.level, tile.number)[: tile.width * HASH]
        start = tile.number * WIDTH
        statement = (
            select(AuditEvent.leaf)
            .join(AuditSequence, AuditSequence.event_id == AuditEvent.id)
            .where(AuditSequence.leaf_index >= start, AuditSequence.leaf_index < start + tile.width)
            .order_by(AuditSequence.leaf_index)
        )
        leaves = self.session.scalars(statement).all() or self._archived(tile.number)[: tile.width]
        return tiles.bundle(leaves) if leaves else None

    def _archived(self, number: int) -> list[bytes]:
        """The leaves of a bundle that has left the database: always all of them."""
        content = None if self.archive is None else self.archive.read(f"tile/{Tile(None, number).path}")
        return [] if content is None else tiles.unbundle(content)

    def _read_together(self, wanted: set[tuple[int, int]]) -> None:
        if wanted:
            place = tuple_(AuditTile.level, AuditTile.number)
            statement = select(AuditTile.level, AuditTile.number, AuditTile.hashes).where(place.in_(sorted(wanted)))
            self._tiles |= {(row.level, row.number): row.hashes for row in self.session.execute(statement)}

    def _read(self, level: int, number: int) -> bytes:
        if (level, number) not in self._tiles:
            statement = select(AuditTile.hashes).where(AuditTile.level == level, AuditTile.number == number)
            self._tiles[level, number] = self.session.scalar(statement) or b""
        return self._tiles[level, number]


@dataclass(frozen=True)
class Published:
    """A checkpoint that was published: what it says, and the signed note that says it."""

    checkpoint: Checkpoint
    note: str


def newest(session: Session) -> Published | None:
    """The newest published checkpoint; None before the first."""
    row = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1)).first()
    if row is None:
        return None
    note = bytes(row.note).decode()
    return Published(Checkpoint(note.partition("\n")[0], row.size, bytes(row.root)), note)
