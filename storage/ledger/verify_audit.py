"""Check a Muniment audit log by yourself. This one file and `cryptography` are enough: copy it anywhere and read it.

    python verify_audit.py --vkey KEY [--old CHECKPOINT] [--token] SOURCE

SOURCE is a ZIP made by `audit export`, a directory with the same files (an archive is one), or the address of a log or
its server. KEY is the log's verifier key; get it from somewhere else than the log. CHECKPOINT is one that you kept from
an earlier visit: with it, nothing that was in the log then can have been changed or dropped since.

What is checked, and in this order:
  (1) the checkpoint, a statement of how many entries there are and what they hash to, is signed by KEY;
  (2) it is not smaller than the one you kept;
  (3) all entries together hash to what was signed (RFC 9162, section 2.1.1);
  (4) so do the first of them, as many as there were, to the checkpoint that you kept (section 2.1.4 without a proof);
  (5) the tiles, in which the log serves its hashes, hold these hashes (C2SP tlog-tiles).
Where (3) fails, the tiles tell which entry is the first that is not what it was.

A server shows its entries to those who may read them: with --token, a token is read from standard input. Without one
the hashes of all entries are read from the tiles, and (3) to (5) are checked of them; what the entries say is not.

Exit code 0: all of it holds. 1: it does not, and the first line says what. 2: it could not be checked.
"""

import argparse
import base64
import hashlib
import json
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Read = Callable[[str], bytes | None]
"""Answers the file at a path of the log, None if there is none."""

HASH = 32
WIDTH = 256  # entries per bundle, hashes per tile
LONGEST = 64 * 1024 * 1024  # no file of a log is longer
ALIKE = 8  # entries that must agree again before a gap is called a gap


class Wrong(Exception):
    """Something does not hold; the text says what."""


class NotShown(Wrong):
    """The server shows entries to others only."""


@dataclass
class Report:
    """What was found. `problems` in order: the first is the first bad thing."""

    problems: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    note: bytes | None = None  # the checkpoint that it is about
    entries: bool = True  # whether the entries were shown, and not their hashes alone

    @property
    def lines(self) -> list[str]:
        """The report for people, the verdict first."""
        if not self.problems:
            return ["Everything holds." if self.entries else "The hashes hold.", *self.facts]
        return [f"Do not trust it: {self.problems[0]}", *(f"Also: {each}" for each in self.problems[1:]), *self.facts]


# --- Signatures: a checkpoint is a signed note (C2SP signed-note, tlog-checkpoint) ------------------------------------
def checkpoint(note: bytes, vkey: str) -> tuple[int, bytes]:
    """How many entries, and their root. Raises Wrong unless the key signed this note, and for its own log."""
    try:
        name, key_id, encoded = vkey.strip().split("+", 2)
        key = base64.b64decode(encoded, validate=True)
        text, _, signatures = note.decode().rpartition("\n\n")
        origin, size, root = (text + "\n").split("\n")[:3]
        count, decoded = int(size), base64.b64decode(root, validate=True)
    except ValueError:
        raise Wrong("the checkpoint is not a signed note with origin, size and root, or the key is none.") from None
    own_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if key[:1] != b"\x01" or len(key) != 33 or own_id.hex() != key_id:
        raise Wrong("the key is not an Ed25519 verifier key.")
    for line in signatures.splitlines():
        dash, signer, signature = [*line.split(" "), "", ""][:3]
        if dash == "—" and signer == name:
            try:
                raw = base64.b64decode(signature, validate=True)
                if raw[:4] == own_id:
                    Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], (text + "\n").encode())
                    break
            except (ValueError, InvalidSignature):
                raise Wrong(f"the checkpoint's signature by {name} is wrong.") from None
    else:
        raise Wrong(f"the checkpoint is not signed by {name} with this key.")
    if origin != name or count < 0 or len(decoded) != HASH:
        raise Wrong("the checkpoint speaks for another log than the key's.")
    return count, decoded


