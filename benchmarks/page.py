"""P1: one page of 100 assets with 10 fields, 3 of them sealed, authorized, over HTTP, one process; SQLite.

Against the same page by plain Strawberry and SQLAlchemy without policy, sealing or audit. Turn by turn in one run, so
that the ratio holds when the machine's speed drifts. PostGraphile 5, with row security and pgcrypto, has the same page
on a PostgreSQL of the machine's own that ours uses too; npm brings it, and the Node 22 that it needs, by the lock file
in `benchmarks/postgraphile`. Where there is no npm, or no such PostgreSQL, its row says so.

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

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks._figures import Figure, figure
from benchmarks._postgraphile import NotHere, postgresql, serving
from benchmarks._servers import free_port, running, serving_ours
from benchmarks._worlds import fill
from muniment import homes
from muniment.house import open_house
from muniment.variables import load

OWNERS, EACH, ROUNDS = 50, 200, 60
_FIELDS = "id ownerId projectId status mediaType byteSize title fileName description createdAt"
QUERY = f"{{ assets(first: 100) {{ edges {{ node {{ {_FIELDS} }} }} }} }}"
_THEIRS = (
    f"{{ allAssets(first: 100, orderBy: PRIMARY_KEY_DESC) {{ nodes {{ {_FIELDS.replace('id', 'rowId', 1)} }} }} }}"
)
_POSTGRAPHILE = "throughput against PostGraphile 5 with row security and pgcrypto"
_PLAIN = f'{{ assets(owner: "7") {{ {_FIELDS} }} }}'


def measure() -> Iterator[Figure]:
    """Both sides' times and their ratio, turn by turn: against plain Strawberry, and then against PostGraphile."""
    yield from _against_plain()
    try:
        yield from _against_postgraphile()
    except NotHere as missing:
        yield Figure("P1", _POSTGRAPHILE, f"not measured: {missing}", "", "≥ 4 x")


def _against_plain() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        settings = load(home=home, worker=False)
        homes.prepare(settings)
        with open_house(settings) as house:
            world = fill(house, owners=OWNERS, assets_each=EACH)
        with serving_ours(home) as ours, serving_plain(Path(place)) as plain, httpx2.Client(timeout=30) as client:
            token = {"authorization": f"Bearer {world.token}"}
            contestants = {
                "Muniment": lambda: client.post(ours, json={"query": QUERY}, headers=token),
                "plain Strawberry + SQLAlchemy": lambda: client.post(plain, json={"query": _PLAIN}),
            }
            times = _race(contestants)
    yield from _compared(times, "throughput against plain", "≥ 2 x")


def _against_postgraphile() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as place, postgresql() as url, serving(url, OWNERS, EACH) as (theirs, asker):
        home = Path(place) / "home"
        own = url.replace("postgresql:", "postgresql+psycopg:")
        settings = load(home=home, worker=False, database_url=own)
        homes.prepare(settings)
        with open_house(settings) as house:
            world = fill(house, owners=OWNERS, assets_each=EACH)
        with serving_ours(home, MUNIMENT_DATABASE_URL=own) as ours, httpx2.Client(timeout=30) as client:
            token = {"authorization": f"Bearer {world.token}"}
            times = _race(
                {
                    "Muniment, PostgreSQL": lambda: client.post(ours, json={"query": QUERY}, headers=token),
                    "PostGraphile 5": lambda: client.post(theirs, json={"query": _THEIRS}, headers=asker),
                }
            )
    yield from _compared(times, _POSTGRAPHILE, "≥ 4 x")


def _compared(times: dict[str, list[float]], what: str, wanted: str) -> Iterator[Figure]:
    for name, took in times.items():
        yield figure("P1", f"{name}: page of 100 x 10", took, "ms", digits=1)
    mine, others = times.values()
    yield figure("P1", what, [other / own for own, other in zip(mine, others, strict=True)], "x", wanted=wanted)


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
def serving_plain(place: Path) -> Iterator[str]:
    """The baseline's; answers where it takes queries."""
    port = free_port()
    url = f"sqlite:///{place / 'plain.sqlite3'}"
    command = [sys.executable, "-m", "benchmarks._plain", url, str(port), str(OWNERS), str(EACH)]
    with running(command, port) as base:
        yield f"{base}/"
