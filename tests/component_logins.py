"""Run every statement on PostgreSQL under the login of the component that sends it, in the whole suite.

Tests open databases as the superuser. Before each statement the component is read off the stack, and the connection
takes its role: what `storage/component_rights.py` does not grant fails in whatever test needs it.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import Pool, PoolResetState

from storage import privileges

ROLES = {privileges.API: "component_api", privileges.AGENTS: "component_agents"}

_SENDERS = (
    ("muniment.backups", privileges.AGENTS),
    ("muniment.cli_audit", privileges.API),
    ("muniment.cli_backup", privileges.AGENTS),
    ("muniment.cli_changes", privileges.API),
    ("muniment.cli_evidence", privileges.AGENTS),
    ("muniment.cli_incidents", None),
    ("muniment.cli_keys", privileges.API),
    ("muniment.cli_lockdown", privileges.API),
    ("muniment.cli_policy", privileges.API),
    ("muniment.cli_quotas", privileges.API),
    ("muniment.cli_services", privileges.API),
    ("muniment.cli_staff", privileges.API),
    ("muniment.cli", None),
    ("muniment.controls", privileges.AGENTS),
    ("muniment.crew", privileges.AGENTS),
    ("muniment.demo", None),
    ("muniment.doctor", privileges.API),
    ("muniment.imports", privileges.API),
    ("muniment.key_checks", privileges.AGENTS),
    ("muniment.loop_metrics", privileges.AGENTS),
    ("muniment.restores", None),
    ("muniment.tidying", privileges.AGENTS),
    ("muniment.", privileges.API),
    ("agents.", privileges.AGENTS),
    ("dbos.", privileges.AGENTS),
    ("resolvers.", privileges.API),
    ("schema.", privileges.API),
    ("policies.", None),
    ("storage.", None),
)
"""By how the name of a module begins, the first that fits: whose login runs it. None: the owner's.

Commands have the login with which docs/operations/postgresql.md says to run them.
"""
_ROOMS = ("agents.", "dbos.", "muniment.", "policies.", "resolvers.", "schema.", "storage.")
_GRANTED = """
SELECT count(*) > 0 FROM pg_class, aclexplode(relacl) AS granted JOIN pg_roles ON pg_roles.oid = granted.grantee
WHERE pg_class.oid = to_regclass('public.contributors') AND rolname = 'component_api'
"""

_roles: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()
"""The role that a connection has; not in it: it has none yet, or a rollback has taken it back."""
_ours: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""Whether a connection leads to a database of which the roles were granted something, as a superuser."""


def make_roles(connection: Connection) -> None:
    """Let the two roles be there, with what each component is granted in this database."""
    for role in ROLES.values():
        there = f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"  # noqa: S608 - a name of ours
        if connection.exec_driver_sql(there).first() is None:
            connection.exec_driver_sql(f"CREATE ROLE {role}")
    for statement in privileges.statements(*ROLES.values(), timedelta(0)):
        connection.exec_driver_sql(statement.replace("%", "%%"))


def enforce() -> None:
    """Take the roles from now on, in every engine of this process."""
    event.listen(Engine, "before_cursor_execute", _take_role)
    event.listen(Engine, "rollback", _rolled_back)
    event.listen(Engine, "rollback_savepoint", _rolled_back)
    event.listen(Pool, "connect", lambda driver, _record: _forget(driver))  # `tests.kept` lends one again
    event.listen(Pool, "reset", _reset)


def take_owner(connection: Connection) -> None:
    """Give a connection the owner's rights, for what is sent past SQLAlchemy."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.execute("RESET ROLE")
        _forget(driver)


def component() -> str | None:
    """Return which component sends the statement that is under way; None for the owner of the tables."""
    found = None
    for frame in _frames():
        name = frame.f_globals.get("__name__", "")
        if name.startswith(_ROOMS):
            found = _sender(name)
    return found


@cache
def _sender(module: str) -> str | None:
    return next(sender for beginning, sender in _SENDERS if f"{module}.".startswith(beginning))


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _rolled_back(connection: Connection, *_savepoint: Any) -> None:
    if not connection.invalidated:  # reading the driver of a lost connection would reconnect
        _forget(connection.connection.driver_connection)


def _take_role(connection: Connection, *_statement: Any) -> None:
    if connection.dialect.name != "postgresql":
        return
    driver: Any = connection.connection.driver_connection
    with suppress(psycopg.OperationalError):  # the statement itself meets the lost connection, and SQLAlchemy sees it
        _take(driver)


def _take(driver: Any) -> None:
    if driver not in _ours:
        _ours[driver] = driver.info.user == "postgres" and driver.execute(_GRANTED).fetchone() == (True,)
    if not _ours[driver]:
        return
    wanted = component()
    role = None if wanted is None else ROLES[wanted]
    if driver not in _roles or _roles[driver] != role:
        driver.execute("RESET ROLE" if role is None else f"SET ROLE {role}")
        _roles[driver] = role


def _forget(driver: Any) -> None:
    if isinstance(driver, psycopg.Connection):
        _roles.pop(driver, None)


def _reset(driver: Any, _record: Any, state: PoolResetState) -> None:
    if not state.transaction_was_reset:
        _forget(driver)
