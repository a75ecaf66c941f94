"""P1: one page of 100 assets with 10 fields, 3 of them sealed, authorized, over HTTP, one process; SQLite.

Against the same page by plain Strawberry and SQLAlchemy without policy, sealing or audit. Turn by turn in one run, so
that the ratio holds when the machine's speed drifts. Throughput is that of a server that is never idle, asked over two
connections at once by a process of its own, which has the other core.

PostGraphile 5, with row security and pgcrypto, has the same page on a PostgreSQL of the machine's own that ours uses
too; npm brings it, and the Node 22 that it needs, by the lock file in `benchmarks/postgraphile`. Where there is no npm,
or no such PostgreSQL, its row says so.

Where the time of a page goes, in milliseconds of processor time without HTTP (the least of some hundred pages): at
first; after objects took the short way of leaves, opening a field took fewer detours through the ORM, decisions and ids
were worked out once, and the garbage collector left alone what stays; and since rows are read past the unit of work by
statements that are built once, and leaves are answered column by column (decision 53). Then, on a day on which the
machine was slower (the page before took 5.2 on it), since rows have the columns that are asked for (decision 68), and
who is asking is one statement. Last, beside other work (the page before took 4.0 beside it), since a value of a page
and a document that came before take fewer calls (decision 72).

| part | first | then | decision 53 | decision 68 | now |
|---|---|---|---|---|---|
| who is asking: the session, looked up | 0.6 | 0.6 | 0.7 | 0.6 | 0.3 |
| the statement, and 100 rows with their decisions | 3.7 | 2.8 | 1.7 | 1.4 | 0.9 |
| 300 sealed fields opened | 2.6 | 2.1 | 0.7 | 0.7 | 0.5 |
| 700 further leaves, and the executor between | 3.2 | 1.5 | 0.6 | 1.0 | 0.6 |
| all else: charged, the document looked up, JSON | 1.1 | 1.1 | 1.0 | 0.6 | 0.4 |
| in all | 11.2 | 8.1 | 4.7 | 4.3 | 2.7 |

Of the statement the database itself takes 0.3, and of opening a field Tink's C++ takes 0.7 microseconds. The same page
by plain Strawberry and SQLAlchemy takes 8.5 without HTTP, which costs either side about 1 more in the server.
PostGraphile has Node build a statement that PostgreSQL answers as JSON, on the other core.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._figures import Figure, figure
from benchmarks._postgraphile import NotHere, postgresql, serving
from benchmarks._races import Asked, alone, busy, ratios
from benchmarks._servers import free_port, running, serving_ours
from benchmarks._worlds import fill
from muniment import homes
from muniment.house import open_house
from muniment.variables import load

OWNERS, EACH, ROUNDS, TURNS, PAGES = 50, 200, 60, 20, 50
_FIELDS = "id ownerId projectId status mediaType byteSize title fileName description createdAt"
QUERY = f"{{ assets(first: 100) {{ edges {{ node {{ {_FIELDS} }} }} }} }}"
_THEIRS = (
    f"{{ allAssets(first: 100, orderBy: PRIMARY_KEY_DESC) {{ nodes {{ {_FIELDS.replace('id', 'rowId', 1)} }} }} }}"
)
_POSTGRAPHILE = "throughput against PostGraphile 5 with row security and pgcrypto"
_HOLDS = ("picture-", 100)
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
        with serving_ours(home) as ours, serving_plain(Path(place)) as plain:
            token = {"authorization": f"Bearer {world.token}"}
            contestants = {
                "Muniment": Asked(ours, QUERY, token, _HOLDS),
                "plain Strawberry + SQLAlchemy": Asked(plain, _PLAIN, holds=_HOLDS),
            }
            yield from _raced(contestants, "throughput against plain", "≥ 2 x")


def _against_postgraphile() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as place, postgresql() as url, serving(url, OWNERS, EACH) as (theirs, asker):
        home = Path(place) / "home"
        own = url.replace("postgresql:", "postgresql+psycopg:")
        settings = load(home=home, worker=False, database_url=own)
        homes.prepare(settings)
        with open_house(settings) as house:
            world = fill(house, owners=OWNERS, assets_each=EACH)
        with serving_ours(home, MUNIMENT_DATABASE_URL=own) as ours:
            contestants = {
                "Muniment, PostgreSQL": Asked(ours, QUERY, {"authorization": f"Bearer {world.token}"}, _HOLDS),
                "PostGraphile 5": Asked(theirs, _THEIRS, asker, _HOLDS),
            }
            yield from _raced(contestants, _POSTGRAPHILE, "≥ 4 x")


def _raced(contestants: dict[str, Asked], what: str, wanted: str) -> Iterator[Figure]:
    for name, took in alone(contestants, ROUNDS).items():
        yield figure("P1", f"{name}: page of 100 x 10, one caller", took, "ms", digits=1)
    rates = busy(contestants, TURNS, PAGES)
    for name, rate in rates.items():
        yield figure("P1", f"{name}: pages of 100 x 10, server busy", rate, "a second", digits=0)
    yield figure("P1", what, ratios(rates), "x", wanted=wanted)


@contextmanager
def serving_plain(place: Path) -> Iterator[str]:
    """The baseline's; answers where it takes queries."""
    port = free_port()
    url = f"sqlite:///{place / 'plain.sqlite3'}"
    command = [sys.executable, "-m", "benchmarks._plain", url, str(port), str(OWNERS), str(EACH)]
    with running(command, port) as base:
        yield f"{base}/"
