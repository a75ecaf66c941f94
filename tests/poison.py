"""Rows of the job queue as somebody would write them who has a login to the database and wants code to run."""

import base64
import os
import pickle
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from storage.queue_tables import CONSTRAINT, FORMATTED, name, trigger_names


class Exploit:
    """Makes a file when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self._proof),)


def pickled(proof: Path) -> str:
    """What DBOS's own serializer would read, as it lies in a column."""
    return base64.b64encode(pickle.dumps(Exploit(proof))).decode()


def take_constraints_off(connection: Connection) -> None:
    """As the owner of the tables can."""
    for table in FORMATTED:
        if connection.dialect.name == "sqlite":
            for trigger in trigger_names(table):
                connection.execute(text(f"DROP TRIGGER {trigger}"))
        else:
            connection.execute(text(f"ALTER TABLE {name(connection, table)} DROP CONSTRAINT {CONSTRAINT}"))


def insert_run(
    connection: Connection,
    workflow: str,
    serialization: str | None,
    inputs: str | None,
    *,
    status: str = "ENQUEUED",
    executor: str | None = None,
) -> str:
    """Queue a run past the program; returns its id."""
    identity = f"{workflow}:{uuid.uuid4()}"
    connection.execute(
        text(
            f"INSERT INTO {name(connection, 'workflow_status')} (workflow_uuid, status, name, application_version,"  # noqa: S608
            " application_name, queue_name, queue_partition_key, serialization, recovery_attempts, priority,"
            " executor_id, created_at, updated_at) VALUES (:id, :status, :name, '1', 'muniment', 'work', :name,"
            " :serialization, 0, 0, :executor, 1, 1)"
        ),
        {"id": identity, "status": status, "name": workflow, "serialization": serialization, "executor": executor},
    )
    if inputs is not None:
        connection.execute(
            text(
                f"INSERT INTO {name(connection, 'workflow_input')} (workflow_uuid, inputs, retention_timestamp)"  # noqa: S608
                " VALUES (:id, :inputs, 1)"
            ),
            {"id": identity, "inputs": inputs},
        )
    return identity


_ROWS = {
    "workflow_status": "(workflow_uuid, status, name, priority, created_at, updated_at, output, serialization)"
    " VALUES (:id, 'SUCCESS', 'x', 0, 1, 1, :value, :serialization)",
    "operation_outputs": "(workflow_uuid, function_id, function_name, output, retention_timestamp, serialization)"
    " VALUES (:parent, 1, 'x', :value, 1, :serialization)",
    "notifications": "(destination_uuid, topic, message, message_uuid, serialization)"
    " VALUES (:parent, 'x', :value, :id, :serialization)",
    "workflow_events": "(workflow_uuid, key, value, serialization) VALUES (:parent, :id, :value, :serialization)",
    "workflow_events_history": "(workflow_uuid, key, value, function_id, serialization)"
    " VALUES (:parent, :id, :value, 1, :serialization)",
    "streams": '(workflow_uuid, key, value, "offset", function_id, serialization)'
    " VALUES (:parent, :id, :value, 1, 1, :serialization)",
}


def insert_row(connection: Connection, table: str, parent: str, serialization: str | None, value: str) -> None:
    """Put one row into a table whose rows name their format; `parent` is a run that is there."""
    connection.execute(
        text(f"INSERT INTO {name(connection, table)} {_ROWS[table]}"),
        {"id": str(uuid.uuid4()), "parent": parent, "value": value, "serialization": serialization},
    )
