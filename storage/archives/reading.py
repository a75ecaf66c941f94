"""Reading an archive to take in what it holds: whole, signed by a trusted key, of a version we know; or not at all.

What is refused is refused before anything is unpacked that its signed manifest does not announce. No message names a
file, for the names of files are content: `export verify` tells its owner.
"""

import enum
import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from storage.archives import layout
from storage.archives.recipients import MAGIC
from storage.archives.verifying import DAMAGE, examine
from storage.ledger import notes

_MANIFEST_BYTES = 256 * 1024 * 1024
_LINE_BYTES = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_SCHEMA_VERSION = 1
_FAMILY = layout.FORMAT.rpartition("/")[0] + "/"


class Reason(enum.StrEnum):
    """Why an archive is not taken in; `docs/errors/ARCHIVE_REFUSED.md` says of each what to do."""

    DAMAGED = "DAMAGED"  # cut, changed, or no archive
    ENCRYPTED = "ENCRYPTED"  # no key was given, or not the right one
    INCOMPLETE = "INCOMPLETE"  # only what was new since some day
    OVER_QUOTA = "OVER_QUOTA"  # the account has no room for its files
    TOO_LARGE = "TOO_LARGE"
    TOO_NEW = "TOO_NEW"  # made by a later version
    UNSUITABLE = "UNSUITABLE"  # signed, and yet something in it does not fit together
    UNTRUSTED = "UNTRUSTED"  # signed by nobody we know


class ArchiveRefused(Exception):
    """This archive is not taken in."""

    code = "ARCHIVE_REFUSED"

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def damaged() -> ArchiveRefused:
    """It is not, or not any more, what was signed."""
    return ArchiveRefused(
        Reason.DAMAGED,
        "The archive is not whole: `python -m muniment export verify FILE` says where. Fetch it again.",
    )


@dataclass(frozen=True)
class Archive:
    """An archive that was found whole and trusted. Reading from it checks again, as it passes, what was signed."""

    opened: zipfile.ZipFile
    manifest: Mapping[str, Any]
    digest: bytes
    """SHA-256 of the manifest: it stands for the whole archive."""
    files: Mapping[str, Mapping[str, Any]]
    """Lines of the manifest by path."""

    @property
    def byte_size(self) -> int:
        """All that is in it, unpacked."""
        return sum(line["bytes"] for line in self.files.values())

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file's bytes. Raises ArchiveRefused at its end where they are not those that were signed."""
        digest = hashlib.sha256()
        try:
            with self.opened.open(path) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    yield chunk
        except DAMAGE:
            raise damaged() from None
        if digest.hexdigest() != self.files[path]["sha256"]:
            raise damaged()

    def objects(self, path: str) -> Iterator[dict[str, Any]]:
        """The objects of a file of JSON lines; none where there is no such file."""
        if path not in self.files:
            return
        rest = b""
        for chunk in self.chunks(path):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(_object, lines)
            if len(rest) > _LINE_BYTES:
                raise ArchiveRefused(Reason.TOO_LARGE, "A record in the archive is larger than any real one.")
        if rest:
            raise damaged()

    def object(self, path: str) -> dict[str, Any] | None:
        """The object that a file of JSON holds; None where there is no such file."""
        if path not in self.files:
            return None
        if self.files[path]["bytes"] > _LINE_BYTES:
            raise ArchiveRefused(Reason.TOO_LARGE, "A record in the archive is larger than any real one.")
        return _object(b"".join(self.chunks(path)))


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ArchiveRefused(Reason.UNSUITABLE, "A record in the archive is no JSON object.")
    return found


def open_archive(file: BinaryIO, keys: Iterable[str], most_bytes: int) -> Archive:
    """The archive in `file`, if it is whole and one of these verifier keys signed it. Raises ArchiveRefused.

    (1) who signed it, (2) whether this version can read it, (3) how large it is, and only then (4) every byte.
    """
    if file.read(len(MAGIC)) == MAGIC:
        raise ArchiveRefused(Reason.ENCRYPTED, "The archive is encrypted: give the secret key with --identity FILE.")
    try:
        opened = zipfile.ZipFile(file)
        content, note = (_small(opened, name) for name in (layout.MANIFEST, layout.SIGNATURE))
    except (KeyError, *DAMAGE):
        raise damaged() from None
    key = _signer(note, keys)  # (1)
    manifest = _readable(content)  # (2)
    try:
        files = {line["path"]: line for line in manifest["files"]}
        total = sum(int(line["bytes"]) for line in files.values())
    except (KeyError, TypeError, ValueError):
        raise damaged() from None
    if total > most_bytes:  # (3)
        raise ArchiveRefused(
            Reason.TOO_LARGE,
            f"It unpacks to {total:,} bytes; at most {most_bytes:,} are taken (--most-bytes).",
        )
    file.seek(0)
    if not examine(file, key).ok:  # (4)
        raise damaged()
    if (manifest.get("period") or {}).get("from") is not None:
        raise ArchiveRefused(
            Reason.INCOMPLETE, "The archive holds only what was new since some day: order one without `since`."
        )
    return Archive(opened, manifest, hashlib.sha256(content).digest(), files)


def _small(opened: zipfile.ZipFile, name: str) -> bytes:
    if opened.getinfo(name).file_size > _MANIFEST_BYTES:
        raise ArchiveRefused(Reason.TOO_LARGE, "The archive's manifest is larger than any real one.")
    return opened.read(name)


def _signer(note: bytes, keys: Iterable[str]) -> str:
    for key in keys:
        try:
            notes.verify_note(note.decode(), key)
        except ValueError:
            continue
        return key
    raise ArchiveRefused(
        Reason.UNTRUSTED,
        "Nobody we know signed this archive. If you trust the server that made it, give its verifier key with --vkey, "
        "as its /ledger/vkey shows it, taken from there and not from the archive.",
    )


def _readable(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
        made, version = str(manifest["format"]), int(manifest.get("schemaVersion", _SCHEMA_VERSION))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise damaged() from None
    if not made.startswith(_FAMILY):
        raise damaged()
    if made != layout.FORMAT or version > _SCHEMA_VERSION:
        raise ArchiveRefused(
            Reason.TOO_NEW,
            f"A later version of Muniment made this archive ({made}, {version}): upgrade first.",
        )
    return dict(manifest)
