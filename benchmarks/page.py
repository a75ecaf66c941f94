"""P1: one page of 100 assets with 10 fields, 3 of them sealed, authorized, over HTTP, one process; SQLite.

Against the same page by plain Strawberry and SQLAlchemy without policy, sealing or audit. Turn by turn in one run, so
that the ratio holds when the machine's speed drifts.

Where the time of a page goes, in milliseconds of processor time without HTTP (the least of some hundred pages): at
first; after objects took the short way of leaves, opening a field took fewer detours through the ORM, decisions and ids
were worked out once, and the garbage collector left alone what stays; and since rows are read past the unit of work by
statements that are built once, and leaves are answered column by column (decision 53).

| part | first | then | now |
|---|---|---|---|
| who is asking: the session, looked up | 0.6 | 0.6 | 0.7 |
| the statement, and 100 rows with their decisions | 3.7 | 2.8 | 1.7 |
| 300 sealed fields opened | 2.6 | 2.1 | 0.7 |
| 700 further leaves, and the executor between | 3.2 | 1.5 | 0.6 |
| all else: charged, the document looked up, JSON | 1.1 | 1.1 | 1.0 |
| in all | 11.2 | 8.1 | 4.7 |

Of the statement the database itself takes 0.3, and of opening a field Tink takes 1.3 microseconds of 2.2. The same page
by plain Strawberry and SQLAlchemy takes 8.5 without HTTP, which costs either side about 4 more with its client. The
goal is missed: what is left lies in values that are made of columns (ids, times), and in asking who is asking.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks._figures import Figure, figure
from benchmarks._worlds import fill
from muniment import homes
from muniment.house import open_house
from muniment.variables import load

OWNERS, EACH, ROUNDS = 50, 200, 60
_FIELDS = "id ownerId projectId status mediaType byteSize title fileName description createdAt"
_OURS = f"{{ assets(first: 100) {{ edges {{ node {{ {_FIELDS} }} }} }} }}"
_PLAIN = f'{{ assets(owner: "7") {{ {_FIELDS} }} }}'


def measure() -> Iterator[Figure]:
    """Both sides' times, and their ratio, turn by turn."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        settings = load(home=home, worker=False)
        homes.prepare(settings)
        with open_house(settings) as house:
            world = fill(house, owners=OWNERS, assets_each=EACH)
        with serving_ours(home) as ours, serving_plain(Path(place)) as plain, httpx2.Client(timeout=30) as client:
            token = {"authorization": f"Bearer {world.token}"}
            contestants = {
                "Muniment": lambda: client.post(ours, json={"query": _OURS}, headers=token),
                "plain Strawberry + SQLAlchemy": lambda: client.post(plain, json={"query": _PLAIN}),
            }
            times = _race(contestants)
    for name, took in times.items():
        yield figure("P1", f"{name}: page of 100 x 10", took, "ms", digits=1)
    mine, others = times.values()
    ratios = [other / own for own, other in zip(mine, others, strict=True)]
    yield figure("P1", "throughput against plain", ratios, "x", wanted="≥ 2 x")
    yield Figure("P1", "throughput against PostGraphile 5 with row security and pgcrypto", "not measured", "", "≥ 4 x")


def _race(contestants: dict[str, Callable[[], httpx2.Response]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(ROUNDS + 5):
        for name, ask in contestants.items():
            began = time.perf_counter()
            answer = ask()
            took = time.perf_counter() - began
            if answer.status_code != 200 or answer.text.count("picture-") != 100:
                raise SystemExit(f"{name} did not answer the page: {answer.status_code}")
            if turn >= 5:
                times[name].append(took * 1000)
    return times


@contextmanager
def serving_ours(home: Path) -> Iterator[str]:
    """A server on this home; answers where it takes queries."""
    port = _free_port()
    command = [sys.executable, "-m", "muniment", "serve", "--home", str(home), "--port", str(port), "--no-worker"]
    with _running(command, port) as base:
        yield f"{base}/graphql"


@contextmanager
def serving_plain(place: Path) -> Iterator[str]:
    """The baseline's; answers where it takes queries."""
    port = _free_port()
    url = f"sqlite:///{place / 'plain.sqlite3'}"
    command = [sys.executable, "-m", "benchmarks._plain", url, str(port), str(OWNERS), str(EACH)]
    with _running(command, port) as base:
        yield f"{base}/"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(1200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
