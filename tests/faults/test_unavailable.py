"""A part that can't be reached, while the server runs: coded answers, nothing changed, and back without a restart."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.servers import Server

pytestmark = pytest.mark.one_database("sqlite", reason="it is SQLite's files that are taken away and given back")


@contextmanager
def moved_away(place: Path) -> Iterator[None]:
    """The directory is somewhere else while the block runs."""
    place.rename(place.with_name("elsewhere"))
    try:
        yield
    finally:
        if place.exists():
            shutil.rmtree(place)
        place.with_name("elsewhere").rename(place)


def effects(server: Server) -> dict[str, Any]:
    """Everything that exists except the trail of refusals."""
    tables = ("projects", "assets", "prompts", "exports", "deletions", "api_keys", "contributors", "sessions")
    return {table: server.ids(table) for table in tables} | {"files": server.files()}
