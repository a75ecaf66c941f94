"""The queue: jobs commit with the change that asks for them, and hold ids and nothing else."""

import uuid
from datetime import timedelta

import pytest
from dbos._migration import get_dbos_migrations, sqlite_migrations
from sqlalchemy import Engine, text

from storage import queue, queue_tables
from storage.database import has_table, transaction

MARKER = "marker-5772-cobalt"


class MyError(Exception):
    """An error that quotes what it failed on, as errors do."""


def statuses(engine: Engine) -> dict[str, str]:
    table = "workflow_status" if engine.dialect.name == "sqlite" else "dbos.workflow_status"
    with transaction(engine, read_only=True) as session:
        return dict(session.execute(text(f"SELECT workflow_uuid, status FROM {table}")).all())  # noqa: S608


def test_a_job_is_queued_with_the_change_or_not_at_all(engine: Engine) -> None:
    """Rolled back together, committed together; queued again, it is still one job."""
    queue.prepare(engine)
    kept, dropped = uuid.uuid4(), uuid.uuid4()
    with transaction(engine) as session:
        queue.enqueue(session, "generate", kept)
    with transaction(engine) as session:
        queue.enqueue(session, "generate", kept)
    with pytest.raises(MyError), transaction(engine) as session:
        queue.enqueue(session, "generate", dropped)
        raise MyError
    assert statuses(engine) == {f"generate:{kept}": "ENQUEUED"}
    queue.forget(engine, "generate", kept)
    assert statuses(engine) == {}


def test_a_table_that_is_there_is_told_from_one_that_is_not(engine: Engine) -> None:
    """Also in another schema, and in one that there is none of; a piece of a name is no table."""
    elsewhere = "" if engine.dialect.name == "sqlite" else "dbos."
    with engine.connect() as connection:
        for name in ("alembic_version", f"{elsewhere}dbos_migrations"):
            assert has_table(connection, name)
            assert not has_table(connection, name[:-1])
        assert not has_table(connection, "nowhere.alembic_version")
        assert not has_table(connection, "")


def test_a_start_sees_without_dbos_whether_its_tables_are_newest(engine: Engine) -> None:
    """The number that we keep is that of the release that is pinned, on both databases; older tables are not it."""
    assert len(sqlite_migrations) == len(get_dbos_migrations(queue_tables.SCHEMA, True, False)) == queue_tables.NEWEST
    queue.prepare(engine)
    assert queue_tables.are_newest(engine)
    table = "dbos_migrations" if engine.dialect.name == "sqlite" else "dbos.dbos_migrations"
    with transaction(engine) as session:
        session.execute(text(f"UPDATE {table} SET version = {queue_tables.NEWEST - 1}"))  # noqa: S608
    assert not queue_tables.are_newest(engine)
    with transaction(engine) as session:
        session.execute(text(f"DROP TABLE {table}"))
    assert not queue_tables.are_newest(engine)


def test_a_job_takes_ids_only(engine: Engine) -> None:
    """Text is refused before it reaches the database."""
    queue.prepare(engine)
    with pytest.raises(TypeError), transaction(engine) as session:
        queue.enqueue(session, "generate", MARKER)  # type: ignore[arg-type]
    assert statuses(engine) == {}


@pytest.mark.parametrize("value", ["two words", {"a": "a sentence."}, ["x y"], b"bytes", object(), "x" * 200])
def test_the_serializer_refuses_what_could_be_content(value: object) -> None:
    """The second line: whatever a workflow took or answered by mistake does not get through."""
    with pytest.raises(TypeError):
        queue.IdsOnly().serialize(value)


def test_the_serializer_keeps_ids_and_codes() -> None:
    """Ids, numbers and codes come back; of an exception only its type and code."""
    serializer = queue.IdsOnly()
    identity = uuid.uuid4()
    assert serializer.deserialize(serializer.serialize({"args": (identity, 3), "kwargs": {}})) == {
        "args": [str(identity), 3],
        "kwargs": {},
    }
    failure = serializer.deserialize(serializer.serialize(MyError(MARKER)))
    assert (failure.kind, failure.code) == ("MyError", None)
    assert MARKER not in serializer.serialize(MyError(MARKER))


