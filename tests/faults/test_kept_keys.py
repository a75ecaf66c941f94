"""Keys are never lost: not by a scheduled job, not by a command beside a server, not by kill -9 (decision 79).

KEPT_KEYS_KILLS and KEPT_KEYS_ROTATIONS say how often a server is killed, and keys are rotated; `make keys` does 100 and 20.
"""

import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pyrage
import pytest
import typer.main

from muniment.cli import app
from muniment.tidying import Tidying
from storage.open_files import Fault, faulty_holders
from tests.faults import kept_keys
from tests.faults.kept_keys import Commands, databases, hold, kill_beside_commands, open_logs, rotate_beside_load, stop
from tests.faults.servers import THRIFTY, Server, wait_for

KILLS, ROTATIONS = (int(os.environ.get(f"KEPT_KEYS_{name}", few)) for name, few in (("KILLS", "3"), ("ROTATIONS", "2")))
ON_SQLITE = pytest.mark.one_database("sqlite", reason="locks and write-ahead logs are SQLite's")
START, MAIN = THRIFTY.rsplit("\n", 2)[0], "\nimport muniment.__main__\n"

STEP_BY_STEP = """
import pathlib, time
place = pathlib.Path(__import__("os").environ["TEST_HOME"])
usual = tidying.Tidying.tasks
def announced(name, do):
    def run():
        try:
            do()
        finally:
            mark = place / f"job {name}"
            mark.touch()
            while mark.exists():
                time.sleep(0.01)
    return run
tidying.Tidying.tasks = lambda self: {name: announced(name, do) for name, do in usual(self).items()}
"""
"""After each scheduled job a server waits until it was looked at."""


class Busy(Server):
    """A server whose scheduled jobs run all the time, backups and rotation among them."""

    program = ("-c", START + kept_keys.BUSY + MAIN)


class Watched(Server):
    """One whose scheduled jobs are looked at one by one."""

    program = ("-c", START + kept_keys.BUSY + STEP_BY_STEP + MAIN)


@contextmanager
def serving(kind: type[Server], home: Path, database_url: str, **settings: Any) -> Iterator[Server]:
    places = {"backup_dir": home / "backups", "key_backup_dir": home / "key-backups", "backup_hours": 0.25}
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    given = {
        "key_cache_seconds": kept_keys.CACHE_SECONDS,
        "backup_recipient": recipient,
        "key_backup_days": 1,
        **places,
    }
    server = kind(home, database_url, **given, **settings)
    server._set |= {"TEST_HOME": str(home), "MUNIMENT_ARCHIVE_DIR": str(home / "archive")}
    try:
        server.start()
        yield server
    finally:
        server.close()
        shutil.rmtree(server.temporary)


COMMANDS: dict[str, tuple[str, ...]] = {
    "audit export": ("{tmp}/trail.json",),
    "audit reconcile": (),
    "audit show": (),
    "backup list": (),
    "backup take": (),
    "backup verify": ("{backup}", "--identity", "{identity}"),
    "changes list": (),
    "changes reconcile": (),
    "changes show": (),
    "controls run": (),
    "database upgrade": (),
    "demo": ("--url", "http://127.0.0.1:9"),
    "detect set-aside": (),
    "detect status": (),
    "doctor": (),
    "evidence check": (),
    "evidence pack": ("{tmp}/pack.zip", "--from", "2026-01-01"),
    "evidence population": ("accounts", "--from", "2026-01-01"),
    "evidence sample": ("accounts", "--from", "2026-01-01"),
    "import": ("{identity}", "--email", "ada@example.org"),
    "incident drill": ("--seconds", "1"),
    "incident metrics": (),
    "keys rotate": ("--keysets", "--lookups", "--sessions", "--signing"),
    "keys status": (),
    "lockdown off": (),
    "lockdown on": ("--reason", "to see whether locks are kept"),
    "lockdown status": (),
    "policy diff": ("policy.polar", "--live"),
    "policy explain": ("--as", "anonymous", "--action", "read", "--on", "Project", "--live"),
    "policy sql": ("--as", "anonymous", "--on", "Project", "--live"),
    "quota grant": ("--email", "nobody@example.org", "--files", "7"),
    "quota recount": (),
    "quota show": (),
    "restore": ("--data", "{backup}", "--identity", "{identity}"),
    "scrub": (),
    "serve": ("--port", "8119"),
    "services assess": ("model", "{identity}", "--by", "nobody@example.org"),
    "services disable": ("model", "--by", "nobody@example.org"),
    "services enable": ("model", "--by", "nobody@example.org"),
    "services list": (),
    "services register": ("{identity}", "--by", "nobody@example.org"),
    "staff add": ("--email", "pam@example.org", "--role", "support"),
    "staff assign": ("--email", "pam@example.org", "--role", "privacy"),
    "staff enrol": ("--email", "pam@example.org"),
    "staff remove": ("--email", "pam@example.org"),
    "staff revoke": ("--email", "pam@example.org", "--role", "support"),
    "work": (),
}
"""Every command that takes a home, with arguments: those that refuse have opened the databases before, or do not."""


