"""The queue's tables take rows in our format and no other."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from storage import queue, queue_formats, queue_tables
from storage.database import transaction
from storage.queue_tables import FORMAT, FORMATTED, name
from tests.poison import insert_row, insert_run, pickled, take_constraints_off

FOREIGN = ["py_pickle", "portable_json", "muniment_ids_2", "MUNIMENT_IDS_1", " muniment_ids_1", "", None]


def count(engine: Engine, table: str) -> int:
    with transaction(engine, read_only=True) as session:
        place = name(session.connection(), table)
        return int(session.scalar(text(f"SELECT count(*) FROM {place}")) or 0)  # noqa: S608


def test_each_table_with_a_format_is_constrained(engine: Engine) -> None:
    """Those that the database itself says have the column, not those of a list."""
    queue.prepare(engine)
    look = inspect(engine)
    schema = None if engine.dialect.name == "sqlite" else "dbos"
    there = {
        table
        for table in look.get_table_names(schema=schema)
        if "serialization" in {column["name"] for column in look.get_columns(table, schema=schema)}
    }
    assert there == set(FORMATTED)
    with engine.connect() as connection:
        assert queue_tables.unconstrained(connection) == []


@pytest.mark.parametrize("table", FORMATTED)
def test_a_row_in_another_format_is_refused(engine: Engine, tmp_path: Path, table: str) -> None:
    """Inserted, inserted over another, or changed to it: by the database itself, on both; ours is taken."""
    queue.prepare(engine)
    with transaction(engine) as session:
        parent = insert_run(session.connection(), "generate", FORMAT, "{}")
        insert_row(session.connection(), table, parent, FORMAT, "1")
    before = count(engine, table)
    for serialization in FOREIGN:
        with pytest.raises(IntegrityError, match=queue_tables.CONSTRAINT), transaction(engine) as session:
            insert_row(session.connection(), table, parent, serialization, pickled(tmp_path / "ran"))
        with pytest.raises(IntegrityError, match=queue_tables.CONSTRAINT), transaction(engine) as session:
            session.execute(
                text(f"UPDATE {name(session.connection(), table)} SET serialization = :given"),  # noqa: S608
                {"given": serialization},
            )
    assert count(engine, table) == before


@pytest.mark.parametrize("serialization", ["py_pickle", "portable_json", "other"])
def test_rows_from_before_are_removed_and_told(
    engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str], serialization: str
) -> None:
    """What lay there in another format goes, with what belongs to it; what had none yet is ours, and is kept."""
    queue.prepare(engine)
    with transaction(engine) as session:
        connection = session.connection()
        take_constraints_off(connection)
        kept = insert_run(connection, "generate", None, '{"args":[],"kwargs":{}}')
        gone = insert_run(connection, "generate", serialization, pickled(tmp_path / "ran"))
        for table in FORMATTED:
            insert_row(connection, table, kept, serialization, pickled(tmp_path / "ran"))
    assert not queue_tables.are_newest(engine)
    queue.prepare(engine)
    assert queue_tables.are_newest(engine)
    with transaction(engine, read_only=True) as session:
        connection = session.connection()
        place, inputs = name(connection, "workflow_status"), name(connection, "workflow_input")
        assert session.execute(text(f"SELECT workflow_uuid, serialization FROM {place}")).all() == [(kept, FORMAT)]  # noqa: S608
        assert session.execute(text(f"SELECT workflow_uuid FROM {inputs}")).scalars().all() == [kept]  # noqa: S608
    assert [count(engine, table) for table in FORMATTED[1:]] == [0] * 5
    assert gone != kept
    assert "queue.foreign_rows_removed" in "".join(capfd.readouterr())


def test_rows_are_removed_while_agents_work(engine: Engine, tmp_path: Path) -> None:
    """The search counts them by table, removes them, and finds nothing the next time; ours stay."""
    queue.prepare(engine)
    assert queue_formats.remove_foreign(engine) == {}
    with transaction(engine) as session:
        connection = session.connection()
        take_constraints_off(connection)
        kept = insert_run(connection, "generate", FORMAT, '{"args":[],"kwargs":{}}')
        insert_run(connection, "generate", "other", pickled(tmp_path / "ran"))
        for table in FORMATTED:
            insert_row(connection, table, kept, "py_pickle", pickled(tmp_path / "ran"))
    found = dict(queue_formats.remove_foreign(engine))
    assert found == {table: 2 if table == "workflow_status" else 1 for table in FORMATTED}
    assert queue_formats.remove_foreign(engine) == {}
    assert count(engine, "workflow_status") == count(engine, "workflow_input") == 1


def test_a_start_is_not_newest_without_a_single_constraint(engine: Engine) -> None:
    """One that is missing is enough; the next preparation puts it back, and only it."""
    queue.prepare(engine)
    for table in FORMATTED:
        with transaction(engine) as session:
            connection = session.connection()
            if engine.dialect.name == "sqlite":
                connection.execute(text(f"DROP TRIGGER {queue_tables.trigger_names(table)[1]}"))
            else:
                connection.execute(
                    text(f"ALTER TABLE {name(connection, table)} DROP CONSTRAINT {queue_tables.CONSTRAINT}")
                )
            assert queue_tables.unconstrained(connection) == [table]
        assert not queue_tables.are_newest(engine)
        queue.prepare(engine)
        assert queue_tables.are_newest(engine)
