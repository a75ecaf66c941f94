"""The command line: quick to answer, plain when it can't do something, and never a traceback."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from muniment.cli import app
from muniment.homes import HomeInUse, claimed
from muniment.variables import load
from storage import set_aside
from storage.clock import now
from storage.database import open_engine, transaction
from storage.ids import new_id
from tests import forks

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments: str, afresh: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m muniment` as a person would start it; with `afresh` by an interpreter that has imported nothing yet."""
    command = ["-m", "muniment", *arguments]
    return forks.run(command, afresh=afresh, cwd=ROOT, env=os.environ | variables, text=True)


def test_help_names_every_command_without_importing_the_work() -> None:
    """`--help` answers at once: neither the server, nor the schema, nor a database layer is imported for it."""
    listing = (
        "import sys, muniment.cli; print([m for m in ('granian','strawberry','sqlalchemy','dbos') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for command in ("serve", "work", "demo", "doctor", "staff", "policy", "export", "schema"):
        assert command in shown.output


def test_a_server_loads_what_it_has_a_use_for() -> None:
    """Neither the agents, nor DBOS, nor what packs archives, reads pictures or YAML, issues certificates, sends traces,
    draws tracebacks or talks to PostgreSQL; and no method of an event is compiled, for nothing has happened yet.
    """
    late = ("agents.runtime", "dbos", "stream_zip", "PIL", "yaml", "cryptography.x509", "opentelemetry.sdk", "rich")
    late = (*late, "twisted", "psycopg")
    listing = f"""
import sys
from types import FunctionType
from muniment import cli, cli_words
def start(**_):
    cli_words.settings_of()
    import muniment.serve, muniment.app
    from storage.ledger.events import REGISTRY
    print([m for m in {late} if m in sys.modules])
    print([kind for kind in REGISTRY.values() if isinstance(vars(kind)["__init__"], FunctionType)])
cli.app = start
cli.main()
"""
    loaded = subprocess.run([sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.splitlines() == ["[]", "[]"]


def test_refused_settings_leave_with_code_2_and_sentences(tmp_path: Path) -> None:
    """Nothing is started or made, no traceback is shown, and the sentence says what to do."""
    home = tmp_path / "home"
    result = run("serve", "--home", str(home), MUNIMENT_ENV="production")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "MUNIMENT_KEK_URI names a key file on this machine" in result.stderr
    assert "The key store lies beside the data" in result.stderr
    assert "Traceback" not in result.stderr
    assert not home.exists()


def test_misspelt_variable_leaves_with_code_2() -> None:
    """A typo in the environment is refused by every command that reads settings."""
    result = run("doctor", MUNIMENT_PROT="1")
    assert (result.returncode, result.stdout) == (2, "")
    assert (
        result.stderr == "MUNIMENT_PROT (in the environment) is no setting of Muniment. Did you mean MUNIMENT_PORT?\n"
    )


def test_demo_names_files_that_are_not_there(tmp_path: Path) -> None:
    """A mistyped file is told before anything is asked of the server."""
    result = CliRunner().invoke(app, ["demo", str(tmp_path / "absent.png")])
    assert result.exit_code == 2
    assert "absent.png" in result.output


def test_unknown_role_is_refused_with_the_roles_there_are(tmp_path: Path) -> None:
    """No account is opened and no home made for a role that does not exist."""
    home = tmp_path / "home"
    result = CliRunner().invoke(
        app, ["staff", "add", "--email", "a@example.org", "--role", "emperor", "--home", str(home)]
    )
    assert result.exit_code == 2
    assert "There is no role emperor: auditor, privacy, security, support, sysadmin." in result.output
    assert not home.exists()


def test_one_process_at_a_time_runs_from_a_home_on_sqlite(tmp_path: Path) -> None:
    """A second server on the same SQLite home is refused while the first lives, and let in afterwards."""
    settings = load(home=tmp_path)
    with claimed(settings):
        refused = pytest.raises(HomeInUse, match="Another process is already running from")
        with refused, claimed(settings):
            pytest.fail("two processes held one home")
    with claimed(settings):
        assert (tmp_path / "data" / "process.lock").exists()


@pytest.mark.parametrize("shared", ["database_url", "key_store_url"])
def test_one_home_at_a_time_has_a_database_of_sqlite(tmp_path: Path, shared: str) -> None:
    """Another home that names the same file is refused, by a link as well; one with a file of its own is let in."""
    one = load(home=tmp_path / "one")
    with claimed(one):
        (tmp_path / "link").symlink_to(tmp_path / "one")
        for place in ("one", "link"):
            url = str(getattr(one, shared)).replace(str(tmp_path / "one"), str(tmp_path / place))
            with (
                pytest.raises(HomeInUse, match="with another home"),
                claimed(load(home=tmp_path / "two", **{shared: url})),
            ):
                pytest.fail("two homes had one file")
        with claimed(load(home=tmp_path / "two")):
            pass
    with claimed(load(home=tmp_path / "two", **{shared: getattr(one, shared)})):
        pass


def test_home_is_private(tmp_path: Path) -> None:
    """Data and keys lie in directories that only this user can enter."""
    os.umask(0)
    with claimed(load(home=tmp_path / "home")):
        made = [tmp_path / "home" / name for name in ("data", "keys", "data/blobs")]
        assert [place.stat().st_mode & 0o777 for place in made] == [0o700] * 3


def test_doctor_says_what_production_would_refuse(tmp_path: Path) -> None:
    """Every place and version is looked at; a missing directory is bad, a development key is told."""
    settings = load(home=tmp_path)
    with claimed(settings):
        pass
    sound = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path)])
    assert sound.exit_code == 0
    assert "would refuse: MUNIMENT_KEK_URI" in sound.output
    assert re.fullmatch(r"All \d+ findings are good\.", sound.output.splitlines()[-1])
    missing = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path / "elsewhere")])
    assert missing.exit_code == 1
    *lines, last = missing.output.splitlines()
    assert re.fullmatch(r"\d+ of \d+ findings are bad\.", last)
    assert [line[:3] for line in lines] == sorted((line[:3] for line in lines), reverse=True), "bad ones come last"
    assert "BAD" in missing.output


