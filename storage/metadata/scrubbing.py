"""Which images can be freed of metadata, and what says so of a stored file."""

import enum

from storage.metadata.jpeg import JpegWalker
from storage.metadata.png import PngWalker
from storage.metadata.walker import Walker
from storage.metadata.webp import WebpWalker

REMOVABLE: dict[str, type[Walker]] = {"image/jpeg": JpegWalker, "image/png": PngWalker, "image/webp": WebpWalker}
"""Media types whose metadata can be removed, and who follows their structure."""


class Handling(enum.StrEnum):
    """What was done about a file's metadata before it was sealed."""

    AS_SENT = "AS_SENT"
    REMOVED = "REMOVED"
    NOT_REMOVABLE = "NOT_REMOVABLE"


def scrubber(media_type: str) -> Walker | None:
    """What takes the metadata out of a file of this type while it passes. None where nothing here can."""
    kind = REMOVABLE.get(media_type)
    return None if kind is None else kind()
