"""What can go wrong with blobs. No message carries content or a file's name; `code` is what leaves the process."""

from collections.abc import Iterator
from contextlib import contextmanager


class BlobError(Exception):
    """The base of every error about blobs."""

    code = "BLOB_ERROR"


class BlobDamaged(BlobError):
    """A blob is not what was stored: cut, lengthened, reordered, swapped, or changed in a single bit."""

    code = "BLOB_DAMAGED"


class BlobMissing(BlobDamaged):
    """There is no such blob: the worst damage."""

    code = "BLOB_MISSING"


class BlobExists(BlobError):
    """A blob of that id is stored already; what is stored is never overwritten."""

    code = "BLOB_EXISTS"


class BlobBusy(BlobError):
    """Somebody is writing a blob of that id at this moment."""

    code = "BLOB_BUSY"


class BlobStoreUnavailable(BlobError):
    """The disk or the bucket refuses: full, read-only, gone. Nothing of what was being written is visible."""

    code = "BLOB_STORE_UNAVAILABLE"


class BlobStoreRefused(BlobError):
    """The settings name a place for blobs that can't be one."""

    code = "BLOB_STORE_REFUSED"


@contextmanager
def disk(what: str) -> Iterator[None]:
    """Turn an error of the disk in this block into BlobStoreUnavailable, which says that `what` failed, and why."""
    try:
        yield
    except OSError as error:
        raise BlobStoreUnavailable(f"{what}: {error.strerror}") from error