def test_what_loops_have_set_aside_is_listed(tmp_path: Path) -> None:
    """By id, with its cause and when it is tried again; nothing where nothing is."""
    listing = ("detect", "set-aside", "--home", str(tmp_path))
    none = run(*listing)
    assert (none.returncode, none.stdout) == (0, "Nothing is set aside.\n")
    item = new_id()
    engine = open_engine(load(home=tmp_path).database_url)
    with transaction(engine) as session:
        set_aside.add(session, "sentinel", item, "typeerror:agents.x:y", now())
        set_aside.add(session, "retention", new_id(), "valueerror:agents.z:y", now())
    engine.dispose()
    found = run(*listing)
    assert len(found.stdout.splitlines()) == 2
    assert found.stdout.startswith(f"sentinel  {item}  typeerror:agents.x:y  attempts 1  first 2")
    assert len(run(*listing, "--most", "1").stdout.splitlines()) == 1


def test_a_database_that_does_not_answer_is_told_in_a_sentence(tmp_path: Path) -> None:
    """The address, which may hold a password, is not repeated; the keys made meanwhile stay for the next start."""
    nowhere = f"postgresql+psycopg://app:hunter2@/muniment?host={tmp_path}"
    result = run("serve", "--home", str(tmp_path), "--port", str(_free_port()), MUNIMENT_DATABASE_URL=nowhere)
    assert result.returncode == 1
    assert "The database does not answer, or does not let us in: look at MUNIMENT_DATABASE_URL." in result.stderr
    assert "hunter2" not in result.stderr + result.stdout
    assert "sqlalchemy" not in result.stderr


def test_a_lost_key_is_told_in_a_sentence(first_start: Path, tmp_path: Path) -> None:
    """A key store whose key-encryption key is gone is never given a new one."""
    home = shutil.copytree(first_start, tmp_path / "home")
    (home / "keys" / "insecure-key-encryption-key.json").unlink()
    result = _add_staff(home, "two")
    assert result.returncode == 1
    assert "restore the file" in result.stderr
    assert "may now sign in" not in result.stdout


def test_staff_get_a_first_password_once(tmp_path: Path) -> None:
    """It is shown to whoever opens the account, by the first process too; the same address can't be opened twice."""
    for name, afresh in (("one", False), ("two", True)):
        first = _add_staff(tmp_path, name, afresh)
        assert first.returncode == 0
        assert f"{name}@example.org may now sign in. First password, shown this once: " in first.stdout
        assert f"otpauth://totp/muniment.local:{name}%40example.org?" in first.stdout
    again = _add_staff(tmp_path, "one")
    assert again.returncode == 1
    assert "An account with this e-mail exists." in again.stderr


@pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning")
def test_staff_get_another_second_factor(first_start: Path, tmp_path: Path) -> None:
    """Whoever runs the server hands it out, to staff alone, and it is another one."""
    home = shutil.copytree(first_start, tmp_path / "home")
    mara = ["--email", "mara@example.org", "--home", str(home)]
    hired = CliRunner().invoke(app, ["staff", "add", "--role", "support", *mara])
    again = CliRunner().invoke(app, ["staff", "enrol", *mara])
    uris = {word for shown in (hired, again) for word in shown.stdout.split() if word.startswith("otpauth://totp/")}
    assert len(uris) == 2
    nobody = CliRunner().invoke(app, ["staff", "enrol", "--email", "nobody@example.org", "--home", str(home)])
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "No member of staff has this e-mail." in nobody.stderr


def test_policy_check_names_file_and_line(tmp_path: Path) -> None:
    """A policy that can't be used is told where; one that can, by its version."""
    broken = tmp_path / "broken.polar"
    broken.write_text("allow(actor, action, resource) if\n")
    result = run("policy", "check", str(broken), afresh=True)
    assert result.returncode == 1
    assert "broken.polar:" in result.stderr
    sound = run("policy", "check")
    assert sound.returncode == 0
    assert "policy.polar holds together (version " in sound.stdout


def _add_staff(home: Path, name: str, afresh: bool = False) -> subprocess.CompletedProcess[str]:
    given = ("--email", f"{name}@example.org", "--role", "support", "--home", str(home))
    return run("staff", "add", *given, afresh=afresh)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
