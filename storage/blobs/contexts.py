"""What a file is and whose it is, in the form that its encryption authenticates."""

import enum
import uuid
from dataclasses import dataclass


class FileKind(enum.StrEnum):
    """What the bytes of a blob are."""

    CONTENT = "content"
    THUMBNAIL = "thumbnail"
    ARCHIVE = "archive"


_NUMBERS = {FileKind.CONTENT: 1, FileKind.THUMBNAIL: 2, FileKind.ARCHIVE: 3}
"""Stored formats contain these: never change or reuse one."""


@dataclass(frozen=True)
class FileContext:
    """The object that a blob belongs to: an asset, or the export whose archive it is."""

    kind: FileKind
    owner_id: uuid.UUID
    object_id: uuid.UUID

    @property
    def encoded(self) -> bytes:
        """Return the 33 bytes that enter the associated data: kind, owner, object."""
        return bytes([_NUMBERS[self.kind]]) + self.owner_id.bytes + self.object_id.bytes
