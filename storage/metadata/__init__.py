"""Metadata of images: taken out while the bytes pass, without opening the picture."""

from storage.metadata.scrubbing import REMOVABLE, Handling, scrubber
from storage.metadata.walker import MetadataUnreadable, Walker

__all__ = ["REMOVABLE", "Handling", "MetadataUnreadable", "Walker", "scrubber"]
