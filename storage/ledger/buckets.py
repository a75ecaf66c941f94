"""The newest checkpoint in an object store, beyond the reach of whoever has this machine: S3, Google's or Azure's.

Credentials come from where the provider's own tools find them: `AWS_*`, `GOOGLE_*` or `AZURE_*` variables, or the
machine's identity. Nothing else is kept there.
"""

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError
from obstore.store import ObjectStore, from_url

from storage.ledger.checkpoint import Checkpoint

if TYPE_CHECKING:
    from obstore import UpdateVersion

FILE = "checkpoint"
SCHEMES = ("s3", "gs", "az")

_SECONDS = 5
_RETRIES = 2
_RACES = 5


class BucketRefused(ValueError):
    """An address that is none of an object store."""


class BucketUnreachable(OSError):
    """The object store did not answer, or did not let us."""

    code = "BUCKET_UNREACHABLE"


class Bucket:
    """One object, `checkpoint`, at an address such as s3://bucket/prefix."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str, *, inside_too: bool = False) -> "Bucket":
        """The bucket at `url`; nothing is asked yet. `inside_too` lets an endpoint be http: development.

        Raises BucketRefused.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
            raise BucketRefused("an object store is named as s3://BUCKET/PREFIX, gs://… or az://…")
        try:
            return cls(
                from_url(
                    url,
                    client_options={"timeout": timedelta(seconds=_SECONDS), "allow_http": inside_too},
                    retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=2 * _SECONDS)},
                )
            )
        except (BaseError, ValueError):
            raise BucketRefused("the object store can't be set up from this address and these variables") from None

    def newest(self) -> str | None:
        """The signed note that lies there; None where there is none yet. Raises BucketUnreachable."""
        found = self._found()
        return None if found is None else found[0]

    def put(self, note: str, size: int) -> None:
        """Let the note of a tree of `size` leaves lie there, unless that of a larger one does.

        Written only over what was compared with, so that of two processes neither undoes the other. Raises
        BucketUnreachable, and CheckpointRefused where what lies there is no checkpoint.
        """
        for _ in range(_RACES):
            there = self._found()
            if there is not None and Checkpoint.parse(there[0].rpartition("\n\n")[0] + "\n").size > size:
                return
            try:
                obstore.put(
                    self._store,
                    FILE,
                    note.encode(),
                    mode="create" if there is None else there[1],
                    use_multipart=False,
                )
            except (AlreadyExistsError, PreconditionError):
                continue  # somebody else was quicker: compare again
            except (BaseError, OSError) as cause:
                raise BucketUnreachable(type(cause).__name__) from None
            return
        raise BucketUnreachable("others keep writing")

    def _found(self) -> "tuple[str, UpdateVersion] | None":
        """What lies there, and what tells its version from others."""
        try:
            answer = obstore.get(self._store, FILE)
            content = bytes(answer.bytes()).decode(errors="replace")
        except (NotFoundError, FileNotFoundError):  # it raises the latter, and says the former
            return None
        except (BaseError, OSError) as cause:
            raise BucketUnreachable(type(cause).__name__) from None
        version: UpdateVersion = {}
        if tag := answer.meta.get("e_tag"):
            version["e_tag"] = tag
        if generation := answer.meta.get("version"):
            version["version"] = generation
        return content, version
