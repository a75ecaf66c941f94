"""Constraints that keep rows readable: a login that may write a table can't write what no process can read.

PostgreSQL takes `infinity` and years beyond 9999 for a timestamp, and any text for an enum; Python raises when it
reads such a row, and a loop or a page that reads it stops. One CHECK on each table, made from the models, refuses them
(PostgreSQL alone: SQLite has no logins). Rows that are there already are not looked at (`NOT VALID`).
"""

import hashlib
from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, DateTime, Enum, text
from sqlalchemy.types import TypeDecorator

from storage.catalogue import models

CONSTRAINT = "muniment_readable"
_EARLIEST, _LATEST = "0001-01-02 00:00:00+00", "9999-12-30 00:00:00+00"
"""A day within what Python's datetime holds, whatever time zone the server shows it in."""
_THERE = text(
    "SELECT relname, obj_description(c.oid, 'pg_constraint') AS digest FROM pg_constraint AS c"
    " JOIN pg_class AS t ON t.oid = c.conrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace"
    " WHERE n.nspname = 'public' AND conname = :name"
)


def conditions() -> dict[str, str]:
    """Return what each table's rows must be, as SQL, by the name of the table."""
    found = {}
    for model in models():
        parts = [part for column in model.__table__.columns for part in _conditions(column)]
        if parts:
            found[model.__tablename__] = " AND ".join(parts)
    return found


def statements(table: str, condition: str) -> Iterator[str]:
    """Return the SQL that puts the constraint on a table, in place of an older one."""
    yield f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {CONSTRAINT}"
    yield f"ALTER TABLE {table} ADD CONSTRAINT {CONSTRAINT} CHECK ({condition}) NOT VALID"
    yield f"COMMENT ON CONSTRAINT {CONSTRAINT} ON {table} IS '{_digest(condition)}'"


def apply(connection: Connection) -> int:
    """Put the constraints on the tables where they are missing or older; return on how many. As the owner."""
    there = {row.relname: row.digest for row in connection.execute(_THERE, {"name": CONSTRAINT})}
    changed = [(table, each) for table, each in conditions().items() if there.get(table) != _digest(each)]
    for table, condition in changed:
        for statement in statements(table, condition):
            connection.exec_driver_sql(statement.replace("%", "%%"))
    return len(changed)


def _conditions(column: ColumnElement[object]) -> Iterator[str]:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, DateTime):
        yield f"{column.name} >= '{_EARLIEST}' AND {column.name} < '{_LATEST}'"
    elif isinstance(kind, Enum):
        yield f"{column.name} IN ({', '.join(_quoted(each) for each in kind.enums)})"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _digest(condition: str) -> str:
    return hashlib.sha256(condition.encode()).hexdigest()
