"""What somebody with a stolen database login can do and can't: the table in docs/operations/postgresql.md, played.

The logins are those that `deploy/postgresql/data.sh` makes and `database upgrade` grants. Each attempt is a transaction of
its own, which is rolled back.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL

from tests.agents.worlds import ROOT
from tests.muniment.test_containers import address, spelled, upgraded

__all__ = ["address"]

pytestmark = pytest.mark.one_database("postgresql", reason="SQLite has no logins")

PAGE = ROOT / "docs/operations/postgresql.md"
LOGINS = ("muniment_api", "muniment_agents", "muniment_owner")
ATTEMPTS = {
    "change an entry of the audit log": "UPDATE audit_events SET leaf = leaf",
    "delete an entry of the audit log": "DELETE FROM audit_events",
    "delete an entry through the function for archived ones": "SELECT public.muniment_remove_archived(256)",
    "put a made-up entry into the table": "INSERT INTO audit_events SELECT {id}, '', '', now(), 'x.y',"
    " 'SECURITY_EVENT', 'SUCCESS', 'x', 'PLATFORM', NULL, {id}",
    "empty the audit log": "TRUNCATE audit_events",
    "delete places of the log": "DELETE FROM audit_sequence",
    "insert a checkpoint": "INSERT INTO audit_checkpoints VALUES (1, sha256(''), '', now())",
    "change a checkpoint": "UPDATE audit_checkpoints SET note = note",
    "delete a checkpoint": "DELETE FROM audit_checkpoints",
    "change a hash of the log": "UPDATE audit_tiles SET hashes = hashes",
    "forget who an entry was about": "DELETE FROM audit_personal",
    "empty the job queue": "TRUNCATE dbos.workflow_status CASCADE",
    "hang a trigger on the job queue": "CREATE TRIGGER t AFTER UPDATE ON dbos.workflow_status EXECUTE FUNCTION"
    " pg_catalog.suppress_redundant_updates_trigger()",
    "add a job to the queue": "INSERT INTO dbos.workflow_status (workflow_uuid, serialization) VALUES ('x', 'muniment_ids_1')",
    "delete a job from the queue": "DELETE FROM dbos.workflow_status",
    "take triggers off a table": "ALTER TABLE sessions DISABLE TRIGGER ALL",
    "take a constraint off a table": "ALTER TABLE outages DROP CONSTRAINT muniment_readable",
    "drop a table": "DROP TABLE sessions",
    "make a table": "CREATE TABLE public.mine (id int)",
    "make a temporary table": "CREATE TEMPORARY TABLE mine (id int)",
    "make a function": "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "replace a function of ours": "CREATE OR REPLACE FUNCTION public.muniment_remove_archived(up_to bigint) RETURNS bigint"
    " LANGUAGE sql AS 'SELECT 1::bigint'",
    "make a large object": "SELECT lo_create(0)",
    "become the owner": "SET ROLE muniment_owner",
    "become the other login": "SET ROLE {other}",
    "become superuser": "ALTER ROLE CURRENT_USER SUPERUSER",
    "make a login": "CREATE ROLE mine LOGIN",
    "run a program on the server": "COPY audit_lease TO PROGRAM 'true'",
    "read a file of the server": "SELECT pg_read_file('/etc/passwd')",
    "read password verifiers": "SELECT rolpassword FROM pg_authid",
    "end a connection of the other login": "SELECT pg_terminate_backend({pid})",
    "give somebody a job": "INSERT INTO role_assignments (id, staff_id, role, assigned_at) VALUES ({id}, {id}, 'SECURITY', now())",
    "take somebody's job": "DELETE FROM role_assignments",
    "add a member of staff": "INSERT INTO staff_members SELECT {id}, now(), '', '', ''",
    "write over a contributor's password": "UPDATE contributors SET password_hash = password_hash",
    "close or open an account": "UPDATE contributors SET status = status",
    "let a session be somebody else's": "UPDATE sessions SET subject_id = subject_id",
    "let a session that has ended go on": "UPDATE sessions SET revoked_at = NULL",
    "make a session": "INSERT INTO sessions (id, token_hash, kind, subject_id, created_at, expires_at)"
    " VALUES ({id}, sha256(''), 'CONTRIBUTOR', {id}, now(), now())",
    "widen the scopes of an API key": "UPDATE api_keys SET scopes = scopes",
    "remove somebody's second factor": "DELETE FROM second_factors",
    "add a second factor": "INSERT INTO second_factors (id, kind, subject_id, secret, enrolled_at)"
    " VALUES ({id}, 'STAFF', {id}, '', now())",
    "grant somebody access": "INSERT INTO access_grants (id, subject_id, grantee_id, role, scope, reason, decider, status,"
    " justification, requested_at, expires_at) VALUES ({id}, {id}, {id}, 'SUPPORT', 'ACCOUNT', 'SUPPORT_TICKET', 'OWNER',"
    " 'ACTIVE', '', now(), now())",
    "activate a grant of access": "UPDATE access_grants SET status = 'ACTIVE'",
    "prolong a grant of access": "UPDATE access_grants SET expires_at = expires_at",
    "let somebody into a project": "INSERT INTO project_members VALUES ({id}, {id}, {id}, 'VIEWER', now())",
    "bring a policy into force": "INSERT INTO policy_changes (id, hash, origin, follows, proposed_at) VALUES ({id}, 'x', 'FILE', 0, now())",
    "change a text of the policy": "UPDATE policy_versions SET source = source",
    "end a lock-down": "UPDATE lockdowns SET status = 'ENDED'",
    "forget a deletion": "DELETE FROM deletions",
    "forget a legal hold": "DELETE FROM legal_holds",
    "release a legal hold": "UPDATE legal_holds SET released_at = now()",
    "forget an incident": "DELETE FROM incidents",
    "close an incident": "UPDATE incidents SET closed_at = now()",
    "forget a finding": "DELETE FROM findings",
    "approve a service": "UPDATE services SET approved_at = now()",
    "grant room for files": "UPDATE quotas SET most_bytes = most_bytes",
    "change the revision of the tables": "UPDATE alembic_version SET version_num = version_num",
    "lock a table against everybody": "LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE",
    "lift one's own time limits": "SET statement_timeout = 0",
    "lift one's own time limits for good": "ALTER ROLE CURRENT_USER SET statement_timeout = 0",
    "change one's own password": "ALTER ROLE CURRENT_USER PASSWORD 'x'",
    "ring the product's channel": "NOTIFY muniment",
    "hold an advisory lock": "SELECT pg_try_advisory_lock(1)",
}
"""What is tried, as SQL; `pid` is a process of the `other` login's, and `id` any."""

