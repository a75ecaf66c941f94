"""COMMITs that fail: before they reach the database, or after it has carried them out, when only the answer is lost.

The fault lies below the product, where SQLAlchemy calls the driver. What must hold afterwards is said here once, for
every use case: after the sweep each file and keyset is named by a row, and each row's file and keyset open.
"""

import enum
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.engine.default import DefaultDialect

from agents.erasures import tidy
from agents.runtime import Agents
from storage import exports
from storage.assets import Asset, AssetStatus, Blob
from storage.contributors import Contributor
from storage.database import transaction
from storage.exports import Export, ExportStatus
from storage.keys import rows
from storage.keys.names import blob_keyset
from storage.projects import Project
from tests.world import World


class Fault(enum.Enum):
    """When a COMMIT fails."""

    BEFORE = "before"  # it is not sent: rolled back
    AFTER = "after"  # it is carried out, and the connection breaks before the answer


class Commits:
    """The COMMITs of an engine's pool, of which one may be told to fail."""

    def __init__(self, engine: Engine) -> None:
        self._pool = engine.pool
        self._fault: Fault | None = None
        self._left = 0
        self._lock = threading.Lock()
        self.fired = False

    def fail(self, number: int, fault: Fault) -> None:
        """Let the COMMIT with this number, from now on, fail once."""
        self._left, self._fault, self.fired = number, fault, False

    def disarm(self) -> None:
        """Let none fail any more."""
        self._fault = None

    def commit(self, dialect: Any, connection: Any, original: Callable[[Any, Any], None]) -> None:
        """Carry out one COMMIT, as the driver would be asked to."""
        with self._lock:
            ours = getattr(connection, "_pool", None) is self._pool and self._fault is not None
            self._left -= ours
            fault = self._fault if ours and self._left == 0 else None
            if fault is not None:
                self._fault, self.fired = None, True
        if fault is Fault.BEFORE:
            raise dialect.dbapi.OperationalError("COMMIT was not sent")
        original(dialect, connection)
        if fault is Fault.AFTER:
            if dialect.name == "postgresql":
                connection.dbapi_connection.close()
            raise dialect.dbapi.OperationalError("the answer to COMMIT was lost")


@contextmanager
def watched(engine: Engine) -> Iterator[Commits]:
    """The COMMITs of `engine`, while the block runs."""
    commits, original = Commits(engine), DefaultDialect.do_commit

    def do_commit(dialect: Any, connection: Any) -> None:
        commits.commit(dialect, connection, original)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DefaultDialect, "do_commit", do_commit)
        yield commits


def assert_whole(world: World, agents: Agents) -> None:
    """After the sweep nothing lies there that no row names, and all that rows name opens."""
    store = agents.store
    tidy(agents, older_than_seconds=0)
    with transaction(store.engine, read_only=True) as session:
        blobs = {blob.id: blob for blob in session.scalars(select(Blob))}
        named = exports.known_blobs(session)
        projects = {str(each) for each in session.scalars(select(Project.id))}
        people = {str(each) for each in session.scalars(select(Contributor.id))}
        assets = list(session.scalars(select(Asset)))
        archives = list(session.scalars(select(Export)))
    for blob in blobs.values():
        assert sum(map(len, store.blobs.reader(blob.id, blob.byte_size, blob.file).read())) == blob.byte_size
    for asset in assets:
        assert (asset.status is AssetStatus.AVAILABLE) == (asset.blob_id in blobs), asset.id
        assert asset.thumbnail_id is None or asset.thumbnail_id in blobs
    for archive in archives:
        assert (archive.status is ExportStatus.READY) == (archive.blob_id in blobs), archive.status
    partial = set(store.blobs.partials.all())
    assert {blob_id for blob_id, _ in store.blobs._published.listed()} - partial <= named
    with store.keyring.key_store.begin(read_only=True) as session:
        keysets = set(rows.named(session))
    assert {each.id for each in keysets if each.kind == "project"} == projects
    assert {each.id for each in keysets if each.kind == "contributor"} == people
    kept = {each for each in keysets if each.kind == "blob"}
    assert {blob_keyset(each) for each in blobs} <= kept <= {blob_keyset(each) for each in named | partial}