# --- Hashes: RFC 9162, section 2.1 ------------------------------------------------------------------------------------
def leaf_hash(entry: bytes) -> bytes:
    """An entry's hash."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over these hashes: pairs are hashed together, level by level, and what is left over goes up as it is."""
    while len(hashes) > 1:
        hashes = [*map(node_hash, hashes[::2], hashes[1::2]), *hashes[len(hashes) // 2 * 2 :]]
    return hashes[0] if hashes else hashlib.sha256().digest()


def cut(joined: bytes) -> list[bytes]:
    """Hashes written one after another."""
    return [joined[i : i + HASH] for i in range(0, len(joined), HASH)]


def levels_above(leaves: bytes) -> list[bytes]:
    """The hashes that the tiles of each level hold: of the leaves, of every full 256 of them, and so on."""
    levels = [leaves]
    while len(levels[-1]) >= WIDTH * HASH:
        below = levels[-1]
        full = range(0, len(below) - WIDTH * HASH + 1, WIDTH * HASH)
        levels.append(b"".join(root(cut(below[i : i + WIDTH * HASH])) for i in full))
    return levels


def root_of(levels: Sequence[bytes], count: int) -> bytes:
    """The root over the first `count` leaf hashes, from what `levels_above` found, so that nothing is hashed twice."""
    tops = levels[1][: count // WIDTH * HASH] if len(levels) > 1 else b""
    rest = levels[0][len(tops) * WIDTH : count * HASH]
    return root([*cut(tops), *([root(cut(rest))] if rest else [])])


# --- Files: C2SP tlog-tiles -------------------------------------------------------------------------------------------
def tile_path(kind: str, number: int, width: int) -> str:
    """Where tile `number` stands: `tile/0/x001/x234/067`, and `.p/<width>` while it is not full."""
    digits = str(number).zfill(-(-len(str(number)) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    suffix = "" if width == WIDTH else f".p/{width}"
    return "/".join(["tile", kind, *("x" + each for each in groups[:-1]), groups[-1] + suffix])


def files_of(read: Read, kind: str, count: int) -> Iterator[bytes]:
    """The tiles (or bundles) that a tree with `count` hashes on that level has; an absent one is empty."""
    for number in range(-(-count // WIDTH)):
        yield read(tile_path(kind, number, min(WIDTH, count - number * WIDTH))) or b""


def entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle, each behind its length in 16 bits; the last is cut short where lengths do not fit."""
    found, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        found.append(bundle[at + 2 : end])
        at = end
    return found


# --- The check --------------------------------------------------------------------------------------------------------
def verify(read: Read, vkey: str, old: bytes | None = None) -> Report:
    """Check a whole log. Raises OSError where it can't be read."""
    report = Report()
    try:
        report.note = read("checkpoint")
        if report.note is None:
            raise Wrong("there is no checkpoint.")
        size, signed = checkpoint(report.note, vkey)  # (1)
        kept = checkpoint(old, vkey) if old is not None else (0, root([]))
        if kept[0] > size:  # (2)
            raise Wrong(f"it was rolled back: {kept[0]} entries were signed earlier, now there are {size}.")
        _check_entries(read, size, signed, kept, report)
    except Wrong as wrong:
        report.problems.insert(0, str(wrong))
    return report


def _check_entries(read: Read, size: int, signed: bytes, kept: tuple[int, bytes], report: Report) -> None:
    try:
        bundles = files_of(read, "entries", size)
        levels = levels_above(b"".join(b"".join(map(leaf_hash, entries(each))) for each in bundles))
    except NotShown:
        report.entries = False
        levels = levels_above(b"".join(files_of(read, "0", size)))
    if len(levels[0]) != size * HASH or root_of(levels, size) != signed:  # (3)
        if not report.entries:
            raise Wrong("the tiles are not what was signed.")
        raise Wrong(_first_bad(levels[0], b"".join(files_of(read, "0", size)), size, signed, read))
    if root_of(levels, kept[0]) != kept[1]:  # (4)
        raise Wrong(f"history was rewritten: the first {kept[0]} entries are not those that were signed earlier.")
    for level, expected in enumerate(levels):  # (5)
        for number, tile in enumerate(files_of(read, str(level), len(expected) // HASH)):
            if tile != expected[number * WIDTH * HASH : (number + 1) * WIDTH * HASH]:
                report.problems.append(f"tile {number} of level {level} is not what the entries hash to.")
    report.facts.append(f"{size} entries, all of them signed for.")
    if not report.entries:
        report.facts.append("Their hashes were checked, and not what they say: that takes a token that may read them.")
    if kept[0]:
        report.facts.append(f"The first {kept[0]} are those of the checkpoint that you kept.")


def _first_bad(leaves: bytes, tiles: bytes, size: int, signed: bytes, read: Read) -> str:
    """Which entry is the first that is not what was signed, and what befell it."""
    found, right = cut(leaves), cut(tiles)
    at = next((i for i, (a, b) in enumerate(zip(found, right, strict=False)) if a != b), min(len(found), len(right)))
    if len(tiles) != size * HASH or root_of(levels_above(tiles), size) != signed:
        if at == min(len(found), len(right)) and len(found) >= size:
            return "entries and tiles agree with each other and not with the checkpoint: the log was rewritten."
        return f"entry {at} or its tile is not what was signed; the tiles are damaged too."
    if at == len(found):
        return f"it was truncated: entry {at} is missing, and so is every entry after it."
    if at == len(right):
        return f"entry {at} was added: only {size} entries were signed for."
    if (rest := min(ALIKE, len(found) - at, len(right) - at - 1)) and found[at:][:rest] == right[at + 1 :][:rest]:
        return f"entry {at} was removed."
    if (rest := min(ALIKE, len(found) - at - 1, len(right) - at)) and found[at + 1 :][:rest] == right[at:][:rest]:
        return f"entry {at} was inserted{_named(read, size, at)}."
    if found[at] in right:
        return f"entry {at} is out of order: what stands there is entry {right.index(found[at])}."
    return f"entry {at} was altered{_named(read, size, at)}."


def _named(read: Read, size: int, at: int) -> str:
    """The id that the entry gives itself, if it can still be read."""
    every = (entry for bundle in files_of(read, "entries", size) for entry in entries(bundle))
    try:
        return f" (it calls itself event {json.loads(next(islice(every, at, None)))['id']})"
    except (ValueError, TypeError, KeyError, StopIteration):
        return ""


# --- Where it is read from --------------------------------------------------------------------------------------------
def reader(source: str, token: str | None = None) -> Read:
    """What reads the files at an address, in a directory or in a ZIP. Raises OSError where there is nothing."""
    if source.startswith(("http://", "https://")):
        base = source.rstrip("/")
        if not base.endswith("/ledger") and _fetched(f"{base}/ledger/checkpoint", None) is not None:
            base += "/ledger"
        return lambda path: _fetched(f"{base}/{path}", token if path.startswith("tile/entries/") else None)
    place = Path(source)
    if place.is_dir():
        return lambda path: (place / path).read_bytes() if (place / path).is_file() else None
    try:
        archive = zipfile.ZipFile(place)
    except zipfile.BadZipFile:
        raise OSError(f"{source} is no ZIP, no directory and no address") from None
    names = set(archive.namelist())
    return lambda path: _unpacked(archive, path) if path in names else None


def _unpacked(archive: zipfile.ZipFile, path: str) -> bytes:
    if archive.getinfo(path).file_size > LONGEST:
        raise Wrong(f"{path} is longer than any file of a log.")
    try:
        return archive.read(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        raise Wrong(f"{path} is damaged inside the ZIP.") from None


def _fetched(address: str, token: str | None) -> bytes | None:
    asked = urllib.request.Request(address)  # noqa: S310 - checked by `reader`
    if token:
        asked.add_unredirected_header("Authorization", f"Bearer {token}")  # and to nobody it redirects to
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - as above
            return bytes(answer.read(LONGEST))
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        if error.code in (401, 403) and not token:
            raise NotShown from None
        raise


def run(source: str, vkey: str | None, old: str | None = None, token: str | None = None) -> Report:
    """Check `source` as the command line says. Raises OSError where something can't be read."""
    read = reader(source, token)
    key = vkey or (read("vkey") or b"").decode(errors="replace")
    report = verify(read, key, Path(old).read_bytes() if old else None)
    if vkey is None:
        report.facts.append("Checked with the key that came with it, which shows only that it agrees with itself.")
    return report


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Check a Muniment audit log.")
    parser.add_argument("source", help="ZIP, directory or address of a log")
    parser.add_argument("--vkey", help="the log's verifier key")
    parser.add_argument("--old", help="a file with a checkpoint from an earlier visit")
    parser.add_argument("--token", action="store_true", help="read a token that may read entries from standard input")
    given = parser.parse_args(arguments)
    token = sys.stdin.readline().strip() if given.token else None
    try:
        report = run(given.source, given.vkey, given.old, token)
    except OSError as error:
        sys.stderr.write(f"It could not be read: {error}\n")
        return 2
    sys.stdout.write("\n".join(report.lines) + "\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