DATABASES = ("postgres", "template1")


@pytest.fixture
def laid_out(address: URL, home: Path) -> Iterator[URL]:
    """The database with tables and grants, as its owner."""
    code, said = upgraded(home, spelled(address), "--grant-api", "muniment_api", "--grant-agents", "muniment_agents")
    assert code == 0, said
    yield address


def documented() -> dict[str, list[str]]:
    """What the page says of each attempt, login by login."""
    section = PAGE.read_text().partition("## What a stolen login can do")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|$", section, re.MULTILINE)
    return {attempt: list(results) for attempt, *results in rows if attempt not in ("attempt", "---")}


def connect(address: URL, login: str, database: str = "muniment") -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(spelled(address.set(drivername="postgresql", username=login, database=database)))


def result(connection: "psycopg.Connection[tuple[object, ...]]", statement: str) -> str:
    """How an attempt ends: refused for want of a right, or done, as far as rights go."""
    try:
        connection.execute(statement.encode())
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException):
        return "refused"
    except psycopg.errors.IntegrityError:
        return "done"  # it was allowed, and only the row made for the test does not fit
    except psycopg.errors.DatabaseError as error:
        return "refused" if error.sqlstate == "MU001" else f"{error.sqlstate}: {error}"
    finally:
        connection.rollback()
    return "done"


def told(statement: str, other: "psycopg.Connection[tuple[object, ...]]") -> str:
    """An attempt as it is sent, with another login's connection beside it."""
    pid, login = str(other.info.backend_pid), other.info.user
    return statement.replace("{pid}", pid).replace("{other}", login).replace("{id}", "gen_random_uuid()")


def test_each_login_does_what_the_page_says_and_no_more(laid_out: URL) -> None:
    """Attempt by attempt, and login by login."""
    found: dict[str, list[str]] = {}
    with ExitStack() as stack:
        api, agents, owner = (stack.enter_context(connect(laid_out, login)) for login in LOGINS)
        for attempt, statement in ATTEMPTS.items():
            found[attempt] = [
                result(connection, told(statement, other))
                for connection, other in ((api, agents), (agents, api), (owner, api))
            ]
    for database in DATABASES:
        found[f"connect to the database `{database}`"] = [reached(laid_out, login, database) for login in LOGINS]
    rows = "\n".join(f"| {attempt} | {' | '.join(results)} |" for attempt, results in found.items())
    assert found == documented(), f"the page does not say what was found:\n{rows}"


def reached(address: URL, login: str, database: str) -> str:
    """Whether a login is let into another database of the server."""
    try:
        connect(address, login, database).close()
    except psycopg.OperationalError as error:
        assert "permission denied for database" in str(error)
        return "refused"
    return "done"
