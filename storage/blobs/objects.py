"""Blobs as objects of a bucket, in S3 or what speaks its language, reached by obstore.

Only what is sealed goes there. Credentials come from where AWS's own tools look for them (environment, web identity,
instance) and never pass through here; what the service says about an error may name them, and is not repeated.
"""

import os
import re
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from storage.blobs.errors import BlobExists, BlobMissing, BlobStoreRefused, BlobStoreUnavailable
from storage.blobs.published import Sealed
from storage.blobs.segments import OVERHEAD, SEGMENT
from storage.bulkheads import Bulkhead

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*))?")
_AT_ONCE = 8 * 1024 * 1024
"""Bytes up to which a blob is sent in one request, which the service refuses if there is one of that name."""

_AHEAD = 64 * (SEGMENT + OVERHEAD)
"""Bytes fetched at once by whoever reads on: 4 MiB, and so much memory."""

_READING = Bulkhead(16, patience=1.0, slow=5.0)
_WRITING = Bulkhead(16, patience=5.0, slow=600.0)  # a large file takes minutes
"""Threads that wait for the service at a time; transfers have 40."""

_Result = TypeVar("_Result")


class PublishedObjects:
    """Objects of the bucket and under the prefix that `address` names, as s3://BUCKET/PREFIX. Safe between threads."""

    def __init__(self, address: str, *, endpoint: str | None = None, seconds: float = 30) -> None:
        """A request ends within `seconds`. `endpoint` is the service's, where it is not AWS's own.

        Raises BlobStoreRefused for an address that is not understood. Nothing is asked yet.
        """
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise BlobStoreRefused("blobs go to s3://BUCKET/PREFIX")
        told = {} if endpoint is None else {"endpoint": endpoint}
        bound = timedelta(seconds=seconds)
        self._store: S3Store = _asked(
            "the blob store can't be opened",
            lambda: S3Store(
                found[1],
                prefix=(found[2] or "").strip("/") or None,
                client_options={
                    "timeout": bound,
                    "connect_timeout": min(bound, timedelta(seconds=5)),
                    "allow_http": endpoint is not None and endpoint.startswith("http://"),
                },
                retry_config={"max_retries": 2, "retry_timeout": bound},
                **told,  # type: ignore[arg-type]
            ),
        )

    def put(self, file: Path, blob_id: uuid.UUID) -> None:
        """In one request, or in parts that become visible together. The file stays."""
        path, what = _path(blob_id), "a blob can't be published"
        with file.open("rb") as content:
            if os.fstat(content.fileno()).st_size <= _AT_ONCE:
                _asked(what, lambda: obstore.put(self._store, path, content.read(), mode="create"), places=_WRITING)
            elif self.exists(blob_id):
                raise BlobExists("a blob of that id is stored already")
            else:
                parts = partial(obstore.put, self._store, path, content, use_multipart=True, chunk_size=_AT_ONCE)
                _asked(what, parts, places=_WRITING)

    def take_back(self, blob_id: uuid.UUID, file: Path) -> None:
        """By removing it: the file from which it was made is still there, or was on another machine."""
        if self.exists(blob_id):
            self.remove([blob_id])

    def exists(self, blob_id: uuid.UUID) -> bool:
        """Whether there is such an object."""
        try:
            _asked("a blob can't be looked for", lambda: obstore.head(self._store, _path(blob_id)), of_one=True)
        except BlobMissing:
            return False
        return True

    @contextmanager
    def opened(self, blob_id: uuid.UUID) -> Iterator[Sealed]:
        """The object, which is asked for when it is first used."""
        yield _Object(self._store, blob_id)

    def remove(self, blob_ids: Collection[uuid.UUID]) -> int:
        """Delete the objects; what is not there does not count."""
        there = [blob_id for blob_id in blob_ids if self.exists(blob_id)]
        if there:
            _asked("blobs can't be removed", lambda: obstore.delete(self._store, [_path(each) for each in there]))
        return len(there)

    def listed(self) -> Iterator[tuple[uuid.UUID, float]]:
        """In pages of a thousand."""
        pages = iter(obstore.list(self._store))
        while True:
            page = _asked("the blob store can't be listed", lambda: next(pages, None))
            if page is None:
                return
            for each in page:
                try:
                    blob_id = uuid.UUID(each["path"].rpartition("/")[2])
                except ValueError:
                    continue
                yield blob_id, each["last_modified"].timestamp()


class _Object:
    """An object that is read in order, or at one place. What was fetched ahead is kept until the next fetch."""

    def __init__(self, store: S3Store, blob_id: uuid.UUID) -> None:
        self._store = store
        self._blob_id = blob_id
        self._start, self._held = 0, b""

    @property
    def size(self) -> int:
        return int(self._asked(lambda: obstore.head(self._store, _path(self._blob_id)))["size"])

    def read(self, start: int, length: int, until: int) -> bytes:
        if not self._start <= start <= start + length <= self._start + len(self._held):
            end = max(start + length, min(until, start + _AHEAD))
            path = _path(self._blob_id)
            self._held = bytes(self._asked(lambda: obstore.get_range(self._store, path, start=start, end=end)))
            self._start = start
        return self._held[start - self._start :][:length]

    def _asked(self, ask: Callable[[], _Result]) -> _Result:
        return _asked(f"blob {self._blob_id} can't be read", ask, of_one=True)


def _path(blob_id: uuid.UUID) -> str:
    """Spread by the id's last digits, as in a directory."""
    return f"{blob_id.hex[-2:]}/{blob_id}"


def _asked(what: str, ask: Callable[[], _Result], *, of_one: bool = False, places: Bulkhead = _READING) -> _Result:
    """The answer, or an error of ours that says what failed and of which kind, and nothing that the service said.

    Asked `of_one` blob, it may answer that there is none; otherwise the same answer means that there is no bucket.
    """
    try:
        with places.entered():
            return ask()
    except AlreadyExistsError:
        problem: Exception = BlobExists("a blob of that id is stored already")
    except Exception as error:
        if of_one and isinstance(error, FileNotFoundError):
            problem = BlobMissing(f"{what}: it is not stored")
        else:
            problem = BlobStoreUnavailable(f"{what}: {type(error).__name__}")
    raise problem  # out here, so that no exception that quotes the service hangs on to this one
