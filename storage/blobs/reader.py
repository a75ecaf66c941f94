"""Reading a blob, whole or in part."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from storage.blobs.errors import BlobDamaged, BlobMissing, disk
from storage.blobs.segments import HEADER, OVERHEAD, SEGMENT, SegmentKey, context, count, length, offset, stored_size
from storage.keys.errors import CiphertextDamaged


class BlobReader:
    """A stored blob of `size` plaintext bytes.

    Opening it opens its last segment, so that a blob that was cut, or is not of this size, is found out before its
    first byte leaves.
    """

    def __init__(self, path: Path, blob_id: uuid.UUID, size: int, key: Callable[[], SegmentKey]) -> None:
        self._path = path
        self._blob_id = blob_id
        self._key = key
        self.size = size
        with self._opened() as file:
            with disk(f"blob {blob_id} can't be read"):
                header, found = file.read(len(HEADER)), os.fstat(file.fileno()).st_size
            if (header, found) != (HEADER, stored_size(size)):
                raise BlobDamaged(f"blob {blob_id} does not have the length or the header that it was stored with")
            self._segment(file, count(size) - 1)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop` (the end, unless given), in pieces of at most 64 KiB.

        The key is asked for anew for each piece, so that destroying it ends a running read. Raises ValueError for a
        range outside the blob, BlobDamaged at the first segment that does not open: break the connection then, since
        an ordinary end would pass what went out for the whole.
        """
        end = self.size if stop is None else stop
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"no such range in a blob of {self.size} bytes")
        return self._pieces(start, end)

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        if start == end:
            return
        with self._opened() as file:
            for index in range(start // SEGMENT, (end - 1) // SEGMENT + 1):
                first = index * SEGMENT
                yield self._segment(file, index)[max(start - first, 0) : end - first]

    def _segment(self, file: BinaryIO, index: int) -> bytes:
        last = index == count(self.size) - 1
        with disk(f"blob {self._blob_id} can't be read"):
            file.seek(offset(index))
            sealed = file.read(length(index, self.size) + OVERHEAD)
        try:
            return self._key().decrypt(sealed, context(self._blob_id, index, last=last))
        except CiphertextDamaged:
            raise BlobDamaged(f"blob {self._blob_id} is damaged in segment {index}") from None

    def _opened(self) -> BinaryIO:
        with disk(f"blob {self._blob_id} can't be opened"):
            try:
                return self._path.open("rb")
            except FileNotFoundError:
                raise BlobMissing(f"blob {self._blob_id} is not stored") from None
