"""Keys are rotated by a second process, killed and begun again, while a server is used: no call fails, ever."""

import itertools
import random
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.servers import PATIENCE, Server, serving, wait_for
from tests.forks import Forked
from tests.world import ROOT, TEXT, Person

CACHE_SECONDS = 0.3
ROTATE = f"""
import sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from muniment import keys
from resolvers.keys import KINDS
from muniment.variables import load
from storage import rotations
rotations.PATIENCE = 2.0
settings = load(home=Path(sys.argv[1]), database_url=sys.argv[2], key_cache_seconds={CACHE_SECONDS})
list(keys.rotate(settings, kinds=KINDS, kek=settings.kek_uri, say=lambda line: print(line, flush=True)))
"""
WAITING = ("known everywhere", "the old ones unused")
"""Steps in which nothing changes: once what is cached has ended, before their second line, each call is like the last."""

IDLE = 8
"""Of how many turns somebody takes one then. At each change, and until it is known, they take every one."""

TITLES = """query($after: String) { projects { edges { node {
    assets(first: 100, after: $after) { edges { node { id title } } pageInfo { endCursor hasNextPage } }
} } } }"""
READ = "{ projects { edges { node { name assets { edges { node { title fileName } } } } } } }"


class Load:
    """Somebody who reads and writes without pause, and keeps what went wrong. While `idle`, only now and then."""

    def __init__(self, server: Server, name: str, idle: threading.Event) -> None:
        self.api = server.api
        self.person: Person = self.api.register(name)
        self.project = self.api.project(self.person, name)
        self.asset = self.api.asset(self.person, self.project, title=name)
        self.name, self.idle = name, idle
        self.made = {self.asset: name}
        self.rounds = 0
        self.problems: list[str] = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        for turn in itertools.count():
            if self.ending.wait(0.05):  # a person, not a flood
                return
            if self.idle.is_set() and turn % IDLE:
                continue
            try:
                self._round()
                self.rounds += 1
            except Exception as problem:
                self.problems.append(repr(problem))

    def _round(self) -> None:
        found = self.api.ask(READ, self.person).data["projects"]["edges"]
        assert [edge["node"]["name"] for edge in found] == [self.name]
        content = self.api.client.get(self.api.content_url(self.person, self.asset))
        assert content.content == TEXT
        self.made[self.api.asset(self.person, self.project, title=f"round {self.rounds}")] = f"round {self.rounds}"
        if self.rounds % 10 == 0:
            assert self.api.sign_in(self.person.email).data["it"]["viewer"]["kind"] == "CONTRIBUTOR"

    def titles(self) -> dict[str, str]:
        """Of everything that is there now."""
        found: dict[str, str] = {}
        page = {"endCursor": None, "hasNextPage": True}
        while page["hasNextPage"]:
            [project] = self.api.ask(TITLES, self.person, after=page["endCursor"]).data["projects"]["edges"]
            page = project["node"]["assets"]["pageInfo"]
            found |= {edge["node"]["id"]: edge["node"]["title"] for edge in project["node"]["assets"]["edges"]}
        return found


def rotate(server: Server, database_url: str, idle: threading.Event, until: Callable[[str], bool]) -> str:
    """Run a rotation, and kill it at the first line of which `until` is true; answers what it said."""
    command = ["-c", ROTATE, server.home, database_url]
    told = ""
    with Forked(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                told += line
                (idle.set if only_waits(line) else idle.clear)()
                if until(line):
                    break
            else:
                process.wait(PATIENCE)
        finally:
            idle.clear()
            process.kill()
    return told


def only_waits(line: str) -> bool:
    """Whether the rotation says that it waits on: not that it begins to, nor that it has done so."""
    return line.startswith(WAITING) and ": 0 %" not in line and ": 100 %" not in line


@pytest.mark.timeout(600)
def test_no_call_fails_while_keys_are_rotated_and_the_rotation_is_killed(
    home: Path, database_url: str, chance: random.Random
) -> None:
    """Killed at a step picked at random, then brought to its end; everything that was written is there afterwards."""
    steps = ["wrapped anew", "new keys", "known everywhere", "in use", "the old ones unused", "sealed anew"]
    with serving(home, database_url, key_cache_seconds=CACHE_SECONDS) as server:
        idle = threading.Event()
        loads = [Load(server, name, idle) for name in ("ada", "bo", "cy")]
        for load in loads:
            load.thread.start()
        try:
            fatal = chance.choice(steps)
            rotate(server, database_url, idle, lambda line: line.startswith(fatal))
            wait_for(lambda: all(load.rounds or load.problems for load in loads))
            told = rotate(server, database_url, idle, lambda line: False)
        finally:
            for load in loads:
                load.ending.set()
            for load in loads:
                load.thread.join(PATIENCE)
        assert "have new keys only" in told, told
        assert [load.problems for load in loads] == [[], [], []]
        for load in loads:
            assert load.titles() == load.made
        assert server.told()["keys.rotated"] >= 2
