"""What each component may do in PostgreSQL, table by table, so that one that was taken over can't do another's work.

Three logins: the owner of the tables lays them out and grants; the API and the agents are granted what they do, and no
more (`component_rights`). Nobody is granted to change an entry of the audit log. Its sealed personal side is written
anew with each rotation of keys.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from storage import row_checks
from storage.catalogue import models
from storage.component_rights import QUEUE, TABLES, Rights
from storage.database import looking
from storage.ledger import archiving
from storage.queue_tables import SCHEMA
from storage.records import Holding, Record

API, AGENTS = "api", "agents"
"""The components that have a login each, as a review of access calls them."""
KEEP = timedelta(days=365)
"""How old an entry of the audit log is at least before the agents may remove it, where nobody says otherwise."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

_ROTATED = frozenset(
    {("contributors", "email_lookup"), ("federated_identities", "name_lookup"), ("staff_members", "email_lookup")}
)
"""Columns that a rotation changes beside those that are sealed."""

_MAY_UPDATE = text("SELECT has_column_privilege(:table, :column, 'UPDATE')")


class RotationRefused(Exception):
    """This login may not change everything that is sealed, so that a rotation that it began would never end."""

    code = "ROTATION_REFUSED"


class RoleRefused(ValueError):
    """A name that no login of PostgreSQL's should have."""


def hashes() -> dict[str, str]:
    """Return what each component may do with every table, as a hash that changes with it."""
    return {component: sha256("\n".join(_lines(component)).encode()).hexdigest() for component in (API, AGENTS)}


def granted(component: str) -> dict[str, str]:
    """Return what a component is granted on each table of ours and of the queue, by `schema.table`."""
    found = {f"public.{model.__tablename__}": _granted(model, component) for model in models()}
    return found | {f"{SCHEMA}.{name}": getattr(rights, component) for name, rights in QUEUE.items()}


def split(rights: str) -> dict[str, list[str]]:
    """Return the rights that a GRANT names, each with its columns; no columns: all of them."""
    found: dict[str, list[str]] = {}
    right = ""
    for word in rights.replace(",", "").split():
        if word.isupper():
            right = word
            found[right] = []
        else:
            found[right].append(word.strip("()"))
    return found


def _lines(component: str) -> list[str]:
    lines = [f"{table}: {rights}" for table, rights in granted(component).items()]
    return [*lines, *([archiving.REMOVE] if component == AGENTS else [])]


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


def _granted(model: type[Record], component: str) -> str:
    """Return a component's rights on a table, with the columns that a rotation of keys writes anew."""
    rights: Rights = TABLES[model.__tablename__]
    named: str = getattr(rights, component)
    found = split(named)
    rotated = rotated_columns(model)
    if not rotated or found.get("UPDATE") == []:
        return named
    columns = sorted({*found.get("UPDATE", []), *rotated})
    found = {
        right: found.get(right, [])
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
        if right in found or right == "UPDATE"
    }
    found["UPDATE"] = columns
    return ", ".join(f"{right} ({', '.join(cols)})" if cols else right for right, cols in found.items())


def statements(api: str, agents: str, keep: timedelta = KEEP) -> Iterator[str]:
    """Return the SQL that grants the logins `api` and `agents` what they need, and takes from them all else.

    `keep` is how old entries of the audit log are at least before the agents may remove them. To be run by the owner,
    after each upgrade. Raises RoleRefused.
    """
    for name in (api, agents):
        if not _NAME.fullmatch(name):
            raise RoleRefused("a login is named with a-z, 0-9 and _")
    if api == agents:
        raise RoleRefused("the API and the agents have a login each")
    both = f"{api}, {agents}"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {both}"
    yield f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {both}"
    yield f"GRANT USAGE ON SCHEMA public, {SCHEMA} TO {both}"
    yield f"GRANT SELECT ON alembic_version TO {both}"
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {SCHEMA} FROM PUBLIC, {both}"
    for component, login in ((API, api), (AGENTS, agents)):
        for table, rights in granted(component).items():
            if rights:
                yield f"GRANT {rights} ON {table} TO {login}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {both}"
    yield from archiving.removal(keep)
    yield f"REVOKE ALL ON FUNCTION {archiving.REMOVE} FROM PUBLIC, {both}"
    yield f"GRANT EXECUTE ON FUNCTION {archiving.REMOVE} TO {agents}"


def apply(connection: Connection, api: str, agents: str, keep: timedelta = KEEP) -> None:
    """Run them, and constrain rows. The logins MUST be there, and the connection the owner's."""
    for statement in statements(api, agents, keep):
        connection.execute(text(statement))
    row_checks.apply(connection)


def grant(engine: Engine, api: str, agents: str, keep: timedelta = KEEP) -> None:
    """Run them in one transaction, as the owner. Raises RoleRefused, also where one of the logins is not there."""
    try:
        with engine.begin() as connection:
            apply(connection, api, agents, keep)
    except ProgrammingError:
        raise RoleRefused("one of the logins is not there: create both first (docs/operations/postgresql.md)") from None
