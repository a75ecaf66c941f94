"""Idling: how much of a core a server with its agents takes while nobody asks for anything, and how long a job waits.

`python -m benchmarks idle`; IDLE_SECONDS says how long it is watched (default 30). Counted is the processor time of the
server's process alone. A job waits from the commit that queues it until an agent begins; jobs come one at a time, at
moments that have nothing to do with when the queue is looked at.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents import runtime
from agents.models.gateway import Gateway
from agents.runtime import Agents
from benchmarks._figures import Figure, figure
from benchmarks._servers import free_port
from benchmarks.start import until
from muniment import homes
from muniment.house import open_house
from muniment.variables import load
from policies.principals import Kind
from storage.ledger.scope import AuditScope
from tests.databases import PostgreSQL

JOBS = 40
_TICKS = os.sysconf("SC_CLK_TCK")
_SETTLING_SECONDS = 5


def measure() -> Iterator[Figure]:
    """Each database in turn."""
    with tempfile.TemporaryDirectory() as place:
        yield from _measured("SQLite", Path(place) / "one", None)
        with PostgreSQL.running(durable=True) as server, server.fresh_database() as url:
            yield from _measured("PostgreSQL", Path(place) / "two", url)


def _measured(name: str, home: Path, url: str | None) -> Iterator[Figure]:
    chosen = {} if url is None else {"database_url": url}
    settings = load(home=home, **chosen)
    homes.prepare(settings)
    with open_house(settings) as house:
        idle = Agents(house.store, house.force, Gateway([]))
        waits = _waits(idle)
    yield figure("", f"{name}: a server with its agents, idle", list(_idling(home, url)), "% of a core", digits=1)
    yield figure("", f"{name}: from the commit of a job to its beginning", waits, "ms", digits=0, scale=1000)


def _idling(home: Path, url: str | None) -> Iterator[float]:
    seconds = float(os.environ.get("IDLE_SECONDS", "30"))
    with _serving(home, url) as server:
        time.sleep(_SETTLING_SECONDS)
        for _ in range(3):
            began, before = time.perf_counter(), _busy(server)
            time.sleep(seconds / 3)
            yield (_busy(server) - before) / (time.perf_counter() - began) * 100


@contextmanager
def _serving(home: Path, url: str | None) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "muniment", "serve", "--home", str(home), "--port", str(port)]
    variables = {} if url is None else {"MUNIMENT_DATABASE_URL": url}
    silent, environment = subprocess.DEVNULL, os.environ | variables
    with subprocess.Popen(command, stdout=silent, stderr=silent, env=environment) as server:
        try:
            until(f"http://127.0.0.1:{port}/health/ready", time.perf_counter())
            yield server.pid
        finally:
            server.terminate()


def _busy(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


_begun: dict[uuid.UUID, float] = {}
_arrived = threading.Event()


def _begin(_agents: Agents, job: uuid.UUID) -> None:
    _begun[job] = time.perf_counter()
    _arrived.set()


def _waits(idle: Agents) -> list[float]:
    runtime.register("benchmark", _begin)
    agents = runtime.start(idle)
    found = []
    try:
        for turn in range(JOBS + 3):
            job = uuid.uuid4()
            _arrived.clear()
            with idle.store.begin(_scope()) as work:
                work.enqueue("benchmark", job)
            committed = time.perf_counter()
            if not _arrived.wait(60):
                raise SystemExit("The job was not begun.")
            if turn >= 3:
                found.append(_begun[job] - committed)
            time.sleep(random.uniform(0.3, 0.6))  # noqa: S311
    finally:
        runtime.stop(agents)
    return found


def _scope() -> AuditScope:
    return AuditScope("benchmark", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), "benchmark")
