"""Writing a blob: encrypted as it streams, visible only when it is whole."""

import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from storage.blobs.published import Published
from storage.blobs.segments import SEGMENT, SegmentKey, context


class Place(Protocol):
    """Where a blob is being written, which is nobody else's meanwhile."""

    blob_id: uuid.UUID

    def write(self, data: bytes) -> None: ...

    def publish(self, published: Published) -> None: ...

    def release(self) -> None: ...


class BlobWriter:
    """A blob being written, in constant memory and never in clear on disk. Its header is written already.

    It publishes nothing until `finish`. As a context manager it aborts unless it was finished.
    """

    def __init__(
        self, claim: Place, published: Published, key: Callable[[], SegmentKey], give_up: Callable[[], object]
    ) -> None:
        self._claim = claim
        self._published = published
        self._key = key
        self._give_up = give_up
        self._pending = bytearray()
        self._index = 0
        self._open = True
        self.size = 0
        """Plaintext bytes taken so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises BlobStoreUnavailable, after which only `abort` remains, and key errors."""
        self._refuse_closed()
        self.size += len(chunk)
        at, missing = 0, SEGMENT - len(self._pending)
        while len(chunk) - at > missing:  # never the last: which one that is, `finish` knows
            piece = chunk[at : at + missing]
            self._seal(bytes(self._pending) + piece if self._pending else piece, last=False)
            self._pending.clear()
            at, missing = at + missing, SEGMENT
        self._pending += chunk[at:]

    def finish(self) -> int:
        """Publish the blob, durably, and answer its size in plaintext bytes.

        Raises BlobStoreUnavailable and key errors; nothing is visible then.
        """
        self._refuse_closed()
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()
        self._claim.publish(self._published)
        self._open = False
        return self.size

    def abort(self) -> None:
        """Leave nothing behind, and no key. Does nothing after `finish` or another `abort`."""
        if self._open:
            self._open = False
            self._pending.clear()
            try:
                self._give_up()
            finally:
                self._claim.release()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        place = context(self._claim.blob_id, self._index, last=last)
        sealed = self._key().encrypt(piece, place)
        self._index += 1
        self._claim.write(sealed)

    def _refuse_closed(self) -> None:
        if not self._open:
            raise ValueError("this blob was finished or given up")
