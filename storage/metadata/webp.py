"""WebP (RFC 9649): RIFF chunks. A WebP says its length in its first bytes, so what is left out is blanked instead.

Exif becomes a block of the same length that says the orientation alone; XMP and what is unknown become JUNK, RIFF's
own name for filler. What follows the end is left out.
"""

import dataclasses
import struct

from storage.metadata.orientation import orientation_of, tiff_with
from storage.metadata.walker import MetadataUnreadable, Run, Walker

_SEEN = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP")
_EXTENDED, _EXIF = b"VP8X", b"EXIF"
_XMP_FLAG = 0x04
_PREFIX = b"Exif\x00\x00"
_LARGEST_EXIF = 64 * 1024


@dataclasses.dataclass
class WebpWalker(Walker):
    """Stages: start, chunks, after. `rest` counts what RIFF says is still to come."""

    def finish(self) -> bytes:
        """Nothing is held back at the end of a whole WebP."""
        if self.stage == "start" or self.rest or self.left:
            raise MetadataUnreadable("a WebP ends before it says that it does")
        return b""

    def _step(self, out: bytearray) -> bool:
        if self.stage == "start":
            return self._start(out)
        if not self.rest:
            return self._drop_the_rest()
        if len(self.held) < 8:
            return False
        return self._chunk(out)

    def _start(self, out: bytearray) -> bool:
        if len(self.held) < 12:
            return False
        form, size, kind = struct.unpack_from("<4sI4s", self.held)
        if (form, kind) != (b"RIFF", b"WEBP") or size < 4 or size % 2:
            raise MetadataUnreadable("a WebP does not begin as one")
        self.stage, self.rest = "chunks", size - 4
        out += self._take(12)
        return True

    def _chunk(self, out: bytearray) -> bool:
        kind, size = struct.unpack_from("<4sI", self.held)
        length = size + size % 2
        if 8 + length > self.rest:
            raise MetadataUnreadable("a WebP has a chunk that is longer than the file")
        small = kind == _EXTENDED or (kind == _EXIF and len(tiff_with(1)) <= size <= _LARGEST_EXIF)
        if small and len(self.held) < 8 + length:
            return False
        self.rest -= 8 + length
        if kind in _SEEN:
            return self._next(Run.COPY, 8 + length)
        if not small:
            self._take(4)
            out += b"JUNK" + self._take(4)
            return self._next(Run.BLANK, length)
        head, body = self._take(8), self._take(length)
        if kind == _EXIF:
            body = tiff_with(orientation_of(body.removeprefix(_PREFIX))).ljust(length, b"\x00")
        elif body:
            body = bytes([body[0] & ~_XMP_FLAG]) + body[1:]
        out += head + body
        return True
