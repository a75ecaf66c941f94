"""A database whose growing tables are full of other people's rows."""

from typing import Any, cast

import psycopg
from sqlalchemy import Column, Enum, Integer, LargeBinary, String, Table, UniqueConstraint, Uuid

from storage.catalogue import models
from storage.deletions import DeletionReceipt
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.records import Record
from storage.sessions import Session

PEOPLE = 200
"""Others among whom the rows are shared out."""


_KEY = (
    "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint + (2 * (n % 2) - 1) * n), 12, '0')"
    " || '70008000' || left(md5(n::text), 12))::uuid"
)
"""An id (UUIDv7) that the n-th row of each table has: a half are older than what is there, a half younger."""


def fill(connection: "psycopg.Connection[Any]", count: int) -> list[str]:
    """Copy a row of each table of what people have so many times, each for one of `PEOPLE`; answers the tables.

    Tables without a row are left out. Ids that name something are made up: what they name is not there.
    """
    filled = []
    connection.execute(b"SET session_replication_role = replica")  # neither triggers nor foreign keys
    for table in (cast(Table, model.__table__) for model in models() if _grows(model)):
        if connection.execute(f"SELECT 1 FROM {table.name} LIMIT 1".encode()).fetchone() is None:  # noqa: S608
            continue
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        values = ", ".join(_value(table, column) for column in table.columns)
        one = f"(SELECT * FROM {table.name} LIMIT 1) one"  # noqa: S608 - names of ours, here and below
        into = f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM {one}, generate_series(1, {count}) n ON CONFLICT DO NOTHING"  # noqa: S608
        connection.execute(into.encode())
        filled.append(table.name)
    connection.execute(b"VACUUM (ANALYZE)")  # planning reads what is deleted and not vacuumed, and so is counted
    return filled


def _grows(model: type[Record]) -> bool:
    """Whether there are more rows the more people there are."""
    return model.card.subject is not None or model in (AuditEvent, AuditPersonal, DeletionReceipt, Session)


def _value(table: Table, column: "Column[Any]") -> str:
    """Return the value of a copy in this column: a new one in a key, a person in another id, else the original's."""
    unique = [*(each for each in table.indexes if each.unique), table.primary_key]
    unique += [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    keyed = any(column.name in each.columns for each in unique)
    own = f'one."{column.name}"'
    if isinstance(column.type, Uuid):
        person = f"md5('{column.name}' || n % {PEOPLE})::uuid"
        return _KEY if keyed else f"CASE WHEN {own} IS NULL THEN NULL ELSE {person} END"
    if keyed and isinstance(column.type, Integer):
        return f"{own} + n"
    if keyed and isinstance(column.type, LargeBinary):
        return f"substr(sha256(n::text::bytea), 1, octet_length({own}))"
    if keyed and isinstance(column.type, String) and not isinstance(column.type, Enum):
        return f"substr(n || {own}, 1, {column.type.length or 100})"
    return own
