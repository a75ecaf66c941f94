"""PNG (W3C, third edition): chunks. Texts, times, Exif, what is unknown and what follows the end are left out.

Kept are the chunks that decide what is seen, and of Exif the orientation.
"""

import dataclasses
import struct
import zlib

from storage.metadata.orientation import UPRIGHT, orientation_of, tiff_with
from storage.metadata.walker import MetadataUnreadable, Run, Walker

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SEEN = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV mDCv cLLI cLLi bKGD pHYs acTL fcTL fdAT".split()
)
_AROUND = 12  # length, type and checksum
_LARGEST_EXIF = 64 * 1024


@dataclasses.dataclass
class PngWalker(Walker):
    """Stages: start, chunks, after."""

    def finish(self) -> bytes:
        """Nothing is held back at the end of a whole PNG."""
        if self.stage != "after" or self.left:
            raise MetadataUnreadable("a PNG ends before its last chunk")
        return b""

    def _step(self, out: bytearray) -> bool:
        if self.stage == "after":
            return self._drop_the_rest()
        if len(self.held) < 8:
            return False
        if self.stage == "start":
            if self.held[:8] != _SIGNATURE:
                raise MetadataUnreadable("a PNG does not begin as one")
            self.stage = "chunks"
            out += self._take(8)
            return True
        return self._chunk(out)

    def _chunk(self, out: bytearray) -> bool:
        length, kind = struct.unpack_from(">I4s", self.held)
        if length >= 2**31 or not kind.isalpha():
            raise MetadataUnreadable("a PNG has bytes where a chunk must stand")
        if kind in _SEEN:
            self.stage = "after" if kind == b"IEND" else "chunks"
            return self._next(Run.COPY, length + _AROUND)
        if not kind[0] & 0x20:
            raise MetadataUnreadable("a PNG needs a chunk of an unknown kind to be shown")
        if kind != b"eXIf" or length > _LARGEST_EXIF:
            return self._next(Run.DROP, length + _AROUND)
        if len(self.held) < length + _AROUND:
            return False
        turned = orientation_of(self._take(length + _AROUND)[8:-4])
        if turned != UPRIGHT:
            body = b"eXIf" + tiff_with(turned)
            out += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return True
