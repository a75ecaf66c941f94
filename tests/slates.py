"""A PostgreSQL database that one test after the other uses, and each finds as the template has it.

Making a database takes the server longer than most tests: hundreds of files are copied and removed. Here only what a test
has written is taken out again, in one statement, and what it removed or changed of the template's rows put back.
A database in which anything else has changed, a table, a right, a trigger, is not used again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from tests.kept import Kept

_MOST_USES = 200
"""What was deleted stays in a table's file until it is vacuumed, which nobody does here."""

_TABLES = """
SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 2
"""
_CATALOGUES = (
    "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_default_acl", "pg_extension",
    "pg_index", "pg_namespace", "pg_policy", "pg_proc", "pg_rewrite", "pg_sequence", "pg_trigger", "pg_type",
)  # fmt: skip


def _looks(tables: Sequence[str], *others: str) -> str:
    """What tells whether a row of these tables was written or removed, table by table, in this order."""
    asked = [f"SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {name}" for name in tables]  # noqa: S608 - ours
    numbered = [f"SELECT {number}, * FROM ({one}) t" for number, one in enumerate([*asked, *others])]  # noqa: S608 - ours
    # With a large table among them the server asks several at once, and the first to be done answers first.
    return " UNION ALL ".join(numbered) + " ORDER BY 1"


_SHAPE = _looks(
    _CATALOGUES,
    "SELECT count(*), 0 FROM pg_db_role_setting",
    "SELECT count(*), 0 FROM pg_largeobject_metadata",
    "SELECT count(*), max(xmin::text::bigint) FROM pg_database WHERE datname = current_database()",
)
"""How the database is made: any change of it writes or removes a row of these."""

_OTHERS = """
SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""
"""How many there were that could not be ended: one that just went by itself is among them."""


@dataclass(frozen=True)
class Table:
    """One table, and what the template has in it (COPY's binary form; None: nothing)."""

    oid: int
    name: str
    rows: bytes | None


class Slate:
    """One database, and what it was like before anybody wrote to it."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.kept = Kept()
        self._uses = 0
        self._connection = psycopg.connect(address, autocommit=True)
        self._connection.prepare_threshold = 1
        self._connection.execute("SET session_replication_role = replica")  # neither triggers nor foreign keys
        found = self._connection.execute(_TABLES.encode()).fetchall()
        self._tables = [Table(oid, name, self._kept(name)) for oid, name in found]
        self._empty = {table.oid: table.name for table in self._tables if table.rows is None}
        self._filled = [table for table in self._tables if table.rows is not None]
        self._sequences = self._connection.execute(b"SELECT count(*) FROM pg_sequences").fetchone() != (0,)
        self._looks = _looks([table.name for table in self._filled]).encode() if self._filled else b""
        self._shape, self._rows = self._look(_SHAPE.encode()), self._look(self._looks)

    def wiped(self) -> bool:
        """Whether it is as its template has it once more: to be asked when nobody has any business with it."""
        self._uses += 1
        try:
            return (
                self._uses < _MOST_USES
                and not self._sequences
                and (self._ended() or self._ended())
                and self._look(_SHAPE.encode()) == self._shape
                and self._wipe()
            )
        except psycopg.Error:  # somebody has locked something, or ended our connection
            return False

    def close(self) -> None:
        """Let go of it, so that it can be dropped."""
        self.kept.close()
        self._connection.close()

    def _ended(self) -> bool:
        """Whether all others that were there have been ended."""
        return self._connection.execute(_OTHERS.encode(), [self.kept.pids()]).fetchone() == (0,)

    def _wipe(self) -> bool:
        written = self._connection.execute(
            b"SELECT oid FROM unnest(%s::oid[]) oid WHERE pg_relation_size(oid) > 0", [list(self._empty)]
        ).fetchall()
        changed = [
            table
            for table, before, after in zip(self._filled, self._rows, self._look(self._looks), strict=True)
            if before != after
        ]
        names = [*(self._empty[oid] for (oid,) in written), *(table.name for table in changed)]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            if names:
                cursor.execute("; ".join(f"DELETE FROM {name}" for name in names).encode())  # noqa: S608 - of the catalogue
            for table in changed:
                assert table.rows is not None
                with cursor.copy(f"COPY {table.name} FROM STDIN (FORMAT binary)".encode()) as copy:
                    copy.write(table.rows)
        if changed:
            self._rows = self._look(self._looks)
        return True

    def _kept(self, name: str) -> bytes | None:
        if not self._connection.execute(f"SELECT 1 FROM {name} LIMIT 1".encode()).fetchall():  # noqa: S608 - as above
            return None
        with self._connection.cursor().copy(f"COPY {name} TO STDOUT (FORMAT binary)".encode()) as copy:
            return b"".join(bytes(each) for each in copy)

    def _look(self, question: bytes) -> list[tuple[int, int, int]]:
        return self._connection.execute(question).fetchall() if question else []
