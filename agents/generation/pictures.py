"""What a model that reads only text is told about a picture: facts that Pillow reads, in words."""

import colorsys
from typing import TYPE_CHECKING

from agents import images

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_SAMPLE = (48, 48)
_HUES = (
    (15, "red"),
    (40, "orange"),
    (65, "yellow"),
    (165, "green"),
    (195, "turquoise"),
    (255, "blue"),
    (290, "violet"),
)


def describe(file: bytes) -> str | None:
    """One sentence about a picture: its size, shape and main colours. None if it is not a picture that opens safely."""
    return images.decode(file, _FORMATS, _SAMPLE[0], _described, lambda size: _sentence(*size, []))


def _described(picture: "ImageFile", size: images.Size) -> str:
    from PIL import Image

    small = picture.convert("RGB").resize(_SAMPLE, Image.Resampling.BOX)
    return _sentence(*size, _main_colours(small))


def _sentence(width: int, height: int, colours: list[str]) -> str:
    shape = "square" if abs(width - height) * 20 < max(width, height) else ("wide" if width > height else "tall")
    shades = f", mostly {' and '.join(colours)}" if colours else ""
    return f"a {shape} picture, {width} by {height} pixels{shades}"


def _main_colours(small: "Image") -> list[str]:
    counted: dict[str, int] = {}
    for count, pixel in small.quantize(16).convert("RGB").getcolors(_SAMPLE[0] * _SAMPLE[1]) or []:
        if isinstance(pixel, tuple):
            name = _name(pixel[0] / 255, pixel[1] / 255, pixel[2] / 255)
            counted[name] = counted.get(name, 0) + count
    ranked = sorted(counted, key=lambda name: -counted[name])
    return [name for name in ranked[:3] if counted[name] * 8 >= _SAMPLE[0] * _SAMPLE[1]]


def _name(red: float, green: float, blue: float) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    if value < 0.15:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.88 else ("light grey" if value > 0.6 else "grey")
    name = next((name for limit, name in _HUES if hue * 360 < limit), "pink" if hue * 360 < 340 else "red")
    if name == "orange" and value < 0.6:
        return "brown"
    return f"dark {name}" if value < 0.45 else (f"pale {name}" if saturation < 0.35 and value > 0.75 else name)
