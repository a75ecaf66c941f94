"""P2 and P5: what a policy costs when it loads, when it is asked, and when others have a million rows in the table.

`python -m benchmarks policy`; FOREIGN_ROWS says how many (default 1,000,000). Pages are those of `storage.pages`, with
their total, on SQLite and on PostgreSQL, few foreign rows against many, turn by turn. Times are of the statement, with
nothing opened: what is behind the door costs the same for whoever's rows.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks._crowds import ASKERS, Crowd, crowd
from benchmarks._policies import POLICY, grown
from policies.access import Access, Policy
from policies.actions import Action
from storage.assets import Asset
from storage.database import open_engine, transaction
from storage.pages import Slice, fetch_page
from tests import databases

FEW, MANY = 10_000, int(os.environ.get("FOREIGN_ROWS", "1000000"))
ROUNDS = 40


def main() -> None:
    """Print both tables."""
    console = Console()
    console.print(_loading())
    policy = Policy.load(POLICY)
    table = Table(
        f"page of 50 with its total, {FEW:,} foreign rows against {MANY:,}", "few ms", "many ms", "ratio (≤ 1.3)"
    )
    for name, make in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with make() as (few, many):
            for asker, times in _race(policy, crowd(few, FEW), crowd(many, MANY)).items():
                middle = [statistics.median(each) * 1000 for each in times]
                ratio = statistics.median(m / f for f, m in zip(*times, strict=True))
                table.add_row(f"{name}, {asker}", *(f"{each:.2f}" for each in middle), f"{ratio:.2f}")
    console.print(table)


def _loading() -> Table:
    table = Table("policy", "processor time", "goal")
    larger = grown(500).encode()
    plain = min(_processor(lambda: Policy.load(POLICY)) for _ in range(5))
    large = min(_processor(lambda: Policy(larger, "500.polar")) for _ in range(5))
    table.add_row("policy.polar, loaded with all shapes", f"{plain:.2f} s", "≤ 1 s")
    table.add_row("one of 500 rules, loaded with all shapes", f"{large:.2f} s", "≤ 1 s")
    policy, asker = Policy.load(POLICY), ASKERS["owner"]

    def asked() -> None:
        with Session() as session:
            for _ in range(10_000):
                Access(policy, asker, session).select(Asset, Action.READ, (Action.DELETE,))

    asked()
    each = min(_processor(asked) for _ in range(3)) / 10_000
    table.add_row("access plan of a known shape, ids bound", f"{each * 1e6:.1f} µs", "≤ 20 µs")
    return table


def _processor(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _race(policy: Policy, *crowds: Crowd) -> dict[str, list[list[float]]]:
    """Seconds per page, for each asker and crowd, turn by turn; the first turns don't count."""
    times: dict[str, list[list[float]]] = {asker: [[] for _ in crowds] for asker in ASKERS}
    for turn in range(ROUNDS + 5):
        for asker, principal in ASKERS.items():
            for number, each in enumerate(crowds):
                with transaction(each.engine, read_only=True) as session:
                    began = time.perf_counter()
                    model = each.listed[asker]
                    access = Access(policy, principal, session)
                    allowed, keys = access.select(model, Action.READ), access.keys(model, Action.READ)
                    page = fetch_page(session, model, allowed, Slice(count=asker not in each.unbounded), keys)
                    took = time.perf_counter() - began
                if len(page.rows) != 50:
                    raise SystemExit(f"{asker} did not get a page")
                if turn >= 5:
                    times[asker][number].append(took)
    return times


@contextmanager
def _sqlite() -> Iterator[tuple[Engine, Engine]]:
    with tempfile.TemporaryDirectory() as place:
        template = databases.make_sqlite_template(Path(place) / "template.sqlite3")
        few, many = (open_engine(databases.copy_sqlite(template, Path(place) / f"{name}.sqlite3")) for name in "ab")
        yield few, many
        few.dispose()
        many.dispose()


@contextmanager
def _postgresql() -> Iterator[tuple[Engine, Engine]]:
    with (
        databases.PostgreSQL.running() as server,
        server.fresh_database() as one,
        server.fresh_database() as other,
    ):
        few, many = open_engine(one), open_engine(other)
        yield few, many
        few.dispose()
        many.dispose()
