"""DBOS's tables, looked at without DBOS: that takes a start a while to load, and hardly any has a use for it there."""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from storage.database import has_table, looking

SCHEMA = "dbos"
"""Where DBOS's tables lie on PostgreSQL; SQLite has no schemas, there they lie beside ours."""
NEWEST = 125
"""The last migration of the release of DBOS that is pinned."""
FORMAT = "muniment_ids_1"
"""What our rows say of their format. Never reuse the name for another."""
FORMATTED = (
    "workflow_status", "operation_outputs", "notifications", "workflow_events", "workflow_events_history", "streams",
)  # fmt: skip
"""Each table whose rows name their own format, in the column `serialization`."""

CONSTRAINT = "muniment_format"
"""The constraint on each of them; on SQLite, which adds none to a table that is there, two triggers begin with it."""


class QueueUnsafe(Exception):
    """A row of the queue could run code or would be taken in any format. The message says what to do."""


class QueueNotConstrained(QueueUnsafe):
    """The queue's tables take rows in any format, and this login does not own them."""

    def __init__(self) -> None:
        super().__init__(
            "The tables of the job queue lack the constraint on their format, and this login may not add it: run"
            " `python -m muniment database upgrade` as the owner of the tables (docs/operations/postgresql.md)."
        )


class PickleReachable(QueueUnsafe):
    """This release of DBOS reads rows past our serializer: install one that was tried."""


_RECORDED = "dbos_migrations"
_CONSTRAINED = text(
    "SELECT relname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
    " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE nspname = :schema AND conname = :name AND contype = 'c' AND convalidated"
)
_TRIGGERS = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE :name || '_%'")


def are_newest(engine: Engine) -> bool:
    """Return whether the tables are there, as this release of DBOS has them, and take no format but ours."""
    with looking(engine) as connection:
        return are_laid_out(connection) and not unconstrained(connection)


def are_laid_out(connection: Connection) -> bool:
    """Return whether the tables are there, and such as DBOS has them."""
    place = name(connection, _RECORDED)
    if not has_table(connection, place):
        return False
    return (connection.scalar(text(f"SELECT version FROM {place}")) or 0) >= NEWEST  # noqa: S608


def unconstrained(connection: Connection) -> list[str]:
    """Return the tables, of those whose rows name their format, that would take another format than ours."""
    if connection.dialect.name == "sqlite":
        there = set(connection.execute(_TRIGGERS, {"name": CONSTRAINT}).scalars())
        return [table for table in FORMATTED if not set(trigger_names(table)) <= there]
    there = set(connection.execute(_CONSTRAINED, {"schema": SCHEMA, "name": CONSTRAINT}).scalars())
    return [table for table in FORMATTED if table not in there]


def open_tables(session: Session) -> list[str]:
    """Return what `unconstrained` does, for a transaction; none before the tables are there."""
    connection = session.connection()
    return unconstrained(connection) if are_laid_out(connection) else []


def trigger_names(table: str) -> tuple[str, str]:
    """Return the names of the triggers that stand for the constraint on SQLite: for new rows and for changed ones."""
    return f"{CONSTRAINT}_{table}_insert", f"{CONSTRAINT}_{table}_update"


def name(connection: Connection, table: str) -> str:
    """Return the name of a table of the queue, with its schema where there are schemas."""
    return table if connection.dialect.name == "sqlite" else f"{SCHEMA}.{table}"
