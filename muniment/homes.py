"""The home directory: made private, with data and keys apart, and claimed by one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muniment.settings import Settings


class HomeInUse(Exception):
    """Another process serves or works from this home."""


def prepare(settings: Settings) -> None:
    """Make the directories that the settings speak of, readable by this user only; files made later inherit that."""
    os.umask(0o077)
    for place in (settings.home / "data", settings.home / "keys", settings.blob_dir, settings.ledger_dir):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)


@contextmanager
def claimed(settings: Settings) -> Iterator[None]:
    """Prepare the home, and hold it while the block runs where the database is SQLite: that takes exactly one process.

    The operating system lets go of the claim however the process ends. Raises HomeInUse.
    """
    prepare(settings)
    if not settings.database_url.startswith("sqlite"):
        yield
        return
    with Path(settings.home / "data" / "process.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(
                f"Another process is already running from {settings.home}. Stop it first, or choose another --home;"
                " several processes need MUNIMENT_DATABASE_URL to name a PostgreSQL database."
            ) from None
        yield
