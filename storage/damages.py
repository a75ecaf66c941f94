"""Damage: what is sealed, and does not open although its key is there. Changed, cut, moved, or gone.

Whoever comes upon it gets an error; that alone would tell nobody who could do something about it. So each unit of work
tells, once it has ended, what did not open in it: where it stands and whose it is, and never what is in it.
"""

import enum
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.assets import Blob
from storage.blobs.errors import BlobDamaged

MOST = 100
"""Of one unit of work so many are told: a table that was swapped is found by the first of them."""

AGAIN_SECONDS = 3600.0
"""After so long the same thing is told again, for as long as somebody tries it."""

_MOST_KNOWN = 10_000


class Damage(enum.StrEnum):
    """What is wrong: the code of the error that it gave rise to."""

    BLOB = "BLOB_DAMAGED"  # a file is not what was stored
    GONE = "BLOB_MISSING"  # there is no file
    KEYSET = "KEYSET_DAMAGED"  # the keyset itself does not unwrap
    LOST = "KEYSET_MISSING"  # the keyset is not in the key store, and was never destroyed
    VALUE = "SEALED_DAMAGED"  # a value does not open where it stands


@dataclass(frozen=True)
class Damaged:
    """One thing that does not open: table, column (`file` of a blob), row, and whose it is, if anybody's."""

    table: str
    column: str
    row_id: uuid.UUID
    owner: uuid.UUID | None
    damage: Damage


@dataclass
class Damages:
    """What this process has told of lately, so that a page that is loaded again and again is no flood."""

    _known: dict[Damaged, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def fresh(self, found: Iterable[Damaged]) -> list[Damaged]:
        """Those of `found` that were not told within the hour; from now on they were."""
        moment = time.monotonic()
        with self._lock:
            new = [
                each for each in dict.fromkeys(found) if moment - self._known.get(each, -AGAIN_SECONDS) >= AGAIN_SECONDS
            ]
            for each in new:
                self._known.pop(each, None)
                self._known[each] = moment
            while len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]
        return new

    def untold(self, found: Iterable[Damaged]) -> None:
        """Nobody could be told of these: whoever comes upon them next is to tell."""
        with self._lock:
            for each in found:
                self._known.pop(each, None)


def of_file(session: Session, blob_id: uuid.UUID, error: BlobDamaged) -> Damaged:
    """A file that does not open, and whose it is as far as its row is there."""
    return file_of(session.scalar(select(Blob.owner_id).where(Blob.id == blob_id)), blob_id, error)


def file_of(owner: uuid.UUID | None, blob_id: uuid.UUID, error: BlobDamaged) -> Damaged:
    """A file of `owner`'s that does not open."""
    return Damaged(Blob.__tablename__, "file", blob_id, owner, Damage(error.code))
