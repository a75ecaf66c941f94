"""Writers on PostgreSQL: each records its event beside the others', and none waits for another, nor the sequencer."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select, text

from storage import queue
from storage.assets import Asset
from storage.database import open_engine, transaction
from storage.ids import new_id
from storage.ledger import sequencing
from storage.ledger.entries import AuditEvent, append
from storage.ledger.events import AssetCreated, Outcome
from storage.ledger.rows import AuditPending
from storage.ledger.scope import AuditScope
from storage.projects import Project
from storage.sealed import Sealed
from storage.vault import Vault
from tests.databases import PostgreSQL

WRITERS = 8
SEALED = Sealed(b"\x01" + b"x" * 40)
WAITING = text(
    "SELECT (SELECT count(*) FROM pg_locks WHERE NOT granted), (SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND (wait_event_type = 'Lock' OR cardinality(pg_blocking_pids(pid)) > 0)), "
    "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction')"
)


@pytest.fixture
def engine(postgresql: PostgreSQL) -> Iterator[Engine]:
    """PostgreSQL: on SQLite there is one writer at a time anyway."""
    with postgresql.fresh_database() as url:
        opened = open_engine(url)
        yield opened
        opened.dispose()


def test_writers_wait_neither_for_one_another_nor_for_the_sequencer(
    engine: Engine, vault: Vault, scope: Callable[..., AuditScope]
) -> None:
    """Eight in one project of one owner's have written row, event and job, and none has committed: nobody waits."""
    owner, project = new_id(), new_id()
    with transaction(engine) as session:
        session.add(Project(id=project, owner_id=owner, name=SEALED))
    written, watched = threading.Barrier(WRITERS + 1), threading.Event()

    def write() -> uuid.UUID:
        sealed = dict.fromkeys(("file_name", "title", "description", "tags"), SEALED)
        asset = Asset(id=new_id(), owner_id=owner, project_id=project, media_type="image/png", byte_size=1, **sealed)
        happened = AssetCreated(resource_id=asset.id, subject_id=owner, project_id=project, byte_size=1)
        with transaction(engine) as session:
            session.add(asset)
            session.flush()
            event_id = append(session, vault, scope(actor_id=owner), happened, Outcome.SUCCESS)
            queue.enqueue(session, "generate", asset.id)
            session.flush()
            written.wait(120)
            assert watched.wait(120)
        return event_id

    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write) for _ in range(WRITERS)]
        try:
            written.wait(120)  # broken, if one of them waits for another's commit
            with engine.connect() as connection:
                assert tuple(connection.execute(WAITING).one()) == (0, 0, WRITERS)
            with transaction(engine) as session:
                assert sequencing.claim(session, uuid.uuid4())
                assert sequencing.sequence(session, 100) == 0
        finally:
            watched.set()
        recorded = {each.result(120) for each in writing}
    with transaction(engine) as session:
        assert set(session.scalars(select(AuditEvent.id))) == recorded
        assert len(recorded) == WRITERS
        assert sequencing.sequence(session, 100) == WRITERS
        assert session.scalar(select(func.count()).select_from(AuditPending)) == 0
