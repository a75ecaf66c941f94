"""Tiles: the tree cut into pieces of 256 hashes, as C2SP tlog-tiles serves them (https://c2sp.org/tlog-tiles).

Tile n of level l holds the roots of 256 subtrees of 256^l leaves each. Every other hash of the tree follows from them.
Entry bundles hold the leaves themselves, each behind its length in 16 bits. Pure: knows neither database nor keys.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from storage.ledger import merkle
from storage.ledger.leaves import LARGEST

WIDTH = 256
HEIGHT = 8
HASH = 32
_DEEPEST = 63
_PATH = re.compile(
    r"(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class TileRefused(ValueError):
    """Not the path of a tile, or not the bytes of one."""


@dataclass(frozen=True)
class Tile:
    """Which tile: its level (None: the bundle of entries), its number there, and how many of its 256 are there."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where the tile stands below `tile/`: `1/x001/x234/067`, and `.p/<width>` while it is not full."""
        digits = f"{self.number:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level is None else str(self.level)
        return f"{level}/{number}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """The tile at this path below `tile/`. Raises TileRefused for any but the one way to write it."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise TileRefused("not the path of a tile")
        level = None if found["level"] == "entries" else int(found["level"])
        tile = cls(level, int(found["number"].replace("x", "").replace("/", "")), int(found["width"] or WIDTH))
        if tile.path != path or (level or 0) > _DEEPEST or tile.width > WIDTH:
            raise TileRefused("not the path of a tile")
        return tile


def width_at(level: int, number: int, size: int) -> int:
    """How many hashes tile `number` of `level` has in a tree of `size` leaves: 0 to 256."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - number * WIDTH))


def tile_with(level: int, index: int) -> tuple[int, int]:
    """The level and number of the tile from which the hash of the perfect subtree (level, index) follows."""
    deep, above = divmod(level, HEIGHT)
    return deep, (index << above) // WIDTH


def subtrees_from(read: Callable[[int, int], bytes]) -> merkle.Subtrees:
    """The hash of any perfect subtree, from tiles: `read(level, number)` answers one, as far as it is filled."""

    def subtree(level: int, index: int) -> bytes:
        above = level % HEIGHT
        tile = read(*tile_with(level, index))
        start = (index << above) % WIDTH * HASH
        cut = tile[start : start + (HASH << above)]
        if len(cut) != HASH << above:
            raise TileRefused("the tile is shorter than the tree")
        return merkle.fold([cut[i : i + HASH] for i in range(0, len(cut), HASH)])

    return subtree


def bundle(leaves: Iterable[bytes]) -> bytes:
    """The leaves as an entry bundle: each behind its length, 16 bits, big-endian. TileRefused for one over 65,535."""
    parts = []
    for leaf in leaves:
        if len(leaf) > LARGEST:
            raise TileRefused("a leaf has at most 65,535 bytes")
        parts += [len(leaf).to_bytes(2, "big"), leaf]
    return b"".join(parts)


def unbundle(content: bytes) -> list[bytes]:
    """The leaves of an entry bundle. Raises TileRefused where the lengths do not add up."""
    found, at = [], 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if at + 2 > len(content) or end > len(content):
            raise TileRefused("an entry bundle that ends in the middle")
        found.append(content[at + 2 : end])
        at = end
    return found
