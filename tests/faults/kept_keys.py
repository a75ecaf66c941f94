"""A busy server beside commands, looked at from outside: its locks, its write-ahead logs, and what it has acknowledged."""

import itertools
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.faults.servers import PATIENCE, Callers, Server, wait_for
from tests.forks import Forked
from tests.world import ROOT, TEXT, Person

LONGEST_COMMAND = 4 * PATIENCE
"""Seconds: a rotation goes over everything until a whole pass finds nothing, while others write and are waited for."""

SEALED_WITHIN, CACHE_SECONDS = 6.0, 0.3

SHORT_WAITS = f"""
from storage import rotations, work
work.SEALED_WITHIN = {SEALED_WITHIN}
rotations.PATIENCE = work.SEALED_WITHIN + 1
rotations._MARGIN = 0.2
"""
"""A rotation waits for minutes otherwise: as long as a unit of work may take, which is made shorter for all alike."""

BY_HAND = r"""
import os, sys
def by_hand(event, arguments):
    if event in ("open", "os.remove", "os.rename", "os.truncate", "os.link", "shutil.copyfile"):
        for path in arguments[:2]:
            if str(path).endswith((".sqlite3", ".sqlite3-wal", ".sqlite3-shm")):
                if event != "open" or not arguments[2] & os.O_EXCL:
                    os.write(2, f"Traceback: {event} of a database by hand\n".encode())
                    raise RuntimeError(f"{event} of a database by hand: {path}")
sys.addaudithook(by_hand)
from storage.keys import stores
first_init, opened = stores.KeyStore.__init__, []
def once(self, *given, **named):
    first_init(self, *given, **named)
    opened.append(self)
    places = [str(each.engine.url) for each in opened if each.engine is not None]
    if len(set(places)) < len(places):
        os.write(2, b"Traceback: a key store was opened twice\n")
stores.KeyStore.__init__ = once
first_close = stores.KeyStore.close
def close(self):
    first_close(self)
    if self in opened:
        opened.remove(self)
stores.KeyStore.close = close
"""
"""In every process of these tests: SQLite alone opens a database's files, and a key store is opened once at a time."""

COMMAND = f"""
import warnings
warnings.simplefilter("ignore")
{BY_HAND}
{SHORT_WAITS}
import muniment.__main__
"""

BUSY = f"""
from datetime import timedelta
{BY_HAND}
{SHORT_WAITS}
from muniment import controls, tidying
tidying._EVERY_SECONDS, controls._EVERY = 2.0, timedelta(0)
"""
"""For a server: every scheduled job in each round, the daily ones too, and a round every few seconds."""


def posix_locks(pid: int, path: Path) -> list[str]:
    """The POSIX locks of a process on a file, as /proc/locks shows them: kind, and where each begins and ends."""
    inode = path.stat().st_ino
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" not in line)
    return [
        " ".join(words[3:4] + words[6:])
        for words in lines
        if words[1] == "POSIX" and int(words[4]) == pid and int(words[5].rsplit(":", 1)[1]) == inode
    ]


def open_logs(pid: int, path: Path) -> set[tuple[str, int]]:
    """Name and inode of each write-ahead log of a database, and of its index, that a process has open."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            link, inode = os.readlink(entry), entry.stat().st_ino  # noqa: PTH115 - of a deleted file, no path
        except FileNotFoundError:
            continue
        if link.startswith((f"{path}-wal", f"{path}-shm")):
            found.add((link, inode))
    return found


def hold(pid: int, path: Path) -> list[str]:
    """What is wrong with a process's hold on a database that it serves from: locks gone, or a log that is not on disk."""
    problems = [] if any(each.startswith("READ") for each in posix_locks(pid, path)) else [f"{path.name}: no lock"]
    logs = open_logs(pid, path)
    for suffix in ("-wal", "-shm"):
        there = Path(f"{path}{suffix}")
        expected = {(str(there), there.stat().st_ino)} if there.exists() else set()
        if {each for each in logs if each[0].startswith(str(there))} != expected:
            problems.append(f"{there.name}: {logs} is open, and {expected} on disk")
    return problems


