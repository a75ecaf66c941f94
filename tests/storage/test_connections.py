"""Connections to PostgreSQL that lie in the pool: whatever the server ended is found out without asking it."""

import threading
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


def test_of_two_who_wait_for_one_another_one_is_told_to_come_again(postgresql: PostgreSQL) -> None:
    """The database ends a deadlock: for one of them it is as if it had not answered, and the other's change is there."""
    with postgresql.fresh_database() as url:
        engine = open_engine(url)
        with engine.begin() as held:
            held.execute(text("CREATE TABLE things (id int PRIMARY KEY, by text)"))
            held.execute(text("INSERT INTO things VALUES (1, ''), (2, '')"))
        both, ended = threading.Barrier(2), []

        def change(first: int, second: int) -> None:
            try:
                with transaction(engine) as session:
                    session.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
                    for number, thing in enumerate((first, second)):
                        said = {"by": f"{first} first", "id": thing}
                        session.execute(text("UPDATE things SET by = :by WHERE id = :id"), said)
                        if not number:
                            both.wait(60)
            except DatabaseUnreachable:
                ended.append(f"{first} first")

        threads = [threading.Thread(target=change, args=order) for order in ((1, 2), (2, 1))]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        with engine.connect() as connection:
            (kept,) = set(connection.execute(text("SELECT by FROM things")).scalars())
        assert {*ended, kept} == {"1 first", "2 first"}
        engine.dispose()
