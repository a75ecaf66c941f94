"""What each component may do in PostgreSQL, table by table, so that one that was taken over can't do another's work.

Three logins: the owner of the tables lays them out and grants; the API and the agents are granted what they do, and no
more. Nobody is granted to change an entry of the trail; its sealed personal side is written anew with each rotation of
keys. A table that is not named here is one that both change.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from storage import row_checks
from storage.catalogue import models
from storage.database import looking
from storage.queue_tables import SCHEMA
from storage.records import Holding, Record

API, AGENTS = "api", "agents"
"""The components that have a login each, as a review of access calls them."""
_ALL = "SELECT, INSERT, UPDATE, DELETE"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


_ROTATED = frozenset({("staff_members", "email_lookup")})
"""Columns that a rotation changes beside those that are sealed, in tables that a component may not change otherwise."""

_MAY_UPDATE = text("SELECT has_column_privilege(:table, :column, 'UPDATE')")


class RotationRefused(Exception):
    """This login may not change everything that is sealed, so that a rotation that it began would never end."""

    code = "ROTATION_REFUSED"


class RoleRefused(ValueError):
    """A name that no login of PostgreSQL's should have."""


@dataclass(frozen=True)
class Rights:
    """What the API and the agents may do with a table, as a GRANT says it, and why not all of it."""

    api: str
    agents: str
    why: str


_ENTRY = "entries are added and never changed; the agents remove what the archive holds"
_LOG = "the agents sequence, publish and deliver; everybody else reads"
_STAFF = "who works here, and as what, is decided by people; the agents remove nothing but what has ended"
_JOBS = "jobs are given by people; the agents take what nobody has confirmed when an access review is due"
_FOUND = "the agents run the checks of controls, the API finds that the agents are gone; nothing found is removed"
_FOLLOWED = "people say what is to be done after an incident, and it is never taken back; the agents look what is late"
_LOCKED = "people lock the platform down and open it; the agents note when its time was up"
_CHANGES = "people register and approve changes; what began to run is noted at each start, and never taken back"
_POLICY = "the policy comes into force through the API, by two people"

NARROWER = {
    "audit_events": Rights("SELECT, INSERT", "SELECT, INSERT, DELETE", _ENTRY),
    "audit_personal": Rights("SELECT, INSERT", _ALL, "the agents forget who it was, and forget it whole"),
    "audit_pending": Rights("SELECT, INSERT", "SELECT, INSERT, DELETE", _ENTRY),
    "audit_sequence": Rights("SELECT", "SELECT, INSERT, DELETE", _LOG),
    "audit_tiles": Rights("SELECT", "SELECT, INSERT, UPDATE", _LOG),
    "audit_checkpoints": Rights("SELECT", "SELECT, INSERT", _LOG),
    "audit_lease": Rights("SELECT", _ALL, _LOG),
    "audit_deliveries": Rights("SELECT", _ALL, _LOG),
    "set_aside_items": Rights("SELECT", _ALL, "the agents set aside what they can't process; the API counts it"),
    "sentinel_marks": Rights("SELECT", "SELECT, INSERT, UPDATE", _LOG),
    "staff_members": Rights(_ALL, "SELECT", _STAFF),
    "appointments": Rights("SELECT, INSERT, UPDATE", "SELECT", _STAFF),
    "role_assignments": Rights(_ALL, "SELECT, DELETE", _JOBS),
    "sign_in_throttles": Rights(_ALL, "SELECT, DELETE", _STAFF),
    "known_addresses": Rights(_ALL, "SELECT, DELETE", _STAFF),
    "second_factors": Rights(_ALL, "SELECT, DELETE", _STAFF),
    "recovery_codes": Rights(_ALL, "SELECT, DELETE", _STAFF),
    "passkeys": Rights(_ALL, "SELECT, DELETE", _STAFF),
    "passkey_challenges": Rights(_ALL, "SELECT, DELETE", _STAFF),
    "changes": Rights("SELECT, INSERT, UPDATE", "SELECT", _CHANGES),
    "deployments": Rights("SELECT, INSERT, UPDATE", "SELECT, INSERT, UPDATE", _CHANGES),
    "findings": Rights("SELECT, INSERT, UPDATE", "SELECT, INSERT, UPDATE", _FOUND),
    "follow_ups": Rights("SELECT, INSERT, UPDATE", "SELECT", _FOLLOWED),
    "lockdowns": Rights("SELECT, INSERT, UPDATE", "SELECT, UPDATE", _LOCKED),
    "outages": Rights(
        "SELECT, INSERT, UPDATE", "SELECT, INSERT, UPDATE", "what was told of an outage is never taken back"
    ),
    "outage_watches": Rights("SELECT", "SELECT, INSERT, UPDATE", _LOG),
    "policy_versions": Rights("SELECT, INSERT", "SELECT", _POLICY),
    "policy_changes": Rights("SELECT, INSERT, UPDATE", "SELECT", _POLICY),
}
"""Tables by name. What the owner of the tables does is not limited by this, and no server is to run as the owner.

In tables that a component may not change it may still write sealed columns anew, for it rotates keys (decision 79).
"""

_QUEUED = "the API queues runs; the agents take them up, end and remove them"
_UNUSED = "our runs write nothing there; the agents remove what should not be there"
_AGENTS = "the agents alone say which queues and versions there are"
_LAID_OUT = "the owner lays the tables out"

