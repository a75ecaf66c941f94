"""Which processes with agents are alive: each holds a lock of PostgreSQL's under its name for as long as it is there.

The server lets go of the lock however the process ends, and within a minute where its machine was lost with it. So a
name that has begun runs and no lock is one whose runs somebody else may take up. On SQLite there is one process.
"""

from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import Engine

from storage.database import NOTICED
from storage.queue import VERSION
from storage.queue_tables import SCHEMA

_SPACE = 0x4D756E69
"""The first half of the locks' names: no other advisory lock of ours has two halves."""

_CONNECT_SECONDS = 5
_ALIVE = (
    # A process whose machine is lost says nothing more: the server asks whether it is still there.
    "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; "
    "SET tcp_user_timeout = 50000; SET idle_session_timeout = 0"
)
_ABSENT = f"""
SELECT DISTINCT executor_id FROM {SCHEMA}.workflow_status AS run
WHERE status = 'PENDING' AND application_version = %(version)s AND executor_id <> %(name)s AND NOT EXISTS (
    SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND classid = %(space)s AND objsubid = 2
      AND objid::bigint = hashtext(run.executor_id)::bigint & 4294967295
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""  # noqa: S608 - a name of ours


class NobodyCanTell(Exception):
    """The database does not answer, so nobody knows who is there."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)


class Attendance:
    """This process's, under `name`. Not for several threads."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._connection: psycopg.Connection[Any] | None = None
        self._held = False
        self.alone = True
        """False while another process is there under the same name."""

    def attend(self) -> None:
        """Be there, and stay until `leave`. Raises NobodyCanTell."""
        try:
            self._attend()
        except psycopg.Error as error:
            self.leave()
            raise NobodyCanTell(error) from error

    def absent(self) -> set[str]:
        """The names under which runs are begun and nobody is there now. Raises NobodyCanTell."""
        try:
            given = {"version": VERSION, "name": self._name, "space": _SPACE}
            return {str(name) for (name,) in self._attend().execute(_ABSENT, given)}
        except psycopg.Error as error:
            self.leave()
            raise NobodyCanTell(error) from error

    def leave(self) -> None:
        """Be there no more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _attend(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            positional, named = self._engine.dialect.create_connect_args(self._engine.url)
            given = {**NOTICED, "connect_timeout": _CONNECT_SECONDS, **named, "autocommit": True}
            self._connection = psycopg.connect(*positional, **given)
            self._connection.execute(_ALIVE)
            self._held = False
        if not (self.alone and self._held):
            taken = self._connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_SPACE, self._name])
            self.alone = self._held = bool((taken.fetchone() or [False])[0])
        return self._connection
