"""A database whose growing tables are full of other people's rows."""

from typing import Any

import psycopg
from sqlalchemy import Column, Enum, LargeBinary, String, Table, UniqueConstraint, Uuid

from storage.records import Record

PEOPLE = 200
"""Others among whom the rows are shared out."""


def fill(connection: "psycopg.Connection[Any]", count: int) -> list[str]:
    """Copy a row of each table that has one so many times, each of one of `PEOPLE`; answers the names of the tables.

    Ids that name something are made up: what they name is not there.
    """
    filled = []
    connection.execute(b"SET session_replication_role = replica")  # neither triggers nor foreign keys
    for table in Record.metadata.sorted_tables:
        if connection.execute(f"SELECT 1 FROM {table.name} LIMIT 1".encode()).fetchone() is None:  # noqa: S608
            continue
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        values = ", ".join(_value(table, column) for column in table.columns)
        one = f"(SELECT * FROM {table.name} LIMIT 1) one"  # noqa: S608 - names of ours, here and below
        into = f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM {one}, generate_series(1, {count}) n"  # noqa: S608
        connection.execute(into.encode())
        filled.append(table.name)
    connection.execute(b"VACUUM (ANALYZE)")  # planning reads what is deleted and not vacuumed, and so is counted
    return filled


def _value(table: Table, column: "Column[Any]") -> str:
    """What a copy has in this column: something new in a key, somebody in any other id, and else what the row has."""
    unique = [*(each for each in table.indexes if each.unique), table.primary_key]
    unique += [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    keyed = any(column.name in each.columns for each in unique)
    own = f'one."{column.name}"'
    if isinstance(column.type, Uuid):
        somebody = f"md5('{column.name}' || n % {PEOPLE})::uuid"
        return "uuidv7()" if keyed else f"CASE WHEN {own} IS NULL THEN NULL ELSE {somebody} END"
    if keyed and isinstance(column.type, LargeBinary):
        return f"substr(sha256(n::text::bytea), 1, octet_length({own}))"
    if keyed and isinstance(column.type, String) and not isinstance(column.type, Enum):
        return f"{own} || n"
    return own