QUEUE = {
    "workflow_status": Rights("SELECT, INSERT, UPDATE (creator_xid)", _ALL, _QUEUED),
    "workflow_input": Rights("SELECT, INSERT", "SELECT, INSERT, DELETE", _QUEUED),
    "workflow_output": Rights("", _ALL, _QUEUED),
    "operation_outputs": Rights("", "SELECT, DELETE", _UNUSED),
    "notifications": Rights("", "SELECT, DELETE", _UNUSED),
    "workflow_events": Rights("", "SELECT, DELETE", _UNUSED),
    "workflow_events_history": Rights("", "SELECT, DELETE", _UNUSED),
    "streams": Rights("", "SELECT, DELETE", _UNUSED),
    "workflow_schedules": Rights("", "SELECT", _UNUSED),
    "event_dispatch_kv": Rights("", "", _UNUSED),
    "queues": Rights("", "SELECT, INSERT, UPDATE", _AGENTS),
    "application_versions": Rights("", "SELECT, INSERT, UPDATE", _AGENTS),
    "dbos_migrations": Rights("SELECT", "SELECT", _LAID_OUT),
}
"""The tables of the queue by name: none is granted that is not named. No right on functions or sequences is needed."""


def hashes() -> dict[str, str]:
    """What each component may do with every table, as a hash that changes with it."""
    granted: dict[str, list[str]] = {API: [], AGENTS: []}
    for model in models():
        table, rights = model.__tablename__, _rights(model.__tablename__)
        granted[API].append(f"{table}: {', '.join(_granted(model, rights.api))}")
        granted[AGENTS].append(f"{table}: {', '.join(_granted(model, rights.agents))}")
    for name, rights in QUEUE.items():
        granted[API].append(f"{SCHEMA}.{name}: {rights.api}")
        granted[AGENTS].append(f"{SCHEMA}.{name}: {rights.agents}")
    return {component: sha256("\n".join(lines).encode()).hexdigest() for component, lines in granted.items()}


def rotated_columns(model: type[Record]) -> list[str]:
    """Return the columns that a rotation of keys writes anew in rows that nobody else changes."""
    columns = inspect(model).columns
    sealed = {column.name for column in columns if column.info.get("holding") is Holding.SEALED}
    return sorted(sealed | {column for table, column in _ROTATED if table == model.__tablename__})


def require_rotation_rights(engine: Engine) -> None:
    """Raise RotationRefused unless this login may change all that a rotation of keys does."""
    if engine.dialect.name != "postgresql":
        return
    with looking(engine) as connection:
        for model in models():
            for column in rotated_columns(model):
                asked = {"table": model.__tablename__, "column": column}
                if not connection.execute(_MAY_UPDATE, asked).scalar_one():
                    raise RotationRefused(
                        f"this login may not change {column} of {model.__tablename__}: as the owner of the tables run"
                        " `database upgrade --grant-api … --grant-agents …` (docs/operations/postgresql.md)"
                    )


def _granted(model: type[Record], rights: str) -> Iterator[str]:
    """What a component is granted on a table: its rights, and the columns that a rotation of keys writes anew."""
    yield rights
    if "UPDATE" not in rights and (columns := rotated_columns(model)):
        yield f"UPDATE ({', '.join(columns)})"


def _rights(table: str) -> Rights:
    return NARROWER.get(table, Rights(_ALL, _ALL, ""))


def statements(api: str, agents: str) -> Iterator[str]:
    """The SQL that grants the logins `api` and `agents` what they need, and takes from them what they had besides.

    To be run by the owner, after each upgrade. Raises RoleRefused.
    """
    for name in (api, agents):
        if not _NAME.fullmatch(name):
            raise RoleRefused("a login is named with a-z, 0-9 and _")
    if api == agents:
        raise RoleRefused("the API and the agents have a login each")
    both = f"{api}, {agents}"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {both}"
    yield f"GRANT USAGE ON SCHEMA public, {SCHEMA} TO {both}"
    yield f"GRANT SELECT ON alembic_version TO {both}"
    for model in models():
        rights = _rights(model.__tablename__)
        for login, granted in ((api, rights.api), (agents, rights.agents)):
            for each in _granted(model, granted):
                yield f"GRANT {each} ON {model.__tablename__} TO {login}"
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {SCHEMA} FROM PUBLIC, {both}"
    for name, rights in QUEUE.items():
        for login, granted in ((api, rights.api), (agents, rights.agents)):
            if granted:
                yield f"GRANT {granted} ON {SCHEMA}.{name} TO {login}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {both}"


def apply(connection: Connection, api: str, agents: str) -> None:
    """Run them, and constrain rows. The logins MUST be there, and the connection the owner's."""
    for statement in statements(api, agents):
        connection.execute(text(statement))
    row_checks.apply(connection)


def grant(engine: Engine, api: str, agents: str) -> None:
    """Run them in one transaction, as the owner. Raises RoleRefused, also where one of the logins is not there."""
    try:
        with engine.begin() as connection:
            apply(connection, api, agents)
    except ProgrammingError:
        raise RoleRefused("one of the logins is not there: create both first (docs/operations/postgresql.md)") from None
