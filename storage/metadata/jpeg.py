"""JPEG (ITU-T T.81): marker segments, then scans. Exif, XMP, IPTC, comments and whatever follows the end are left out.

Kept are the segments that decide what is seen: the tables, the ICC profile, Adobe's colour transform, and of Exif the
orientation. A JFIF header loses its thumbnail.
"""

import dataclasses
import re
import struct

from storage.metadata.orientation import UPRIGHT, orientation_of, tiff_with
from storage.metadata.walker import MetadataUnreadable, Run, Walker

_EXIF = b"Exif\x00\x00"
_APP0, _APP1, _APP2, _APP14, _LAST_APP, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_END, _SCAN = 0xD9, 0xDA
_ALONE = {0x01, *range(0xD0, 0xD8)}
_TABLES = {*range(0xC0, 0xD0), *range(0xDB, 0xE0)}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Without the fill bytes before it: a pattern that repeats them takes quadratic time where no marker follows."""


@dataclasses.dataclass
class JpegWalker(Walker):
    """Stages: start, markers, scan, after."""

    def finish(self) -> bytes:
        """A picture whose last scan was cut short still shows, and stays as it is."""
        if self.stage == "scan":
            return self._take(len(self.held))
        if self.stage != "after" or self.left:
            raise MetadataUnreadable("a JPEG ends before its picture does")
        return b""

    def _step(self, out: bytearray) -> bool:
        match self.stage:
            case "start":
                return self._start(out)
            case "markers":
                return self._marker(out)
            case "scan":
                return self._scan(out)
        return self._drop_the_rest()

    def _start(self, out: bytearray) -> bool:
        if len(self.held) < 2:
            return False
        if self.held[:2] != b"\xff\xd8":
            raise MetadataUnreadable("a JPEG does not begin as one")
        self.stage = "markers"
        out += self._take(2)
        return True

    def _marker(self, out: bytearray) -> bool:
        while self.held[:2] == b"\xff\xff":  # fill bytes
            del self.held[:1]
        if len(self.held) < 2:
            return False
        if self.held[0] != 0xFF:
            raise MetadataUnreadable("a JPEG has bytes where a marker must stand")
        marker = self.held[1]
        if marker == _END or marker in _ALONE:
            self.stage = "after" if marker == _END else "markers"
            out += self._take(2)
            return True
        if len(self.held) < 4:
            return False
        length = 2 + int.from_bytes(self.held[2:4], "big")
        if length < 4:
            raise MetadataUnreadable("a JPEG has a segment shorter than its own length")
        return self._segment(out, marker, length)

    def _segment(self, out: bytearray, marker: int, length: int) -> bool:
        if marker == _SCAN:
            self.stage = "scan"
            return self._next(Run.COPY, length)
        if marker in _TABLES:
            return self._next(Run.COPY, length)
        if not (_APP0 <= marker <= _LAST_APP or marker == _COMMENT):
            raise MetadataUnreadable("a JPEG has a segment of an unknown kind")
        if len(self.held) < length:
            return False
        out += _kept(marker, self._take(length))
        return True

    def _scan(self, out: bytearray) -> bool:
        found = _NEXT_MARKER.search(self.held)
        if found is not None:
            out += self._take(found.start())
            self.stage = "markers"
            return True
        out += self._take(len(self.held) - self.held.endswith(b"\xff"))
        return False


def _kept(marker: int, segment: bytes) -> bytes:
    """What stays of an application segment or a comment."""
    body = segment[4:]
    if marker == _APP0 and body.startswith(b"JFIF\x00") and len(body) >= 14:
        return b"\xff\xe0\x00\x10" + body[:12] + b"\x00\x00"
    if marker == _APP1 and body.startswith(_EXIF):
        turned = orientation_of(body[len(_EXIF) :])
        tiff = tiff_with(turned)
        return b"" if turned == UPRIGHT else struct.pack(">BBH", 0xFF, _APP1, 8 + len(tiff)) + _EXIF + tiff
    wanted = (marker == _APP2 and body.startswith(b"ICC_PROFILE\x00")) or (
        marker == _APP14 and body.startswith(b"Adobe")
    )
    return segment if wanted else b""
