"""P3: 20 projects, below each 10 assets and 5 prompts, below each of those 3 outputs; over HTTP, one process; SQLite.

Against the same page by plain Strawberry and SQLAlchemy with a dataloader for each relation, without policy, sealing or
audit: four statements too. Sealed on our side are 620 fields: names, titles, briefs, outputs. Turn by turn in one run;
throughput is that of a server that is never idle, asked over two connections at once.

Where the time of a page goes, in milliseconds of processor time without HTTP, beside other work (the least of 150
pages, turn by turn): before and since a page below is read along its index, and answered without objects (decision 76).

| part | before | now |
|---|---|---|
| who is asking: the session, looked up | 0.5 | 0.4 |
| four statements, and their values in our types | 4.5 | 2.8 |
| rows with their decisions, by parent | 1.3 | 1.0 |
| nodes, edges and lists around them | 1.1 | 0.1 |
| 620 sealed fields opened | 1.8 | 1.4 |
| leaves, and what is selected put together | 1.5 | 1.1 |
| all else: charged, looked up, arguments, JSON | 1.7 | 1.3 |
| in all | 12.4 | 8.1 |

Of the statements SQLite itself takes 1.1 now, and took 1.7.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import event

from benchmarks._figures import Figure, figure
from benchmarks._races import Asked, alone, busy, ratios
from benchmarks._servers import free_port, running, serving_ours
from benchmarks._worlds import nest
from muniment import homes
from muniment.house import open_house
from muniment.variables import load
from resolvers.context import Context
from resolvers.house import House
from resolvers.identity import identify
from schema.api import build

OWNERS, PROJECTS, ASSETS, PROMPTS, OUTPUTS = 10, 20, 10, 5, 3
ROUNDS, TURNS, PAGES = 40, 15, 20
_HOLDS = ("the old bridge waits", 4 * 300)
_OURS = """{ projects(first: 20) { edges { node { id name createdAt
  assets(first: 10) { edges { node { id title status } } }
  prompts(first: 5) { edges { node { id text status outputs(first: 3) { edges { node { id variation text } } } } } }
} } } }"""
_PLAIN = """{ projects(owner: "7") { id name createdAt
  assets { id title status } prompts { id text status outputs { id variation text } } } }"""


def measure() -> Iterator[Figure]:
    """Both sides' times, their ratio turn by turn, and how many statements ours takes."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        settings = load(home=home, worker=False)
        homes.prepare(settings)
        with open_house(settings) as house:
            token = nest(house, OWNERS, PROJECTS, ASSETS, PROMPTS, OUTPUTS)
            statements = _statements(house, token)
        with serving_ours(home) as ours, _serving_plain(Path(place)) as plain:
            contestants = {
                "Muniment": Asked(ours, _OURS, {"authorization": f"Bearer {token}"}, _HOLDS),
                "plain Strawberry + dataloaders": Asked(plain, _PLAIN, holds=_HOLDS),
            }
            times, rates = alone(contestants, ROUNDS), busy(contestants, TURNS, PAGES)
    for name, took in times.items():
        yield figure("P3", f"{name}: nested page of 620 things, one caller", took, "ms", digits=1)
    for name, rate in rates.items():
        yield figure("P3", f"{name}: nested pages of 620 things, server busy", rate, "a second", digits=0)
    yield figure("P3", "throughput against plain with dataloaders", ratios(rates), "x", wanted="≥ 3 x")
    yield Figure("P3", "statements for four levels, the caller's own aside", str(statements), "", "≤ 1 per level")


def _statements(house: House, token: str) -> int:
    """How many reads the page takes beyond those of a question about nothing."""
    sent: list[str] = []
    event.listen(house.store.engine, "before_cursor_execute", lambda *said: sent.append(said[2]))
    schema, counts = build(), []
    for query in ("{ __typename }", _OURS):
        sent.clear()
        renew = partial(identify, house, token, ip_address=None, user_agent=None)
        result = schema.execute_sync(query, context_value=Context(house, renew(), renew=renew))
        if result.errors:
            raise SystemExit(f"The page was not answered: {result.errors}")
        counts.append(sum(statement.startswith("SELECT") for statement in sent))
    return counts[1] - counts[0]


@contextmanager
def _serving_plain(place: Path) -> Iterator[str]:
    port = free_port()
    sizes = map(str, (OWNERS, PROJECTS, ASSETS, PROMPTS, OUTPUTS))
    command = [sys.executable, "-m", "benchmarks._plain_nested", f"sqlite:///{place / 'n.sqlite3'}", str(port), *sizes]
    with running(command, port) as base:
        yield f"{base}/"
