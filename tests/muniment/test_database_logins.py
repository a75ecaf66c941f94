"""What `doctor` finds about the logins in PostgreSQL, and about what the key store's server keeps beside its tables."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url
from typer.testing import CliRunner

from muniment import posture
from muniment.cli import app
from storage.database import open_engine, transaction
from storage.granted_rights import deviations
from storage.keys.server_logging import Kept, kept
from storage.keys.stores import KeyStore
from tests.agents.test_login_attempts import laid_out
from tests.databases import PostgreSQL
from tests.muniment.test_containers import address, spelled

__all__ = ["address", "laid_out"]

pytestmark = [
    pytest.mark.one_database("postgresql", reason="SQLite has no logins"),
    pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning"),
]


@pytest.fixture
def alone(laid_out: URL, postgresql: PostgreSQL) -> Iterator[URL]:
    """Return the same on a server whose other databases refuse connections during the test, as on a dedicated server."""
    others = "SELECT datname FROM pg_database WHERE datallowconn AND has_database_privilege('public', oid, 'CONNECT')"
    names = [name for (name,) in postgresql._connection.execute(others.encode())]
    for name in names:
        postgresql._execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    yield laid_out
    for name in names:  # other tests take up what is idle now
        postgresql._execute(f"GRANT CONNECT ON DATABASE {name} TO PUBLIC")


def found(url: URL) -> list[str] | None:
    """What the API's login finds."""
    engine = open_engine(spelled(url.set(username="muniment_api")))
    with transaction(engine, read_only=True) as session:
        said = deviations(session)
    engine.dispose()
    return said