def test_the_queues_own_connections_keep_our_promises(engine: Engine) -> None:
    """DBOS's connections to SQLite wait, journal and overwrite what is deleted, as ours do."""
    queue.prepare(engine)
    own = queue.open_queue_engine(engine)
    if engine.dialect.name == "sqlite":
        expected = {
            "journal_mode": "wal",
            "secure_delete": 1,
            "synchronous": 2,
            "busy_timeout": 30000,
            "foreign_keys": 1,
        }
        with own.connect() as connection:
            kept = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in expected}
        assert kept == expected
    own.dispose()


def test_nothing_queued_can_be_unpickled(engine: Engine) -> None:
    """What a job was queued with lies there as JSON of ids: whoever can write to the queue can't run code by it."""
    queue.prepare(engine)
    identity = uuid.uuid4()
    with transaction(engine) as session:
        queue.enqueue(session, "generate", identity)
        table = "workflow_input" if engine.dialect.name == "sqlite" else "dbos.workflow_input"
        (stored,) = session.execute(text(f"SELECT inputs FROM {table}")).scalars()  # noqa: S608
    assert stored == f'{{"args":["{identity}"],"kwargs":{{}}}}'


def test_what_has_ended_long_ago_is_forgotten_and_nothing_else(engine: Engine) -> None:
    """Runs that wait, are under way, or ended lately stay; of those that are forgotten nothing is left."""
    queue.prepare(engine)
    schema = "" if engine.dialect.name == "sqlite" else f"{queue.SCHEMA}."
    named = {status: uuid.uuid4() for status in ("ENQUEUED", "PENDING", "SUCCESS", "ERROR", "CANCELLED")}
    lately = uuid.uuid4()
    with transaction(engine) as session:
        for run in (*named.values(), lately):
            queue.enqueue(session, "generate", run)
        for status, run in named.items():
            session.execute(
                text(f"UPDATE {schema}workflow_status SET status = :status, updated_at = 0 WHERE workflow_uuid = :run"),  # noqa: S608
                {"status": status, "run": f"generate:{run}"},
            )
        session.execute(
            text(f"UPDATE {schema}workflow_status SET status = 'SUCCESS' WHERE workflow_uuid = :run"),  # noqa: S608
            {"run": f"generate:{lately}"},
        )
    assert queue.forget_finished(engine, timedelta(days=1)) == 3
    assert queue.forget_finished(engine, timedelta(days=1)) == 0
    left = {f"generate:{run}" for run in (named["ENQUEUED"], named["PENDING"], lately)}
    assert set(statuses(engine)) == left
    with transaction(engine, read_only=True) as session:
        inputs = session.execute(text(f"SELECT workflow_uuid FROM {schema}workflow_input")).scalars()  # noqa: S608
        assert set(inputs) == left


def test_what_is_forgotten_of_many_things_is_what_the_queue_knows_of_these_and_no_more(engine: Engine) -> None:
    """Of thousands the queue knows few: those go, another workflow's run of the same id stays, and so do others'."""
    queue.prepare(engine)
    known, other = uuid.uuid4(), uuid.uuid4()
    with transaction(engine) as session:
        queue.enqueue(session, "export", known)
        queue.enqueue(session, "thumbnail", known)
        queue.enqueue(session, "export", other)
    three = statuses(engine).keys()
    queue.forget_each(engine, "export", [uuid.uuid4() for _ in range(600)])
    queue.forget_each(engine, "export", [])
    assert statuses(engine).keys() == three
    queue.forget_each(engine, "export", [*(uuid.uuid4() for _ in range(600)), known])
    assert statuses(engine).keys() == {f"thumbnail:{known}", f"export:{other}"}
