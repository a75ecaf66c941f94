"""Writing an archive as a stream: files go in one after another, ZIP bytes come out, nothing waits in between.

Memory holds one chunk and one manifest line per file, whatever the files' size. ZIP64 throughout where a size is not
known beforehand (APPNOTE.TXT 4.3.14), so that no archive is too large.
"""

import hashlib
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from storage.archives import layout

_MODE = stat.S_IFREG | 0o600
_PACKED = ("image/", "audio/", "video/", "application/zip", "application/gzip", "application/pdf")

_HELD = 4 * 1024 * 1024
"""Bytes up to which a file is held in memory while it is packed."""

_PIECE = 32 * 1024
"""Bytes that small chunks are gathered up to before they are passed on."""

_NEAR = 2 * 1024**3
"""Bytes of content up to which no place in the archive needs more than 32 bits to name."""


@dataclass(frozen=True)
class Member:
    """One file of an archive. `counts_as` names its kind of record in the manifest's counts; None is not counted.

    `size` (bytes) is given where it is known: such files need no ZIP64 and open in older programs too.
    """

    path: str
    media_type: str
    chunks: Iterable[bytes]
    counts_as: str | None = None
    size: int | None = None


@dataclass
class _Entry:
    """What the manifest says of a member, whose chunks are not held once they are written."""

    path: str
    media_type: str
    counts_as: str | None
    size: int = 0
    newlines: int = 0
    sha256: str = ""


class ArchiveWriter:
    """Writes one archive. `facts` open the manifest; `sign` turns the statement about it into a signed note.

    `progress` is called with the content bytes written so far, after each piece; what it raises ends the stream.
    `missing` are files that should be in it and are not, as the manifest names them; it may grow while members come.
    """

    def __init__(
        self,
        facts: Mapping[str, Any],
        created_at: datetime,
        sign: Callable[[str], str],
        progress: Callable[[int], None] = lambda written: None,
        missing: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._missing = missing
        self._facts = facts
        self._created_at = created_at
        self._sign = sign
        self._progress = progress
        self._entries: list[_Entry] = []
        self._written = 0

    @property
    def file_count(self) -> int:
        """The files written so far, without the manifest and its signature."""
        return len(self._entries)

    @property
    def record_count(self) -> int:
        """The records written so far: what the manifest's counts add up to."""
        return sum(self._counts().values())

    def stream(self, members: Iterable[Member]) -> Iterator[bytes]:
        """The archive's bytes: `members` in their order, then the manifest and its signature."""
        from stream_zip import stream_zip  # what packs is loaded where something is packed

        yield from stream_zip(self._files(members))

    def _files(self, members: Iterable[Member]) -> Iterator[tuple[str, datetime, int, Any, Iterable[bytes]]]:
        for member in members:
            if not layout.is_safe_path(member.path):
                raise ValueError("a path in an archive must stay inside it")
            entry = _Entry(member.path, member.media_type, member.counts_as)
            self._entries.append(entry)
            yield member.path, self._created_at, _MODE, self._method(member), self._measured(entry, member)
        manifest = self._manifest()
        note = self._sign(layout.statement(hashlib.sha256(manifest).hexdigest())).encode()
        yield layout.MANIFEST, self._created_at, _MODE, _packed(len(manifest)), (manifest,)
        yield layout.SIGNATURE, self._created_at, _MODE, _packed(len(note)), (note,)

    def _method(self, member: Member) -> Any:
        """How a member is packed: what is packed already is kept as it is, at once where it is small."""
        from stream_zip import NO_COMPRESSION_32

        as_it_is = member.media_type.startswith(_PACKED)
        if as_it_is and member.size is not None and member.size <= _HELD and self._written < _NEAR:
            return NO_COMPRESSION_32  # its bytes are held until their checksum is known, which stands before them
        return _packed(member.size, level=0 if as_it_is else 6)

    def _measured(self, entry: _Entry, member: Member) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for piece in _together(member.chunks):
            digest.update(piece)
            entry.size += len(piece)
            if entry.media_type == layout.JSON_LINES:
                entry.newlines += piece.count(b"\n")
            self._written += len(piece)
            yield piece
            self._progress(self._written)
        entry.sha256 = digest.hexdigest()

    def _manifest(self) -> bytes:
        counts = dict(sorted(self._counts().items()))
        files = [_line(entry) for entry in self._entries]
        manifest = {"format": layout.FORMAT, **self._facts, "counts": counts, "files": files}
        if self._missing:
            manifest["missing"] = list(self._missing)
        return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)

    def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for entry in self._entries:
            if entry.counts_as:
                counts[entry.counts_as] += layout.records_in(entry.media_type, entry.newlines)
        return counts


def _together(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What `chunks` brings, small ones together: to hash, pack and count a line of JSON by itself takes longer than to
    write it."""
    held, size = list[bytes](), 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(held)  # which copies nothing where there is one
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


def _line(entry: _Entry) -> dict[str, Any]:
    line = {"path": entry.path, "bytes": entry.size, "sha256": entry.sha256, "type": entry.media_type}
    return {**line, "countsAs": entry.counts_as} if entry.counts_as else line


def _packed(size: int | None, *, level: int = 6) -> Any:
    from stream_zip import ZIP_64, ZIP_AUTO

    return ZIP_64 if size is None else ZIP_AUTO(size, level=level)
