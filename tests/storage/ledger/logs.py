"""A log made by hand, without a database: entries, tiles and a checkpoint signed by a key that the test knows."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.ledger import merkle, notes, tiles
from storage.ledger.checkpoint import Checkpoint, signed
from storage.ledger.copies import tiles_of
from storage.ledger.leaves import leaf_hash
from storage.ledger.tiles import WIDTH

ORIGIN = "test.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
VKEY = notes.vkey(ORIGIN, KEY.public_key().public_bytes_raw())
Files = dict[str, bytes]


def leaves(count: int) -> list[bytes]:
    """Entries that can be told apart, with an id as real ones have."""
    return [f'{{"id":"event-{number}","what":"{"x" * (number % 50)}"}}'.encode() for number in range(count)]


def checkpoint_of(entries: Sequence[bytes], key: Ed25519PrivateKey = KEY, origin: str = ORIGIN) -> str:
    """A signed checkpoint over these entries."""
    made = Checkpoint(origin, len(entries), merkle.root(len(entries), _subtrees(entries)))
    return signed(made, key.sign, key.public_key().public_bytes_raw())


def log_of(entries: Sequence[bytes]) -> Files:
    """Every file of a log of these entries, by path."""
    levels = merkle.grow(0, [leaf_hash(entry) for entry in entries], _nothing)
    files = {"checkpoint": checkpoint_of(entries).encode(), "vkey": VKEY.encode()}
    for tile in tiles_of(len(entries)):
        start = tile.number * WIDTH
        if tile.level is None:
            files[f"tile/{tile.path}"] = tiles.bundle(entries[start : start + tile.width])
        else:
            files[f"tile/{tile.path}"] = b"".join(levels[8 * tile.level][start : start + tile.width])
    return files


def with_entries(files: Files, entries: Sequence[bytes]) -> Files:
    """The same log with other entries in its bundles, however many: what was signed and the tiles stay."""
    bundles = sorted(path for path in files if path.startswith("tile/entries/"))
    parts = [entries[i * WIDTH : (i + 1) * WIDTH] for i in range(len(bundles) - 1)]
    parts.append(entries[(len(bundles) - 1) * WIDTH :])
    return files | {path: tiles.bundle(part) for path, part in zip(bundles, parts, strict=True)}


def _subtrees(entries: Sequence[bytes]) -> merkle.Subtrees:
    levels = merkle.grow(0, [leaf_hash(entry) for entry in entries], _nothing)
    return lambda level, index: levels[level][index]


def _nothing(level: int, index: int) -> bytes:
    raise AssertionError(f"nothing is known of an empty tree: {level}, {index}")
