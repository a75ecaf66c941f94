"""A backup as one file: lines of JSON, packed, encrypted to the operator's public key (age), and signed at their end.

1. The first line says what it is (`format`, `kind`, `taken_at`, `layout`, `origin`). 2. What is kept follows. 3. The
last line but one counts what came. 4. The last is a C2SP signed note over the SHA-256 of all lines before it: whoever
knows the operator's public key can encrypt to it, and only the installation can sign. The stream is written as it is
read, in constant memory. Frozen: what is written today is read for as long as it lies there.
"""

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from storage.archives import recipients
from storage.blobs.directories import sync
from storage.ledger import notes

FORMAT = "muniment-backup/1"
_PACKED = 1  # what is sealed does not get smaller; base64 around it does
_CHUNK = 256 * 1024
_LONGEST_LINE = 256 * 1024 * 1024


class BackupRefused(Exception):
    """A backup that is not read, or not made; the message says what to do."""

    code = "BACKUP_REFUSED"


def write(file: Path, lines: Iterable[bytes], recipient: str, sign: Callable[[str], str]) -> int:
    """Write these lines, and the signature over them; answers the file's bytes. There whole and durable, or not at all.

    Its name MUST be new. Raises RecipientRefused, OSError, and what `lines` raises.
    """
    draft = file.with_name(file.name + ".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target:
            recipients.encrypt(_packed(_signed(lines, sign)), recipient, target.write)
            target.flush()
            os.fsync(target.fileno())
            size = target.tell()
        draft.rename(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(file.parent)
    return size


class Vouched(NamedTuple):
    """A signed note, and the statement about the lines that were read: the note MUST be about that."""

    note: str
    statement: str


def read(file: Path, identities: str, each: Callable[[Any], None]) -> Vouched:
    """Hand every line of `file` but the signature, decoded, to `each`.

    Nothing is to be believed before `trusted` has taken what this answers. Raises BackupRefused where it does not open
    or is not whole, and whatever `each` raises.
    """
    reader = _Reader(each)
    try:
        with file.open("rb") as source:
            recipients.decrypt(source, identities, reader.take)
    except recipients.IdentityRefused as error:
        raise BackupRefused(f"{file.name} does not open: {error}.") from None
    except (zlib.error, orjson.JSONDecodeError):
        raise _no_backup(file) from None
    if reader.note is None or not reader.is_whole:
        raise _no_backup(file)
    return Vouched(reader.note, statement(reader.digest.hexdigest()))


def trusted(found: Vouched, keys: Iterable[str]) -> None:
    """Raise BackupRefused unless one of these verifier keys signed what was read."""
    for key in keys:
        try:
            if notes.verify_note(found.note, key) == found.statement:
                return
        except ValueError:
            continue
    raise BackupRefused(
        "Nobody we know signed this backup as it is: give the installation's verifier key with --vkey, as its "
        "/ledger/vkey showed it and as it was written down apart from the backup."
    )


def statement(digest: str) -> str:
    """The text that is signed."""
    return f"{FORMAT}\nsha256 {digest}\n"


def _signed(lines: Iterable[bytes], sign: Callable[[str], str]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\n")
        yield line
    yield orjson.dumps({"signature": sign(statement(digest.hexdigest()))})


def _packed(lines: Iterable[bytes]) -> Iterator[bytes]:
    packing, waiting = zlib.compressobj(_PACKED), bytearray()
    for line in lines:
        waiting += line + b"\n"
        if len(waiting) >= _CHUNK:
            yield packing.compress(bytes(waiting))
            waiting.clear()
    yield packing.compress(bytes(waiting)) + packing.flush()


class _Reader:
    """Unpacks, splits into lines, hashes them, and keeps the signature back."""

    def __init__(self, each: Callable[[Any], None]) -> None:
        self._each = each
        self._unpacking = zlib.decompressobj()
        self._rest = b""
        self.digest = hashlib.sha256()
        self.note: str | None = None

    @property
    def is_whole(self) -> bool:
        return self._unpacking.eof and not self._rest and not self._unpacking.unused_data

    def take(self, piece: bytes) -> None:
        rest = piece
        while rest:
            self._split(self._unpacking.decompress(rest, _CHUNK))
            rest = self._unpacking.unconsumed_tail

    def _split(self, found: bytes) -> None:
        *lines, self._rest = (self._rest + found).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise BackupRefused("A line of the backup is longer than any real one.")
        for line in lines:
            if self.note is not None:
                raise BackupRefused("Something stands behind the backup's signature.")
            said = orjson.loads(line)
            if isinstance(said, dict) and said.keys() == {"signature"}:
                self.note = str(said["signature"])
            else:
                self.digest.update(line + b"\n")
                self._each(said)


def _no_backup(file: Path) -> BackupRefused:
    return BackupRefused(f"{file.name} is no backup of ours, or not a whole one.")
