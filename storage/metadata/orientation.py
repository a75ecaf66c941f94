"""Which way up a picture is shown: the one tag of Exif (CIPA DC-008) that a picture's appearance needs."""

import struct

_TAG = 0x0112
_SHORT = 3
UPRIGHT = 1


def orientation_of(tiff: bytes) -> int:
    """The orientation, 1 to 8, that a TIFF block gives; 1, upright, where it gives none."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for place in range(first + 2, first + 2 + 12 * count, 12):
            tag, kind, number, value = struct.unpack_from(order + "HHIH", tiff, place)
            if (tag, kind, number) == (_TAG, _SHORT, 1):
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass  # it ends too early: no picture depends on what can't be read
    return UPRIGHT


def tiff_with(orientation: int) -> bytes:
    """A TIFF block that says this orientation and nothing else."""
    return struct.pack("<4sIHHHIHHI", b"II*\x00", 8, 1, _TAG, _SHORT, 1, orientation, 0, 0)
