"""Writing a blob: encrypted as it streams, visible only when it is whole."""

import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from storage.blobs.segments import SEGMENT, SegmentKey, context


class Place(Protocol):
    """Where a blob is being written, which is nobody else's meanwhile."""

    blob_id: uuid.UUID

    def write(self, data: bytes) -> None: ...

    def publish(self, target: Path) -> None: ...

    def release(self) -> None: ...


class BlobWriter:
    """A blob being written, in constant memory and never in clear on disk. Its header is written already.

    It publishes nothing until `finish`. As a context manager it aborts unless it was finished.
    """

    def __init__(
        self, claim: Place, target: Path, key: Callable[[], SegmentKey], give_up: Callable[[], object]
    ) -> None:
        self._claim = claim
        self._target = target
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
        self._pending += chunk
        self.size += len(chunk)
        while len(self._pending) > SEGMENT:  # never the last: which one that is, `finish` knows
            self._seal(SEGMENT, last=False)

    def finish(self) -> int:
        """Publish the blob, durably, and answer its size in plaintext bytes.

        Raises BlobStoreUnavailable and key errors; nothing is visible then.
        """
        self._refuse_closed()
        self._seal(len(self._pending), last=True)
        self._claim.publish(self._target)
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

    def _seal(self, length: int, *, last: bool) -> None:
        place = context(self._claim.blob_id, self._index, last=last)
        sealed = self._key().encrypt(bytes(self._pending[:length]), place)
        del self._pending[:length]
        self._index += 1
        self._claim.write(sealed)

    def _refuse_closed(self) -> None:
        if not self._open:
            raise ValueError("this blob was finished or given up")
