"""Reading a blob, whole or in part."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress

from storage.blobs.contexts import FileContext
from storage.blobs.errors import BlobDamaged
from storage.blobs.published import Published, Sealed
from storage.blobs.segments import (
    HEADER,
    OVERHEAD,
    SEGMENT,
    SegmentKey,
    associated_data,
    binding,
    count,
    offset,
    stored_size,
)
from storage.keys.errors import CiphertextDamaged


class BlobReader:
    """A stored blob of `size` plaintext bytes.

    Opening it opens its last segment, so that a blob that was cut, or is not of this size, is found out before its
    first byte leaves. `at_once` leaves that to `whole`, for who passes nothing on before the last piece has come.
    """

    def __init__(
        self,
        published: Published,
        blob_id: uuid.UUID,
        size: int,
        file: FileContext,
        key: Callable[[], SegmentKey],
        *,
        at_once: bool = False,
    ) -> None:
        self._published = published
        self._blob_id = blob_id
        self._file = file
        self._bound: bytes | None = None
        self._key = key
        self.size = size
        self._last = count(size) - 1
        if not at_once:
            with published.opened(blob_id) as sealed:
                self._segment(sealed, self._look(sealed), self._last, stored_size(size))

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

    def whole(self) -> Iterator[bytes]:
        """All of it, from one opening of the file. Raises as `read` does, and for what is not as it was stored."""
        until = stored_size(self.size)
        with self._published.opened(self._blob_id) as sealed:
            bound = self._look(sealed)
            for index in range(self._last + 1):
                yield self._segment(sealed, bound, index, until)

    def _look(self, sealed: Sealed) -> bytes:
        """Check length and header; return what binds every segment to its place. Raises BlobDamaged."""
        if sealed.size == stored_size(self.size):
            with suppress(ValueError):
                self._bound = binding(sealed.read(0, len(HEADER), len(HEADER)), self._blob_id, self._file)
                return self._bound
        raise BlobDamaged(f"blob {self._blob_id} does not have the length or the header that it was stored with")

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        if start == end:
            return
        stop = (end - 1) // SEGMENT + 1
        until = min(offset(stop), stored_size(self.size))
        with self._published.opened(self._blob_id) as sealed:
            bound = self._bound or self._look(sealed)
            for index in range(start // SEGMENT, stop):
                first = index * SEGMENT
                yield self._segment(sealed, bound, index, until)[max(start - first, 0) : end - first]

    def _segment(self, sealed: Sealed, bound: bytes, index: int, until: int) -> bytes:
        last = index == self._last
        length = self.size - index * SEGMENT if last else SEGMENT
        found = sealed.read(offset(index), length + OVERHEAD, until)
        try:
            return self._key().decrypt(found, associated_data(bound, index, last=last))
        except CiphertextDamaged:
            raise BlobDamaged(f"blob {self._blob_id} is damaged in segment {index}") from None
