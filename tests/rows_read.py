"""What a statement really read on PostgreSQL: rows of tables and entries of indexes, counted by the server."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session

_READ = b"""
SELECT coalesce(i.tablename, c.relname), sum(pg_stat_get_xact_tuples_returned(c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
LEFT JOIN pg_indexes i ON i.schemaname = 'public' AND i.indexname = c.relname
WHERE c.relkind IN ('r', 'i') GROUP BY 1
"""
"""A bitmap's rows are counted as the entries of its index (PostgreSQL's manual, The Cumulative Statistics System)."""


@contextmanager
def rows_read(session: Session) -> Iterator[Counter[str]]:
    """Let the block fill what its statements in this transaction read, by table; what is none is not named."""
    driver, found = session.connection().connection.driver_connection, Counter[str]()
    before = _so_far(driver)
    yield found
    found += _so_far(driver) - before


@contextmanager
def costs(engine: Engine) -> Iterator[dict[str, int]]:
    """Let the block fill what each statement of this engine read at most, by its text, on any thread."""
    found, before = dict[str, int](), dict[int, Counter[str]]()

    def begin(connection: Connection, *_: Any) -> None:
        before[id(connection)] = _so_far(connection.connection.driver_connection)

    def end(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        began = before.pop(id(connection), None)
        if began is not None:  # None: it was under way when the block began
            read = _so_far(connection.connection.driver_connection) - began
            found[statement] = max(found.get(statement, 0), read.total())

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", begin)
        event.remove(engine, "after_cursor_execute", end)


def _so_far(driver: Any) -> Counter[str]:
    return Counter({table: int(count) for table, count in driver.execute(_READ)})
