"""The house under load: PostgreSQL, Valkey, a model's stand-in, two API processes and one of agents."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from sqlalchemy import Engine

from storage.database import open_engine
from storage.services import address_of
from tests.agents.standins import provider
from tests.databases import PostgreSQL
from tests.registered import enter_inside
from tests.services import valkey

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 900
_SAMPLE_SECONDS = 5.0


@dataclass
class Outage:
    """From `began` to `ended` (monotonic seconds) a process could not answer, since it was killed."""

    began: float
    ended: float = float("inf")


@dataclass
class Process:
    """One of the house's processes, over all its starts. `memory` is of the present start: (moment, MiB)."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    port: int | None = None
    popen: "subprocess.Popen[bytes] | None" = None
    told: int = 0
    """How long its log was when it was started last."""
    outages: list[Outage] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, without waiting."""
        self.memory, self.told = [], self.log.stat().st_size
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command, cwd=_ROOT, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does."""
        assert self.popen is not None  # noqa: S101
        self.outages.append(Outage(time.monotonic()))
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def wait_until_ready(self) -> None:
        """Wait until it answers that it is ready; the agents, until they say that they are at work."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline or not self.runs:
                raise SystemExit(f"{self.name} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)
        if self.outages:
            self.outages[-1].ended = time.monotonic()

    @property
    def runs(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def look(self) -> None:
        """Note how much memory it has."""
        assert self.popen is not None  # noqa: S101
        try:
            told = Path(f"/proc/{self.popen.pid}/status").read_text("utf-8")
        except OSError:
            return
        for line in told.splitlines():
            if line.startswith("VmRSS:"):
                self.memory.append((time.monotonic(), int(line.split()[1]) / 1024))

    def was_away(self, moment: float) -> bool:
        """Whether it was killed and not yet back then; a second more on both sides, for who was just being answered."""
        return any(each.began - 1 <= moment <= each.ended + 1 for each in self.outages)

    def _is_ready(self) -> bool:
        if self.port is None:
            return b"at work" in self.log.read_bytes()[self.told :]
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=10, trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False


@dataclass
class House:
    """All of it. `engine` looks into the database past the program."""

    home: Path
    settings: dict[str, str]
    engine: Engine
    apis: list[Process]
    agents: Process

    @property
    def all(self) -> list[Process]:
        return [*self.apis, self.agents]

    def torment(self, chance: random.Random, *, until: float, every: float) -> None:
        """Kill one after another at random, until that moment; each is started anew at once."""
        bag: list[Process] = []
        while True:
            self.watch(until=min(until, time.monotonic() + chance.uniform(0.6, 1.4) * every))
            if time.monotonic() >= until:
                return
            bag = bag or chance.sample(self.all, len(self.all))  # each has its turn
            victim = bag.pop()
            victim.kill()
            victim.start()
            victim.wait_until_ready()

    def watch(self, *, until: float) -> None:
        """Note what memory each has, until that moment. Raises SystemExit where one ended by itself."""
        while (now := time.monotonic()) < until:
            for each in self.all:
                if not each.runs:
                    raise SystemExit(f"{each.name} ended by itself:\n{each.log.read_text()[-4000:]}")
                each.look()
            time.sleep(min(_SAMPLE_SECONDS, max(0.0, until - now)))

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`python -m muniment …`, as an operator of this house runs it."""
        return subprocess.run(
            [sys.executable, "-m", "muniment", *arguments],
            cwd=_ROOT, env=self.agents.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip


@contextmanager
def house(place: Path) -> Iterator[House]:
    """A house that is ready; nothing of it runs on afterwards."""
    home = place / "home"
    with (
        PostgreSQL.running(durable=True) as server,
        server.fresh_database() as data,
        server.fresh_database("template1") as keys,
        valkey.running() as limits,
        provider() as model,
    ):
        model.words, model.pause = [f"word{number} " for number in range(20)], 0.02
        settings = {
            "MUNIMENT_HOME": str(home),
            "MUNIMENT_DATABASE_URL": data,
            "MUNIMENT_KEY_STORE_URL": keys,
            "MUNIMENT_LIMITS_URL": limits.url,
            "MUNIMENT_MODEL_URL": model.url,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
        environment = kept | settings
        found = House(home, settings, open_engine(data, pool_size=2), [], _process(place, "agents", environment))
        found.apis += [_process(place, f"API {number}", environment, port=_free_port()) for number in (1, 2)]
        try:
            found.agents.start()  # it lays out the tables
            found.agents.wait_until_ready()
            enter_inside(found.engine, address_of(model.url))
            for each in found.apis:
                each.start()
            for each in found.apis:
                each.wait_until_ready()
            yield found
        finally:
            for each in found.all:
                if each.popen is not None:
                    each.popen.kill()
                    each.popen.wait()
            found.engine.dispose()


def _process(place: Path, name: str, environment: dict[str, str], port: int | None = None) -> Process:
    serve = ["serve", "--no-worker", "--port", str(port)]
    command = [sys.executable, "-m", "muniment", *(serve if port else ["work"])]
    log = place / f"{name}.log"
    log.touch()
    return Process(name, command, environment, log, port)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
