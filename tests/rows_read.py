"""What a statement really read on PostgreSQL: rows of tables and entries of indexes, counted by the server."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.orm import Session

_READ = text("""
SELECT coalesce(i.tablename, c.relname), sum(pg_stat_get_xact_tuples_returned(c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
LEFT JOIN pg_indexes i ON i.schemaname = 'public' AND i.indexname = c.relname
WHERE c.relkind IN ('r', 'i') GROUP BY 1
""")


@contextmanager
def rows_read(session: Session) -> Iterator[dict[str, int]]:
    """Let the block fill what its statements in this transaction read, by table; what is none is not named.

    A bitmap's rows are counted as the entries of its index (https://www.postgresql.org/docs/current/monitoring-stats.html).
    """
    found: dict[str, int] = {}
    before = dict(map(tuple, session.execute(_READ)))
    yield found
    for table, count in session.execute(_READ):
        if count > before.get(table, 0):
            found[table] = int(count - before.get(table, 0))
