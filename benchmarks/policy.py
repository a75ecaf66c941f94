"""P2: what a policy costs when others have a million rows in the table, for a page and for one row.

`python -m benchmarks policy`; FOREIGN_ROWS says how many (default 1,000,000). Pages are those of `storage.pages`, with
their total, on SQLite and on PostgreSQL, few foreign rows against many, turn by turn. Times are of the statement, with
nothing opened: what is behind the door costs the same for whoever's rows.
"""

import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, event

from benchmarks._crowds import ASKERS, OWN, Crowd, crowd
from benchmarks._figures import Figure, figure
from benchmarks._policies import POLICY
from policies.access import Access, Policy
from policies.actions import Action
from policies.errors import NotFound
from storage.assets import Asset
from storage.database import open_engine, transaction
from storage.pages import Slice
from storage.reading import read_page
from tests import databases

FEW, MANY = 10_000, int(os.environ.get("FOREIGN_ROWS", "1000000"))
ROUNDS = 40
_ROUNDS_OF_ONE = 200


def measure() -> Iterator[Figure]:
    """Pages and single rows, on both databases."""
    policy = Policy.load(POLICY)
    for name, make in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with make() as (few, many):
            crowds = crowd(few, FEW), crowd(many, MANY)
            for asker, times in _race(policy, *crowds).items():
                ratios = [m / f for f, m in zip(*times, strict=True)]
                few_ms, many_ms = (f"{statistics.median(each) * 1000:.2f}" for each in times)
                what = f"{name}, {asker}: page of 50 with its total, {few_ms} ms, then {many_ms} ms"
                yield figure("P2", what, ratios, "x", wanted="≤ 1.3 x")
            yield from _one(name, policy, crowds[1])


def _one(name: str, policy: Policy, many: Crowd) -> Iterator[Figure]:
    """One row with all that may be done to it, and the refusal of another: how many statements, and how long."""
    sent: list[str] = []
    listener = "before_cursor_execute"
    event.listen(many.engine, listener, note := lambda *said: sent.append(said[2]))
    for asker in ("owner", "member", "staff with a grant"):
        wanted, others = 1000 + OWN * (asker == "member"), 1_000_000
        taken, counts = [], set()
        for number in range(_ROUNDS_OF_ONE):
            with transaction(many.engine, read_only=True) as session:
                access = Access(policy, ASKERS[asker], session)
                session.connection()
                sent.clear()
                began = time.perf_counter()
                access.get(Asset, uuid.UUID(int=wanted + number % OWN), Action.READ, tuple(Action))
                taken.append(time.perf_counter() - began)
                counts.add(len(sent))
                sent.clear()
                try:
                    access.get(Asset, uuid.UUID(int=others + number), Action.DELETE)
                except NotFound:
                    counts.add(len(sent))
                else:
                    raise SystemExit(f"{asker} was given a row of somebody else's")
        what = f"{name}, {asker}: one row and every decision about it, {max(counts)} statement"
        yield figure("P5", what, taken, "ms", wanted="≤ 1 statement", scale=1000)
    event.remove(many.engine, listener, note)


def _race(policy: Policy, *crowds: Crowd) -> dict[str, list[list[float]]]:
    """Seconds per page, for each asker and crowd, turn by turn; the first turns don't count."""
    times: dict[str, list[list[float]]] = {asker: [[] for _ in crowds] for asker in ASKERS}
    for turn in range(ROUNDS + 5):
        for asker, principal in ASKERS.items():
            for number, each in enumerate(crowds):
                with transaction(each.engine, read_only=True) as session:
                    began = time.perf_counter()
                    model = each.listed[asker]
                    door = Access(policy, principal, session).listed(model, Action.READ)
                    page = read_page(session, model, door, Slice(count=asker not in each.unbounded))
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
