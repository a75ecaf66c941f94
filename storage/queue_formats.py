"""Constraints on the queue's tables: a row says that it is in our format, or the database refuses it.

DBOS makes these tables by migrations of its own, so this comes after them: at `database upgrade`, by the owner of the
tables, and at the start of a process that owns them.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine, bindparam, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from storage.database import transaction
from storage.queue_tables import (
    CONSTRAINT,
    FORMAT,
    FORMATTED,
    SCHEMA,
    QueueNotConstrained,
    name,
    trigger_names,
    unconstrained,
)

_FOREIGN = f"serialization IS NULL OR serialization <> '{FORMAT}'"
_PAYLOADS = ("workflow_input", "workflow_output", "operation_outputs")
"""What belongs to a run and is not removed with it by a foreign key."""
_TRIGGERS = text(
    "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
    " JOIN pg_namespace AS n ON n.oid = relnamespace JOIN pg_proc ON pg_proc.oid = tgfoid"
    " WHERE NOT tgisinternal AND n.nspname = :schema AND pronamespace <> relnamespace"
)

log = structlog.get_logger("muniment.queue")


def constrain(engine: Engine) -> None:
    """Add the constraints that are missing. Rows without a format are marked as ours, rows of another are removed.

    Raises QueueNotConstrained where this login does not own the tables.
    """
    try:
        with transaction(engine) as session:
            connection = session.connection()
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"LOCK TABLE {', '.join(f'{SCHEMA}.{each}' for each in FORMATTED)}"))
                _drop_foreign_triggers(connection)
            missing = unconstrained(connection)  # another process may have been first
            for table in missing:
                connection.execute(
                    text(f"UPDATE {name(connection, table)} SET serialization = '{FORMAT}' WHERE serialization IS NULL")  # noqa: S608
                )
            removed = _remove(connection, missing)
            for table in missing:
                _add(connection, table)
    except (OperationalError, ProgrammingError) as error:
        if getattr(error.orig, "sqlstate", None) == "42501":
            raise QueueNotConstrained from None
        raise
    _tell(removed)


def remove_foreign(engine: Engine) -> Mapping[str, int]:
    """Remove rows in another format than ours, which only somebody can have written who took the constraints off.

    Return how many there were, by table. Each is logged.
    """
    with transaction(engine, read_only=True) as session:
        there = [table for table in FORMATTED if _count(session.connection(), table)]
    if not there:
        return {}
    with transaction(engine) as session:
        removed = _remove(session.connection(), there)
    _tell(removed)
    return removed


def remove_displaced(engine: Engine) -> int:
    """Remove jobs that wait in a partition other than their workflow's; return how many. This program writes none.

    DBOS asks the database for each partition in turn, so many partitions hold up every job.
    """
    where = "queue_partition_key <> name AND status IN ('ENQUEUED', 'DELAYED')"
    with transaction(engine, read_only=True) as session:
        place = name(session.connection(), "workflow_status")
        if session.execute(text(f"SELECT 1 FROM {place} WHERE {where} LIMIT 1")).first() is None:  # noqa: S608
            return 0
    with transaction(engine) as session:
        removed = _remove_where(session.connection(), where)
    log.error("queue.displaced_rows_removed", count=removed)
    return removed


def postpone_unknown(engine: Engine, known: Collection[str], due: datetime) -> int:
    """Let jobs of workflows that this process does not know wait until `due`; return how many.

    A newer release may have queued them, and its agents run them then. Meanwhile their partitions hold up nothing.
    """
    with transaction(engine) as session:
        place = name(session.connection(), "workflow_status")
        statement = text(
            f"UPDATE {place} SET status = 'DELAYED', delay_until_epoch_ms = :due"  # noqa: S608
            " WHERE status = 'ENQUEUED' AND queue_partition_key IS NOT NULL AND name NOT IN :known"
        ).bindparams(bindparam("known", expanding=True))
        given = {"due": int(due.timestamp() * 1000), "known": sorted(known)}
        postponed = int(getattr(session.execute(statement, given), "rowcount", 0))
    if postponed:
        log.error("queue.unknown_jobs_postponed", count=postponed)
    return postponed


def _count(connection: Connection, table: str) -> bool:
    found = connection.execute(text(f"SELECT 1 FROM {name(connection, table)} WHERE {_FOREIGN} LIMIT 1"))  # noqa: S608
    return found.first() is not None


def _remove(connection: Connection, tables: list[str]) -> dict[str, int]:
    removed = {}
    for table in tables:
        place = name(connection, table)
        if table == "workflow_status":
            removed[table] = _remove_where(connection, _FOREIGN)
        else:
            removed[table] = connection.execute(text(f"DELETE FROM {place} WHERE {_FOREIGN}")).rowcount  # noqa: S608
    return {table: count for table, count in removed.items() if count}


def _remove_where(connection: Connection, condition: str) -> int:
    place = name(connection, "workflow_status")
    for payload in _PAYLOADS:
        connection.execute(
            text(
                f"DELETE FROM {name(connection, payload)} WHERE workflow_uuid IN"  # noqa: S608
                f" (SELECT workflow_uuid FROM {place} WHERE {condition})"
            )
        )
    return connection.execute(text(f"DELETE FROM {place} WHERE {condition}")).rowcount  # noqa: S608


def _tell(removed: Mapping[str, int]) -> None:
    for table, count in removed.items():
        log.error("queue.foreign_rows_removed", resource=table, count=count)


def _add(connection: Connection, table: str) -> None:
    place = name(connection, table)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ALTER TABLE {place} DROP CONSTRAINT IF EXISTS {CONSTRAINT}"))
        connection.execute(
            text(
                f"ALTER TABLE {place} ADD CONSTRAINT {CONSTRAINT}"
                f" CHECK (serialization IS NOT NULL AND serialization = '{FORMAT}')"
            )
        )
        return
    for trigger, moment in zip(trigger_names(table), ("INSERT", "UPDATE"), strict=True):
        connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        connection.execute(
            text(
                f"CREATE TRIGGER {trigger} BEFORE {moment} ON {place}"
                f" WHEN NEW.serialization IS NULL OR NEW.serialization <> '{FORMAT}'"
                f" BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: {CONSTRAINT}'); END"
            )
        )


def _drop_foreign_triggers(connection: Connection) -> None:
    """Remove triggers whose function is not DBOS's: before 1.0 a login could hang one there, to run with our rights."""
    quote = connection.dialect.identifier_preparer.quote
    for trigger, table in connection.execute(_TRIGGERS, {"schema": SCHEMA}).all():
        connection.execute(text(f"DROP TRIGGER {quote(trigger)} ON {SCHEMA}.{quote(table)}"))
        log.error("queue.foreign_trigger_removed", resource=table)