def as_superuser(url: URL, *statements: str) -> None:
    with psycopg.connect(spelled(url.set(drivername="postgresql", username="postgres")), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


WRONG = {
    "GRANT DELETE ON incidents TO muniment_api": "muniment_api has DELETE on public.incidents, which it should not",
    "GRANT UPDATE (subject_id, id) ON sessions TO muniment_agents": "muniment_agents has UPDATE (id, subject_id) on"
    " public.sessions, which it should not",
    "GRANT UPDATE ON contributors TO muniment_agents": "muniment_agents has UPDATE on public.contributors, which it should not",
    "GRANT TRUNCATE ON dbos.workflow_status TO muniment_api": "muniment_api has TRUNCATE on dbos.workflow_status, which it"
    " should not",
    "GRANT SELECT ON contributors TO PUBLIC": "PUBLIC is neither the API's login nor the agents', and has rights on"
    " public.contributors",
    "CREATE ROLE muniment_reader; GRANT SELECT ON ALL TABLES IN SCHEMA dbos TO muniment_reader": "muniment_reader is neither"
    " the API's login nor the agents', and has rights on dbos.application_versions, dbos.dbos_migrations,"
    " dbos.event_dispatch_kv and 10 more tables",
    "REVOKE UPDATE (revoked_at) ON sessions FROM muniment_api": "muniment_api lacks UPDATE (revoked_at) on public.sessions",
    "REVOKE INSERT ON projects FROM muniment_api": "muniment_api lacks INSERT on public.projects",
    "REVOKE EXECUTE ON FUNCTION muniment_remove_archived FROM muniment_agents": "muniment_agents lacks EXECUTE on"
    " public.muniment_remove_archived(bigint)",
    "GRANT EXECUTE ON FUNCTION muniment_remove_archived TO muniment_api": "muniment_api has EXECUTE on"
    " public.muniment_remove_archived(bigint), which it should not",
    "GRANT EXECUTE ON FUNCTION lo_create(oid) TO muniment_api": "muniment_api makes large objects, which it should not",
    "GRANT TEMPORARY ON DATABASE muniment TO muniment_api": "muniment_api makes temporary tables, which it should not",
    "GRANT CREATE ON SCHEMA public TO muniment_agents": "muniment_agents makes tables in public, which it should not",
    "ALTER ROLE muniment_agents CREATEROLE": "muniment_agents makes roles, which it should not",
    "GRANT muniment_owner TO muniment_api": "muniment_api is a member of muniment_owner",
    "GRANT CONNECT ON DATABASE template1 TO muniment_api": "muniment_api is let into other databases: template1",
}


def test_rights_that_are_too_much_or_missing_are_named(alone: URL) -> None:
    """One after the other: nothing before, that one afterwards."""
    assert found(alone) == []
    try:
        for number, (statement, said) in enumerate(WRONG.items()):
            as_superuser(alone, *statement.split("; "))
            assert said in (found(alone) or []), statement
            assert len(found(alone) or []) >= number + 1 - (number > 12)
    finally:
        as_superuser(
            alone,
            "DROP OWNED BY muniment_reader",
            "DROP ROLE muniment_reader",
            "REVOKE CONNECT ON DATABASE template1 FROM muniment_api",
        )


def doctor(home: Path, url: URL, login: str) -> tuple[int, str]:
    done = CliRunner().invoke(
        app, ["doctor", "--home", str(home)], env={"MUNIMENT_DATABASE_URL": spelled(url.set(username=login))}
    )
    return done.exit_code, done.output


def test_doctor_names_them(alone: URL, home: Path) -> None:
    """For each login the same; of the owner it says that nothing is refused to it."""
    for login in ("muniment_api", "muniment_agents"):
        assert "the API's and the agents' have the rights that are listed, no more" in doctor(home, alone, login)[1]
    assert "this login owns the tables" in doctor(home, alone, "muniment_owner")[1]
    as_superuser(alone, "GRANT DELETE ON ALL TABLES IN SCHEMA public TO muniment_api")
    code, said = doctor(home, alone, "muniment_agents")
    assert code == 1
    assert "muniment_api has DELETE on public.access_grants, which it should not" in said
    assert "more rights" in said


def test_a_command_says_that_its_login_may_not_do_it(alone: URL, home: Path) -> None:
    """And which may; with that one it is done, and nothing was done before."""
    command = ["staff", "add", "--email", "ops@example.org", "--role", "security", "--home", str(home)]
    for login, code in (("muniment_agents", 1), ("muniment_api", 0)):
        done = CliRunner().invoke(app, command, env={"MUNIMENT_DATABASE_URL": spelled(alone.set(username=login))})
        assert done.exit_code == code, done.output
        assert ("may not do this: docs/operations/postgresql.md says which command" in done.output) == bool(code)


LOGGED = {
    "log_statement = 'mod'": ["log_statement"],
    "log_statement = 'all'": ["log_statement"],
    "log_min_duration_statement = 0": ["log_min_duration_statement"],
    "log_min_duration_sample = 100": ["log_min_duration_sample"],
    "log_transaction_sample_rate = 0.01": ["log_transaction_sample_rate"],
    "log_parameter_max_length_on_error = 64": ["log_parameter_max_length_on_error"],
    "log_statement = 'ddl'": [],
}


@pytest.mark.parametrize("setting", LOGGED)
def test_what_the_key_stores_server_logs_is_named(postgresql: PostgreSQL, setting: str) -> None:
    """A wrapped keyset in a log outlives its destruction."""
    with postgresql.fresh_database() as url:
        as_superuser(make_url(url), f"ALTER ROLE postgres SET {setting}")
        try:
            store = KeyStore(url, may_be_new=True)
            [first, *_] = posture._server(store)
            assert kept(store) == Kept(LOGGED[setting], False)
            assert (first.good, all(each in first.text for each in LOGGED[setting])) == (not LOGGED[setting], True)
            store.close()
        finally:
            as_superuser(make_url(url), "ALTER ROLE postgres RESET ALL")


@pytest.mark.one_database("sqlite", reason="this is about a file")
def test_a_key_store_in_a_file_keeps_nothing_beside_it(tmp_path: Path) -> None:
    """There is no server."""
    store = KeyStore(f"sqlite:///{tmp_path}/keys.sqlite3", may_be_new=True)
    assert kept(store) is None
    assert list(posture._server(store)) == []
    store.close()
