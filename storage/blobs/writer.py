"""Writing a blob: encrypted as it streams, visible only when it is whole."""

import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from storage.blobs.contexts import FileContext
from storage.blobs.published import Published
from storage.blobs.segments import HEADER, SEGMENT, SegmentKey, associated_data, binding

_PIECES = 64
"""As many are kept apart, of a segment that comes in small pieces."""


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
        self,
        claim: Place,
        published: Published,
        file: FileContext,
        key: Callable[[], SegmentKey],
        give_up: Callable[[], object],
    ) -> None:
        self.file = file
        """What every segment is bound to."""
        self._claim = claim
        self._bound = binding(HEADER, claim.blob_id, file)
        self._published = published
        self._key = key
        self._give_up = give_up
        self._pending: list[bytes] = []
        """What is in no segment yet: a segment's bytes at most, as they came."""
        self._held = 0
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
        at, size, missing = 0, len(chunk), SEGMENT - self._held
        while size - at > missing:  # never the last: which one that is, `finish` knows
            if missing:
                self._pending.append(chunk[at : at + missing])
            self._seal(self._taken(), last=False)
            at, missing = at + missing, SEGMENT
        if at < size:
            self._pending.append(chunk[at:])
            self._held += size - at
            if len(self._pending) > _PIECES:
                self._pending = [b"".join(self._pending)]

    def finish(self) -> int:
        """Publish the blob, durably, and answer its size in plaintext bytes.

        Raises BlobStoreUnavailable and key errors; nothing is visible then.
        """
        self._refuse_closed()
        self._seal(self._taken(), last=True)
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

    def _taken(self) -> bytes:
        """What is in no segment yet, which then holds nothing; copied only where it came in pieces."""
        piece = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        self._held = 0
        return piece

    def _seal(self, piece: bytes, *, last: bool) -> None:
        sealed = self._key().encrypt(piece, associated_data(self._bound, self._index, last=last))
        self._index += 1
        self._claim.write(sealed)

    def _refuse_closed(self) -> None:
        if not self._open:
            raise ValueError("this blob was finished or given up")