def databases(server: Server) -> list[Path]:
    """The SQLite files that a server has open."""
    return [server.home / "keys" / "keys.sqlite3", *(server.home / "data").glob("*.sqlite3")]


@dataclass
class Ran:
    """A command that was run."""

    arguments: tuple[str, ...]
    code: int
    said: str


class Commands:
    """Runs commands beside a server, as an operator would."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ran: list[Ran] = []
        self._numbers = itertools.count()

    def run(self, *arguments: str) -> Ran:
        """Run one to its end, whatever the server does meanwhile."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
        process = Forked(
            ["-c", COMMAND, *arguments, "--home", str(self.server.home)],
            cwd=ROOT,
            env=environment | self.server._set,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        with process:
            said, _ = process.communicate(timeout=LONGEST_COMMAND)
        done = Ran(arguments, process.returncode, said)
        self.ran.append(done)
        return done

    def one(self, number: int) -> Ran:
        """One of those that operators run now and then, in turn."""
        email = f"staff{number}@example.org"
        return self.run(*(
            ("keys", "status"), ("staff", "add", "--email", email, "--role", "support"), ("doctor",), ("scrub",),
            ("backup", "take"), ("audit", "reconcile"),
        )[number % 6])  # fmt: skip

    def failures(self) -> list[str]:
        """Those that did not do what they are for. `doctor` may find other things amiss than keys and their files."""
        found = []
        for each in self.ran:
            doctor = each.arguments == ("doctor",)
            amiss = [line for line in each.said.splitlines() if line.startswith(("BAD  keys", "BAD  open files"))]
            if amiss or "Traceback" in each.said or (each.code != 0 and not doctor):
                found.append(f"{each.arguments} ended with {each.code}: {each.said[-2000:]}")
        return found


@dataclass
class Made:
    """What a caller was told is there: a person, and by project its name and assets."""

    person: Person
    projects: dict[str, str] = field(default_factory=dict)
    assets: list[str] = field(default_factory=list)


class Load:
    """Callers who register, make projects and send files, with a pause between two, and keep what was acknowledged."""

    def __init__(self, url: str, callers: int = 3, pause: float = 0.0) -> None:
        self.url = url
        self.pause = pause
        self.made: list[Made] = []
        self.calls: Counter[str] = Counter()
        self.problems: list[str] = []
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(callers)]

    def _run(self, number: int) -> None:
        api = Callers(self.url)
        with closing(api.client):
            for turn in itertools.count():
                if self._ending.wait(self.pause):
                    return
                try:
                    self._round(api, f"caller{number}x{turn}")
                except httpx2.TransportError:
                    self.calls["cut off"] += 1
                    time.sleep(0.1)
                except Exception as problem:
                    self.problems.append(repr(problem)[:2000])
                    time.sleep(0.1)

    def _round(self, api: Callers, name: str) -> None:
        made = Made(api.register(name))
        self.made.append(made)
        for number in range(3):
            title = f"{name} {number}"
            made.projects[api.project(made.person, title)] = title
            made.assets.append(api.asset(made.person, [*made.projects][-1], title=title))
            self.calls["acknowledged"] += 1

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Calls for as long as the block runs."""
        for each in self._threads:
            each.start()
        try:
            yield self
        finally:
            self._ending.set()
            for each in self._threads:
                each.join(PATIENCE)


def unopened(api: Callers, made: list[Made]) -> list[str]:
    """What was acknowledged and does not open: names of projects, bytes of files."""
    problems = []
    for each in made:
        found = api.ask("{ projects { edges { node { id name } } } }", each.person)
        names = {edge["node"]["id"]: edge["node"]["name"] for edge in found.data["projects"]["edges"]}
        problems += [
            f"project {one} of {each.person.name}" for one in each.projects if names.get(one) != each.projects[one]
        ]
        for asset in list(each.assets):
            content = api.client.get(api.content_url(each.person, asset))
            if content.status_code != 200 or content.content != TEXT:
                problems.append(f"asset {asset} of {each.person.name}: {content.status_code}")
    return problems


def missing_keysets(server: Server) -> set[tuple[str, str]]:
    """The keysets that rows of contributors, projects and files refer to, and the key store lacks."""
    tables = {"contributor": "contributors", "project": "projects", "blob": "blobs"}
    referred = {(kind, id_) for kind, table in tables.items() for id_ in server.ids(table)}
    return referred - server.keysets()


@dataclass
class Report:
    """What came of it."""

    kills: int = 0
    acknowledged: int = 0
    cut_off: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def kill_beside_commands(server: Server, kills: int, chance: random.Random) -> Report:
    """Kill a busy server again and again while commands run, and ask each time for what was acknowledged since."""
    report, ending, commands = Report(), threading.Event(), Commands(server)

    def run_commands() -> None:
        for number in itertools.count():
            if ending.is_set():
                return
            commands.one(number)

    def rotate() -> None:
        while not ending.wait(chance.uniform(0.5, 3)):
            commands.run("keys", "rotate", "--keysets")

    threads = [threading.Thread(target=run_commands), threading.Thread(target=rotate)]
    for each in threads:
        each.start()
    everything: list[Made] = []
    try:
        for _ in range(kills):
            with Load(str(server.api.client.base_url)).running() as load:
                wait_for(lambda load=load: load.calls["acknowledged"] or load.problems)  # type: ignore[misc]
                time.sleep(chance.uniform(0, 3))
                for path in databases(server):
                    report.problems += hold(server.pid, path)
                server.kill()
            server.start()
            report.kills += 1
            report.cut_off += load.calls["cut off"]
            report.acknowledged += load.calls["acknowledged"]
            report.problems += load.problems + unopened(server.api, load.made)
            report.problems += map(str, missing_keysets(server))
            everything += load.made
    finally:
        ending.set()
        for each in threads:
            each.join(LONGEST_COMMAND)
    server.kill()
    server.start()
    report.problems += unopened(server.api, everything) + commands.failures()
    report.commands = Counter(" ".join(each.arguments[:2]) for each in commands.ran)
    return report


def rotate_beside_load(server: Server, rounds: int) -> Report:
    """Rotate all keys again and again beside a busy server and other commands; then start it once more."""
    report, commands, ending = Report(), Commands(server), threading.Event()

    def run_others() -> None:
        for number in itertools.count():
            if ending.wait(0.5):
                return
            commands.one(number)

    others = threading.Thread(target=run_others)
    # A rotation takes as long as there are keysets: without the pause each round would take longer than the one before.
    with Load(str(server.api.client.base_url), pause=1.0).running() as load:
        others.start()
        try:
            for _ in range(rounds):
                commands.run("keys", "rotate", "--keysets", "--lookups")
                for path in databases(server):
                    report.problems += hold(server.pid, path)
        finally:
            ending.set()
            others.join(LONGEST_COMMAND)
    report.cut_off, report.acknowledged = load.calls["cut off"], load.calls["acknowledged"]
    report.problems += load.problems + unopened(server.api, load.made) + commands.failures()
    for end in (stop, Server.kill):
        end(server)
        server.start()
        report.problems += unopened(server.api, load.made)
        report.problems += map(str, missing_keysets(server))
    report.commands = Counter(" ".join(each.arguments[:2]) for each in commands.ran)
    return report


def stop(server: Server) -> None:
    """Ask a server to end, and wait until it has."""
    assert server.process is not None
    server.process.terminate()
    wait_for(lambda: server.process is None or server.process.poll() is not None)
    server.process = None
