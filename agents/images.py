"""Decode pictures that others uploaded: one at a time, with bounded memory, and without trusting the decoder.

Pillow raises nearly anything for a damaged file, `struct.error` and `TypeError` among it, so every exception counts as
"not a picture". What a decoder allocates depends on the pixels that a file claims, not on its size.
"""

import io
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import structlog

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

T = TypeVar("T")
Size = tuple[int, int]

_MOST_BYTES = 300_000_000
"""The most memory that decoding one picture may take."""
_BYTES_PER_PIXEL = 10
_BYTES_PER_PIXEL_OF = {"WEBP": 16}
"""A WebP decoder keeps two canvases beside Pillow's."""
_BYTES_PER_COEFFICIENT = 2
"""A JPEG comes reduced, but libjpeg keeps the coefficients of all its scans meanwhile."""

_log = structlog.get_logger(__name__)
_one_at_a_time = threading.Lock()


def decode(
    file: bytes,
    formats: tuple[str, ...],
    edge: int,
    use: Callable[["ImageFile", Size], T],
    too_large: Callable[[Size], T | None] = lambda _: None,
) -> T | None:
    """Return what `use` makes of a picture and its size; None for a file of other formats or one that does not open.

    `edge` is how many pixels of the longer edge `use` needs: the picture may come reduced, though not below that. A
    picture that takes too much memory is not decoded; `too_large` is called with its size.
    """
    from PIL import Image  # loaded where there is a picture

    try:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=formats) as picture:
                size = picture.size
                picture.draft("RGB", _fitted(size, edge))
                decoded = _pixels(picture.size) * _BYTES_PER_PIXEL_OF.get(str(picture.format), _BYTES_PER_PIXEL)
                coefficients = _pixels(size) * getattr(picture, "layers", 0) * _BYTES_PER_COEFFICIENT
                most = max(decoded, coefficients)
                return use(picture, size) if most <= _MOST_BYTES else too_large(size)
    except Exception as error:
        _log.info("picture.unreadable", error=type(error).__name__)
        return None


def _fitted(size: Size, edge: int) -> Size:
    width, height = (max(length * edge // max(size), 1) for length in size)
    return width, height


def _pixels(size: Size) -> int:
    return size[0] * size[1]
