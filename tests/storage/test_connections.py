"""Connections to PostgreSQL that lie in the pool: whatever the server ended is found out without asking it."""

from contextlib import ExitStack, suppress

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from storage.database import ConnectionLost, DatabaseUnreachable, open_engine, transaction
from tests.databases import PostgreSQL


def pids(engine: Engine, count: int) -> set[int]:
    """The server's processes behind so many connections at once."""
    with ExitStack() as stack:
        opened = [stack.enter_context(engine.connect()) for _ in range(count)]
        return {each.execute(text("SELECT pg_backend_pid()")).scalar_one() for each in opened}


def test_connections_that_the_server_has_ended_are_replaced_before_use(postgresql: PostgreSQL) -> None:
    """All of them, at the next use of each, with no error for whoever comes next; and what is alive stays."""
    with postgresql.fresh_database() as url:
        engine = open_engine(url)
        before = pids(engine, 3)
        assert pids(engine, 3) == before
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
            for each in before:
                other.execute("SELECT pg_terminate_backend(%s, 60000)", [each])
        after = pids(engine, 3)
        assert len(after) == 3
        assert not after & before
        engine.dispose()


def test_a_transaction_that_lost_its_connection_says_so_at_its_end(postgresql: PostgreSQL) -> None:
    """Whoever takes the first error for an answer of its own does not make the end of it a fault of ours."""
    with postgresql.fresh_database() as url:
        engine = open_engine(url)
        with pytest.raises(ConnectionLost), transaction(engine, read_only=True) as session:
            session.execute(text("SELECT 1"))
            (mine,) = session.execute(text("SELECT pg_backend_pid()")).scalars()
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 60000)", [mine])
            with suppress(OperationalError):
                session.execute(text("SELECT 1"))
        assert issubclass(ConnectionLost, DatabaseUnreachable)
        with transaction(engine, read_only=True) as session:
            assert session.execute(text("SELECT 1")).scalar_one() == 1
        engine.dispose()
