"""The home directory: made private, with data and keys apart, and claimed by one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from muniment.hazards import file_of
from muniment.settings import Settings


class HomeInUse(Exception):
    """Another process serves or works from this home, or from its database or key store."""


def prepare(settings: Settings) -> None:
    """Make the directories that the settings speak of, readable by this user only; files made later inherit that."""
    os.umask(0o077)
    for place in (settings.home / "data", settings.home / "keys", settings.blob_dir, settings.ledger_dir):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)


@contextmanager
def claimed(settings: Settings) -> Iterator[None]:
    """Prepare the home, and hold it while the block runs where the database is SQLite: that takes exactly one process.

    The files of the database and the key store are held too, so that no other home serves from them. The operating
    system lets go of the claim however the process ends. Raises HomeInUse.
    """
    prepare(settings)
    if not settings.database_url.startswith("sqlite"):
        yield
        return
    files = [file for file in map(file_of, (settings.database_url, settings.key_store_url)) if file is not None]
    with ExitStack() as held:
        _hold(held, settings.home / "data" / "process.lock", f"is already running from {settings.home}")
        for file in dict.fromkeys(files):
            if file.parent.is_dir():  # otherwise opening it says what is wrong
                _hold(held, file.with_name(f"{file.name}.lock"), f"with another home has {file} open")
        yield


def _hold(held: ExitStack, place: Path, does: str) -> None:
    lock = held.enter_context(place.open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HomeInUse(
            f"Another process {does}. Stop it first, or choose another --home;"
            " several processes need MUNIMENT_DATABASE_URL to name a PostgreSQL database."
        ) from None
