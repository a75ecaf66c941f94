"""Where backups lie: a directory of files named by what they are and when they were begun, and how long each stays."""

import enum
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from storage.backups.streams import BackupRefused
from storage.blobs.directories import make_private, sync

_NAME = re.compile(r"(data|keys)-([0-9]{8}T[0-9]{12}Z)\.backup\.age")
_MOMENT = "%Y%m%dT%H%M%S%fZ"


class Kind(enum.StrEnum):
    """What a backup holds. The two never lie in one place: together they open."""

    DATA = "data"
    KEYS = "keys"


@dataclass(frozen=True)
class Kept:
    """A backup that lies in a place. `taken_at`: the moment it is of; `size` in bytes."""

    file: Path
    kind: Kind
    taken_at: datetime
    size: int


def path(place: Path, kind: Kind, taken_at: datetime) -> Path:
    """Where a backup of that moment lies."""
    return place / f"{kind}-{taken_at.astimezone(UTC).strftime(_MOMENT)}.backup.age"


def listed(place: Path) -> list[Kept]:
    """The backups in a directory, the oldest first. What is none is passed over, drafts too."""
    found = [_kept(file) for file in place.glob("*.backup.age")]
    return sorted((each for each in found if each is not None), key=lambda each: (each.taken_at, each.kind))


def prune(place: Path, kind: Kind, before: datetime) -> list[Kept]:
    """Remove backups of that kind from before a moment, durably; answers which. The newest stays, however old."""
    old = [each for each in listed(place) if each.kind is kind][:-1]
    gone = [each for each in old if each.taken_at < before]
    for each in gone:
        each.file.unlink(missing_ok=True)
    sync(place)
    return gone


def kept_until(taken_at: datetime, keeps: timedelta | None) -> datetime | None:
    """When a backup of that moment goes; None where nobody said."""
    return None if keeps is None else taken_at + keeps


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold the directory, made private where it is new, while the block runs. Raises BackupRefused while another does.

    What a killed process left half written is removed first.
    """
    make_private(place)
    with (place / "lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"Another process is taking a backup to {place}: wait for it.") from None
        for left in place.rglob("*.part"):
            left.unlink(missing_ok=True)
        yield


def _kept(file: Path) -> Kept | None:
    found = _NAME.fullmatch(file.name)
    if found is None:
        return None
    taken_at = datetime.strptime(found[2], _MOMENT).replace(tzinfo=UTC)
    return Kept(file, Kind(found[1]), taken_at, file.stat().st_size)
