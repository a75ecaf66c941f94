"""The format of a blob's file: a header, then segments that open independently.

Every segment but the last holds SEGMENT bytes of plaintext, so that a range is found by arithmetic; the last holds what
is left, and an empty blob has one empty segment. A segment's associated data names format, blob, index and whether it
is the last: none can be moved, dropped, added or taken from another blob. In format 2 it names the file's kind, owner
and object too, so that a row that points to another file does not open it.
"""

import uuid
from typing import Protocol

from storage.blobs.contexts import FileContext

# What was stored opens for ever: another layout gets another header, and tests/golden keeps the old one.
HEADER = b"MUNBLOB\x02"
UNBOUND = b"MUNBLOB\x01"
"""Format 1: its associated data names no owner and no object. It is read, and never written."""
SEGMENT = 64 * 1024
OVERHEAD = 33
"""Bytes by which a sealed segment is longer: Tink's prefix (5), the nonce (12) and the tag (16) of AES-256-GCM."""


class SegmentKey(Protocol):
    """What seals and opens a segment."""

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes: ...


def count(size: int) -> int:
    """How many segments a blob of `size` plaintext bytes has."""
    return max(1, -(-size // SEGMENT))


def stored_size(size: int) -> int:
    """How long the file of a blob of `size` plaintext bytes is."""
    return len(HEADER) + size + count(size) * OVERHEAD


def offset(index: int) -> int:
    """Where segment `index` starts in the file."""
    return len(HEADER) + index * (SEGMENT + OVERHEAD)


def length(index: int, size: int) -> int:
    """How many plaintext bytes segment `index` of a blob of `size` bytes holds."""
    return min(SEGMENT, size - index * SEGMENT)


def binding(header: bytes, blob_id: uuid.UUID, file: FileContext) -> bytes:
    """Return what the associated data of every segment begins with. Every field has a fixed length.

    Raises ValueError for a header of no known format.
    """
    if header == HEADER:
        return HEADER + blob_id.bytes + file.encoded
    if header == UNBOUND:
        return UNBOUND + blob_id.bytes
    raise ValueError("no format of ours has this header")


def associated_data(bound: bytes, index: int, *, last: bool) -> bytes:
    """Return a segment's associated data; `bound` is what `binding` returned."""
    return bound + index.to_bytes(8, "big") + bytes([last])
