"""A database that other tests had before is as good as a new one, and one that can't be made so is not used again."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy.engine import make_url

from storage import queue
from storage.database import open_engine, transaction
from storage.ids import new_id
from tests import slates
from tests.databases import PostgreSQL
from tests.policies import worlds

TABLES = (
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'dbos') ORDER BY 1"
)


@contextmanager
def connected(url: str) -> Iterator["psycopg.Connection[tuple[str]]"]:
    """A connection to the database at `url`, by nobody's engine."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def contents(url: str) -> dict[str, list[str]]:
    """Every row of every table, ours and the queue's."""
    with connected(url) as connection:
        names = [name for (name,) in connection.execute(TABLES)]
        asked = {name: f"SELECT each::text FROM {name} AS each ORDER BY 1" for name in names}  # noqa: S608 - ours
        return {name: [row for (row,) in connection.execute(each.encode())] for name, each in asked.items()}


def name_of(url: str) -> str:
    return str(make_url(url).database)


@pytest.fixture(autouse=True)
def _not_worn_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database is used two hundred times: none has had its last use just now, whatever ran before."""
    monkeypatch.setattr(slates, "_MOST_USES", sys.maxsize)


def test_what_was_written_changed_and_removed_is_as_it_was(postgresql: PostgreSQL, postgresql_started: str) -> None:
    """A row in nearly every table, a job, and all that a first start left there gone or changed: nothing is left of it."""
    with postgresql.fresh_database(postgresql_started) as url:
        new = contents(url)
    filled = [name for name, rows in new.items() if rows]
    with postgresql.clean_database(postgresql_started) as url:
        used = name_of(url)
        assert contents(url) == new
        engine = open_engine(url)
        with transaction(engine) as session:
            worlds.store(session)
            queue.enqueue(session, "generate", new_id())
        engine.dispose()
        with connected(url) as connection:
            for number, name in enumerate(filled):
                statement = f"DELETE FROM {name}" if number % 2 else f"UPDATE {name} SET {_column(connection, name)}"  # noqa: S608
                connection.execute(b"SET session_replication_role = replica")
                connection.execute(statement.encode())
        changed = contents(url)
        assert all(changed[name] != new[name] for name in filled[1::2])
        assert len([name for name in new if changed[name] != new[name]]) > 30
    with postgresql.clean_database(postgresql_started) as url:
        assert name_of(url) == used
        assert contents(url) == new


def _column(connection: "psycopg.Connection[tuple[str]]", table: str) -> str:
    """A change of every row that leaves its values: whether one was touched is told by that alone."""
    found = connection.execute(f"SELECT * FROM {table} LIMIT 0".encode()).description  # noqa: S608 - ours
    assert found is not None
    return f"{found[0].name} = {found[0].name}"


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE another (id int)",
        "CREATE INDEX another ON projects (id)",
        "CREATE SCHEMA another",
        "ALTER TABLE projects ADD COLUMN another int",
        "ALTER TABLE projects ALTER COLUMN owner_id DROP NOT NULL",
        "ALTER TABLE api_keys DISABLE TRIGGER muniment_told",
        "DROP TRIGGER muniment_told ON api_keys",
        "GRANT SELECT ON projects TO PUBLIC",
        "GRANT SELECT (id) ON projects TO PUBLIC",
        "CREATE SEQUENCE another",
        "SELECT lo_create(0)",
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 99', current_database()); END$$",
        "DO $$BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END$$",
    ],
)
def test_a_database_that_was_built_otherwise_is_not_used_again(postgresql: PostgreSQL, change: str) -> None:
    """Tables, rights, triggers, settings: whatever is no row of ours."""
    with postgresql.clean_database() as url:
        used = name_of(url)
        with connected(url) as connection:
            connection.execute(change.encode())
    with postgresql.clean_database() as url:
        assert name_of(url) != used


def test_whoever_was_left_behind_is_let_go_and_does_not_come_back(postgresql: PostgreSQL) -> None:
    """A connection that holds locks is ended; its address leads nowhere, and nothing waits for what it held."""
    with postgresql.clean_database() as url:
        used = name_of(url)
        left = psycopg.connect(url.replace("+psycopg", ""))
        left.execute("LOCK TABLE projects")
        left.execute("SELECT pg_advisory_lock(1)")
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace("+psycopg", ""))
    with postgresql.clean_database() as again, connected(again) as connection:
        assert name_of(again) == used
        assert connection.execute("SELECT pg_try_advisory_lock(1)").fetchone() == (True,)
        assert connection.execute("TABLE projects").fetchall() == []


def test_whoever_is_just_leaving_does_not_spoil_it(postgresql: PostgreSQL) -> None:
    """A connection that was closed is still there for a moment: one that goes by itself is no reason to make another."""
    used = set()
    for _ in range(20):
        with postgresql.clean_database() as url:
            used.add(name_of(url))
            for leaving in [psycopg.connect(url.replace("+psycopg", "")) for _ in range(4)]:
                leaving.close()
    assert len(used) == 1


def test_tables_that_have_grown_large_are_cleaned_each_time(postgresql: PostgreSQL, postgresql_started: str) -> None:
    """PostgreSQL reads large tables in parallel, and returns their rows in the order in which they finish."""
    more = (
        "INSERT INTO audit_events SELECT (jsonb_populate_record(one, jsonb_build_object('id', uuidv7()))).*"
        " FROM (SELECT audit_events AS one FROM audit_events LIMIT 1) t"
    )
    with postgresql.fresh_database(postgresql_started) as url:
        new = contents(url)
    filled = [name for name, rows in new.items() if rows]
    with postgresql.clean_database(postgresql_started) as url, connected(url) as connection:
        connection.execute(b"SET session_replication_role = replica")
        for name in filled:
            again = f"UPDATE {name} SET {_column(connection, name)}"  # noqa: S608 - ours
            connection.execute(f"DO $$ BEGIN FOR n IN 1..1000 LOOP {again}; END LOOP; END $$".encode())
        connection.execute(b"ANALYZE alembic_version")  # invalidates cached plans
    for _ in range(4):
        with postgresql.clean_database(postgresql_started) as url:
            assert contents(url) == new
            with connected(url) as connection:
                connection.execute(more.encode())