def with_home(command: click.Command, *path: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from with_home(each, *path, name)
    elif any(each.name == "home" for each in command.params):
        yield " ".join(path)


def test_every_command_with_a_home_is_tried() -> None:
    """One that is new is entered above."""
    assert set(with_home(typer.main.get_command(app))) == set(COMMANDS)


@ON_SQLITE
@pytest.mark.timeout(1800)
def test_no_job_and_no_command_takes_locks_or_log_from_a_server(home: Path, database_url: str, tmp_path: Path) -> None:
    """Looked at in /proc after each: what the server has open is what lies on disk, and it is locked."""
    jobs = [*Tidying.tasks(_Nothing())]  # type: ignore[arg-type]
    with serving(Watched, home, database_url, key_rotation_days=1e-6) as server:
        ada = server.api.register("ada")
        server.api.asset(ada, server.api.project(ada))
        for job in [*jobs, *jobs]:
            mark = home / f"job {job}"
            wait_for(mark.exists)
            assert {path.name: hold(server.pid, path) for path in databases(server)} == {
                path.name: [] for path in databases(server)
            }, job
            mark.unlink()
        assert "a task failed" not in server.log.read_text()
        assert "Traceback" not in server.log.read_text()
        for name in ("controls.checked", "backup.taken", "keys.rotated"):
            assert server.told()[name], name
    with serving(Server, home, database_url) as server:
        commands = Commands(server)
        identity = pyrage.x25519.Identity.generate()
        (tmp_path / "identity").write_text(str(identity))
        server._set["MUNIMENT_BACKUP_RECIPIENT"] = str(identity.to_public())
        commands.run("backup", "take")
        backup = max((home / "backups").glob("data-*"))
        words = {"tmp": str(tmp_path), "backup": str(backup), "identity": str(tmp_path / "identity")}
        before = {path: open_logs(server.pid, path) for path in databases(server)}
        for name, arguments in COMMANDS.items():
            ran = commands.run(*name.split(), *(each.format(**words) for each in arguments))
            assert "Traceback" not in ran.said, ran
            assert ran.code in (0, 1, 2), ran
            assert [problem for path in databases(server) for problem in hold(server.pid, path)] == [], ran
        assert {path: open_logs(server.pid, path) & before[path] for path in before} == before
        [doctor] = [each for each in commands.ran if each.arguments[0] == "doctor"]
        assert "ok   open files" in doctor.said and "ok   keysets" in doctor.said
        assert kept_keys.missing_keysets(server) == set()


class _Nothing:
    """Takes the place of what does the jobs, to have their names."""

    def __getattr__(self, name: str) -> Any:
        return self


@pytest.mark.timeout(1200 + 120 * KILLS)
def test_no_acknowledged_keyset_is_lost_when_a_server_is_killed_beside_commands(
    home: Path, database_url: str, chance: random.Random
) -> None:
    """Killed under load while keys are rotated, staff are added, backups taken: what was acknowledged opens each time."""
    with serving(Busy, home, database_url) as server:
        report = kill_beside_commands(server, KILLS, chance)
    print(report)  # noqa: T201 - with -s, and where it fails
    assert report.problems == []
    assert report.acknowledged and report.kills == KILLS


@pytest.mark.timeout(1200 + 120 * ROTATIONS)
def test_nothing_fails_while_keys_are_rotated_again_and_again_beside_commands(home: Path, database_url: str) -> None:
    """No call of three callers, and no command; everything opens afterwards, after a stop, and after a kill."""
    with serving(Busy, home, database_url) as server:
        report = rotate_beside_load(server, ROTATIONS)
    print(report)  # noqa: T201 - with -s, and where it fails
    assert report.problems == []
    assert report.acknowledged and report.commands["keys rotate"] == ROTATIONS


@ON_SQLITE
def test_a_log_that_is_gone_is_found_by_everybody_and_written_to_by_nobody(home: Path, database_url: str) -> None:
    """The server refuses at once, and says so where it is asked; `doctor` names it, and what it holds is not let go."""
    with serving(Server, home, database_url) as server:
        ada = server.api.register("ada")
        server.api.project(ada, "Autumn")
        keys = home / "keys" / "keys.sqlite3"
        held = open_logs(server.pid, keys)
        Path(f"{keys}-wal").unlink()
        refused = server.api.do("createProject", ada, name="Winter")
        assert refused.code == "UNAVAILABLE"
        ready = server.api.client.get("/health/ready")
        assert (ready.status_code, "write-ahead log of the key store" in ready.text) == (503, True)
        doctor = Commands(server).run("doctor")
        assert doctor.code == 1
        assert f"BAD  open files: process {server.pid}" in doctor.said
        assert Fault.LOG in {each.fault for each in faulty_holders(keys)}
        assert {inode for _, inode in open_logs(server.pid, keys)} == {inode for _, inode in held}
        wait_for(lambda: server.told()["outage.began"])
        stop(server)  # what it held is brought into the database as the last connection closes
        server.start()
        assert kept_keys.unopened(server.api, [kept_keys.Made(ada, {})]) == []
        names = server.api.ask("{ projects { edges { node { name } } } }", ada).data["projects"]["edges"]
        assert [edge["node"]["name"] for edge in names] == ["Autumn"]


@ON_SQLITE
def test_locks_that_are_gone_are_found_before_anything_is_lost(home: Path, database_url: str) -> None:
    """As a server of an earlier version lost them: `doctor` says so, and does not open what it would take the log from."""
    losing = """
from muniment import tidying, backups
import os, threading, time
def lose():
    while not os.path.exists(os.environ["TEST_HOME"] + "/lose"):
        time.sleep(0.05)
    os.close(os.open(os.environ["TEST_HOME"] + "/keys/keys.sqlite3", os.O_RDWR))
threading.Thread(target=lose, daemon=True).start()
"""
    kind = type("Losing", (Server,), {"program": ("-c", START + losing + MAIN)})
    with serving(kind, home, database_url) as server:
        keys = home / "keys" / "keys.sqlite3"
        before = open_logs(server.pid, keys)
        assert hold(server.pid, keys) == []
        (home / "lose").touch()
        wait_for(lambda: hold(server.pid, keys))
        doctor = Commands(server).run("doctor")
        assert doctor.code == 1
        assert "it has lost its locks" in doctor.said
        assert open_logs(server.pid, keys) == before
        time.sleep(0)
