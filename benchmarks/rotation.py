"""Every key of 100,000 assets is rotated by a second process while a server is used: what others notice of it.

`python -m benchmarks rotation`; ROTATION_ROWS says how many (default 100,000). SQLite and PostgreSQL. Three people
list a page and write, before and during; only what falls into sealing or hashing anew counts as during, for the waits
in between disturb nobody.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import NamedTuple

from benchmarks._worlds import fill
from muniment import homes
from muniment.house import open_house
from muniment.variables import load
from storage.keys.kms import InsecureWarning
from tests.databases import PostgreSQL
from tests.faults.servers import ROOT, Server
from tests.world import Person

_PEOPLE = 3
_BEFORE_SECONDS = 30
_PAGE = "{ assets(first: 20) { edges { node { title } } } }"
_CACHE_SECONDS = 0.5
_ROTATE = f"""
import sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from muniment import keys
from muniment.variables import load
from resolvers.keys import KINDS
from storage import rotations
rotations.PATIENCE = 3.0
settings = load(home=Path(sys.argv[1]), database_url=sys.argv[2], key_cache_seconds={_CACHE_SECONDS})
list(keys.rotate(settings, kinds=list(KINDS)[:2], kek=None, say=lambda line: print(line, flush=True)))
"""


class Call(NamedTuple):
    """When a call began, and how long it took (monotonic seconds)."""

    at: float
    took: float


def main() -> None:
    """Print the table."""
    rows = int(os.environ.get("ROTATION_ROWS", "100000"))
    sys.stdout.write(f"\nrotating the keys of {rows:,} assets\n")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place, "sqlite")
        _measure("SQLite", home, f"sqlite:///{home}/data/muniment.sqlite3", rows)
        with PostgreSQL.running() as server, server.fresh_database() as url:
            _measure("PostgreSQL", Path(place, "postgresql"), url, rows)


def _measure(name: str, home: Path, url: str, rows: int) -> None:
    settings = load(home=home, database_url=url)
    homes.prepare(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        with open_house(settings) as house:
            fill(house, owners=100, assets_each=rows // 100)
    server = Server(home, url, key_cache_seconds=_CACHE_SECONDS, worker=False)
    try:
        server.start()
        calls, ending = _use(server)
        time.sleep(_BEFORE_SECONDS)
        began = time.monotonic()
        spans = _rotate(home, url)
        ending.set()
        before = [call.took for call in calls if call.at < began]
        during = [call.took for call in calls if any(start <= call.at <= end for start, end in spans)]
        seconds = sum(end - start for start, end in spans)
        worse = _p99(during) / _p99(before)
        told = (
            f"  {name:12} {seconds:6.1f} s   p99 {_p99(before) * 1e3:7.1f} ms before ({len(before):,} calls),"
            f" {_p99(during) * 1e3:7.1f} ms during ({len(during):,})   {worse:.2f} x   <= 2 x\n"
        )
        sys.stdout.write(told)
        sys.stderr.write(told)  # at once: the other database takes as long again
    finally:
        server.close()


def _use(server: Server) -> tuple[list[Call], threading.Event]:
    """Calls that go on until the event is set; one that failed counts as one that took for ever."""
    calls: list[Call] = []
    ending = threading.Event()
    people = [(person := server.api.register(f"p{number}"), server.api.project(person)) for number in range(_PEOPLE)]

    def run(person: Person, project: str) -> None:
        while not ending.is_set():
            for call in (lambda: server.api.ask(_PAGE, person).data, lambda: server.api.announce(person, project)):
                at = time.monotonic()
                try:
                    call()
                    calls.append(Call(at, time.monotonic() - at))
                except Exception:
                    calls.append(Call(at, float("inf")))
                ending.wait(0.02)

    for person, project in people:
        threading.Thread(target=run, args=(person, project), daemon=True).start()
    return calls, ending


def _rotate(home: Path, url: str) -> list[tuple[float, float]]:
    """The spans in which values were sealed or hashed anew."""
    command = [sys.executable, "-c", _ROTATE, str(home), url]
    spans: list[tuple[float, float]] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        since: float | None = None
        for line in process.stdout or ():
            works = line.startswith(("sealed anew", "hashed anew", "the old ones unused: 100"))
            if works and since is None:
                since = time.monotonic()
            if not works and since is not None:
                spans.append((since, time.monotonic()))
                since = None
    if process.returncode != 0:
        raise RuntimeError("the rotation failed")
    return spans


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]
