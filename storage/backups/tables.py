"""Every row of a database as lines of JSON, out of one snapshot; and back into an empty database, SQLite or PostgreSQL.

Values leave as they are stored: what is sealed stays sealed, and no key is asked for. A line is an object that opens a
table, or a list with one row's values in the order of that table's columns.
"""

import base64
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Enum,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    inspect,
    select,
    text,
)

from storage.queue_tables import SCHEMA
from storage.records import Record
from storage.sealed import SealedBytes

_AT_ONCE = 500
_NOT_KEPT = frozenset({"alembic_version", "dbos_migrations"})
"""What the program that restores writes itself."""

_NAME = re.compile(r"[a-z_]+")


class TableUnknown(ValueError):
    """A table or column of the backup that this version does not have."""


def of_models(metadata: MetaData) -> list[Table]:
    """The tables of these models, parents first, each with its values as they are stored."""
    return [_bare(table) for table in metadata.sorted_tables]


def of_queue(connection: Connection) -> list[Table]:
    """The tables of the queue that are in this database: whoever brings the queue along lays them out."""
    found = MetaData()
    schema = SCHEMA if connection.dialect.name == "postgresql" else None
    names = [name for name in inspect(connection).get_table_names(schema=schema) if name not in _NOT_KEPT]
    found.reflect(
        connection, schema=schema, only=[name for name in names if schema or name not in Record.metadata.tables]
    )
    return [_bare(table) for table in found.sorted_tables]


def dumped(connection: Connection, tables: list[Table]) -> Iterator[bytes]:
    """The lines of these tables. The connection's transaction MUST be a snapshot."""
    for table in tables:
        yield orjson.dumps({"table": table.name, "columns": [column.name for column in table.columns]})
        order = list(table.primary_key.columns) or list(table.columns)
        rows = connection.execute(select(table).order_by(*order), execution_options={"yield_per": _AT_ONCE})
        for row in rows:
            yield orjson.dumps([_said(value) for value in row])


class Loader:
    """Takes lines in, into tables that are emptied first. One transaction of `connection` around all of it."""

    def __init__(self, connection: Connection, tables: list[Table]) -> None:
        self._connection = connection
        self._tables = {table.name: table for table in tables}
        self._into: Table | None = None
        self._columns: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self.rows = 0
        """How many were taken in."""
        self._suspended = _suspend(connection, tables)
        for table in reversed(tables):
            connection.execute(delete(table))

    def take(self, line: Any) -> None:
        """One line, decoded. Raises TableUnknown."""
        if isinstance(line, list):
            self._rows.append(dict(zip(self._columns, map(_meant, line), strict=True)))
            if len(self._rows) == _AT_ONCE:
                self._flush()
            return
        self._flush()
        self._into = self._tables.get(line["table"])
        self._columns = line["columns"]
        if self._into is None or not set(self._columns) <= {column.name for column in self._into.columns}:
            raise TableUnknown(line["table"] if _NAME.fullmatch(line["table"]) else "?")

    def finish(self) -> None:
        """Put in what is left, and let every constraint hold again. Raises the database's own error if one does not."""
        self._flush()
        _resume(self._connection, self._suspended)
        _count_on(self._connection, list(self._tables.values()))

    def _flush(self) -> None:
        if self._into is not None and self._rows:
            self._connection.execute(self._into.insert(), self._rows)
            self.rows += len(self._rows)
        self._rows = []


def _bare(table: Table) -> Table:
    """The table without the types that refuse or interpret: values as they lie there."""
    columns = [
        Column(column.name, _stored(column.type), primary_key=column.primary_key, autoincrement=False)
        for column in table.columns
    ]
    return Table(table.name, MetaData(), *columns, schema=table.schema)


def _stored(kind: Any) -> Any:
    if isinstance(kind, SealedBytes):
        return LargeBinary()
    if isinstance(kind, Enum):
        return String()
    return kind


def _said(value: Any) -> Any:
    """The value as JSON: what JSON has no word for stands in an object that says what it is."""
    match value:
        case bytes() | memoryview():
            return {"bytes": base64.b64encode(bytes(value)).decode()}
        case datetime():
            return {"time": value.isoformat()}
        case uuid.UUID():
            return {"id": value.hex}
        case dict() | list():
            return {"json": value}
    return value


def _meant(said: Any) -> Any:
    match said:
        case {"bytes": str(encoded)}:
            return base64.b64decode(encoded, validate=True)
        case {"time": str(moment)}:
            return datetime.fromisoformat(moment)
        case {"id": str(number)}:
            return uuid.UUID(number)
        case {"json": value}:
            return value
    return said


def _suspend(connection: Connection, tables: list[Table]) -> list[tuple[str, str]]:
    """Let rows refer to others that come later: until `_resume`, for this transaction."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        return []
    look = inspect(connection)
    found = [
        (_quoted(connection, table), connection.dialect.identifier_preparer.quote(str(key["name"])))
        for table in tables
        for key in look.get_foreign_keys(table.name, schema=table.schema)
    ]
    for table, key in found:
        connection.execute(text(f"ALTER TABLE {table} ALTER CONSTRAINT {key} DEFERRABLE INITIALLY DEFERRED"))
    return found


def _resume(connection: Connection, suspended: list[tuple[str, str]]) -> None:
    if suspended:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    for table, key in suspended:
        connection.execute(text(f"ALTER TABLE {table} ALTER CONSTRAINT {key} NOT DEFERRABLE"))


def _count_on(connection: Connection, tables: list[Table]) -> None:
    """Let PostgreSQL's own numbering begin after what was put in."""
    if connection.dialect.name != "postgresql":
        return
    look = inspect(connection)
    for table in tables:
        for column in look.get_columns(table.name, schema=table.schema):
            name = connection.dialect.identifier_preparer.quote(column["name"])
            sequence = connection.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": _quoted(connection, table), "column": column["name"]},
            ).scalar_one()
            if sequence is not None:
                highest = f"SELECT max({name}) FROM {_quoted(connection, table)}"  # noqa: S608 - quoted names of ours
                connection.execute(
                    text(f"SELECT setval(:sequence, coalesce(({highest}), 1), ({highest}) IS NOT NULL)"),
                    {"sequence": sequence},
                )


def _quoted(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)
