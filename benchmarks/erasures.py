"""Erasing an account (P9): a tenth of it and the whole, time per thing, memory, and what others notice meanwhile.

`python -m benchmarks erasures`; ITEMS says how many assets the larger account has (default 100,000), one in FILES of
them with a file of 64 KiB (default 100). SQLite and PostgreSQL; DATABASES=sqlite leaves the latter out. Others read a
page and create an asset, in turn, on a thread of their own: their 99th percentile while it is quiet, right before each
erasure, and meanwhile. Their page is full from the first on. Garbage is looked for as seldom as in a server.

Each asset has 46 search words, which go with it. The figures below are from before it had any.

Where the time of a piece of 100 assets goes, in milliseconds of processor time of the erasure's thread (the median of
100 pieces, on the machine below with a load of 4): what a page meets that comes in the middle of it. After, the queue
is asked which runs it knows before any is deleted there, a transaction has columns of tables for models, one parameter
for a hundred and a lock that loads nothing, and keysets that are gone are not looked for one by one.

| part, each with a pause after it | SQLite before | after | PostgreSQL before | after |
|---|---|---|---|---|
| which are next | 2.1 | 2.2 | 2.0 | 2.0 |
| what the queue knows of them | 2.5 | 1.3 | 5.2 | 1.6 |
| the transaction that deletes them | 5.4 | 4.9 | 5.7 | 5.1 |
| in all, of 10,000 assets (seconds) | 2.0 | 1.6 | 1.9 | 1.6 |

And while a piece is at work whoever waits for the interpreter has it after half a millisecond, not five.

Part of what reads took longer was not the erasure: a page read the keys of all that its reader has, who creates assets
all the time (decision 74). Processor time of a page on SQLite, by how many assets of one's own there are:

| | 50 | 2,000 | 10,000 |
|---|---|---|---|
| before | 0.79 ms | 1.66 ms | 6.12 ms |
| after | 0.74 ms | 1.00 ms | 0.80 ms |

And a piece lets pass whoever reads (decision 75). How much processor time the erasure's thread took while a page was
read, 99th percentile of some 780 reads, 6,000 assets on SQLite with a load of 10: 3.2 ms before and 1.1 after, where a
page took 3 ms at most itself. Smaller pieces with longer pauses (50, six times) were no better.
"""

import os
import resource
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from agents.erasures import erase
from agents.models.gateway import Gateway
from agents.runtime import Agents
from benchmarks import _worlds
from benchmarks.mutations import ROOT, _house, _mutation, _owner
from muniment import garbage
from policies.access import Policy
from policies.actions import Action
from policies.principals import Kind, Principal
from resolvers import lists
from resolvers.context import Asking, Context
from resolvers.house import House
from storage.assets import Asset, Blob
from storage.blobs.contexts import FileKind
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.ids import new_id
from storage.keys.names import project_keyset
from storage.pages import Slice
from storage.search import index
from storage.vault import Vault
from tests.databases import PostgreSQL

_BATCH = 2_000
_FILE = bytes(64 * 1024)
_QUIET_SECONDS = 10
_SHOWN = 50


def main() -> None:
    """Print the table."""
    items, every = int(os.environ.get("ITEMS", "100000")), int(os.environ.get("FILES", "100"))
    policy = Policy.load(ROOT / "policy.polar")
    sys.stdout.write(f"\nerasing an account of {items // 10:,} and of {items:,} assets, one in {every} with a file\n")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        _measure("SQLite", f"sqlite:///{home}/data.sqlite3", home, policy, items, every)
        if "postgresql" in os.environ.get("DATABASES", "sqlite postgresql"):
            with PostgreSQL.running() as server, server.fresh_database() as url:
                (home / "pg").mkdir()
                _measure("PostgreSQL", url, home / "pg", policy, items, every)


def _measure(name: str, url: str, home: Path, policy: Policy, items: int, every: int) -> None:
    with _house(url, home, policy) as house:
        garbage.settle()
        other = _owner(house)
        agents = Agents(house.store, house.force, Gateway([]))
        _fill(house, *other, _SHOWN + 1, every)
        each = []
        for count in (items // 10, items):
            leaving, project = _owner(house)
            _fill(house, leaving, project, count, every)
            asked = _ask(house, leaving)
            quiet = _Others(house, *other)
            quiet.run_while(lambda: time.sleep(_QUIET_SECONDS))
            before, others = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, _Others(house, *other)
            started = time.perf_counter()
            others.run_while(lambda asked=asked: erase(agents, asked))  # type: ignore[misc]
            took = time.perf_counter() - started
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            with transaction(house.store.engine, read_only=True) as session:
                done = session.get_one(Deletion, asked)
            if done.status is not DeletionStatus.ERASED or done.destroyed["assets"] < count:
                raise RuntimeError(f"{done.status}: {done.destroyed}")
            each.append(took / count)
            read, write = others.p99(0), others.p99(1)
            against = read / quiet.p99(0), write / quiet.p99(1)
            sys.stdout.write(
                f"  {name:10} {count:8,}: {took:7.1f} s, {took / count * 1e3:6.3f} ms each, memory +{grown:.0f} MiB\n"
                f"  {'':10} others' p99: read {read:.0f} ms ({against[0]:.2f} x quiet, goal 2 x), write {write:.0f} ms "
                f"({against[1]:.2f} x), the longest {others.longest():.0f} ms\n"
                f"  {'':10} processor time of the erasure during a read: p99 {others.met():.1f} ms\n"
            )
        sys.stdout.write(f"  {name:10} ten times as much takes {each[1] / each[0]:.2f} x as long each (linear: 1)\n")


class _Others:
    """Somebody else at work, and how long each thing they do takes."""

    def __init__(self, house: House, owner: uuid.UUID, project: uuid.UUID) -> None:
        self._house, self._owner, self._project = house, owner, project
        self._mutate = _mutation(house, owner, project)
        self._took: tuple[list[float], list[float]] = ([], [])
        self._met: list[float] = []
        self._clock = 0
        self._over = threading.Event()

    def run_while(self, work: Callable[[], object]) -> None:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            work()
        finally:
            self._over.set()
            thread.join()

    def p99(self, kind: int) -> float:
        """Milliseconds."""
        return _p99(self._took[kind])

    def met(self) -> float:
        """Milliseconds of processor time that the thread of the work took while a page was read, 99th percentile."""
        return _p99(self._met)

    def longest(self) -> float:
        return max(self._took[1]) * 1e3

    def _run(self) -> None:
        while not self._over.is_set():
            for kind, act in enumerate((self._read, self._write)):
                started, busy = time.perf_counter(), time.clock_gettime(self._clock)
                act()
                self._took[kind].append(time.perf_counter() - started)
                if kind == 0:
                    self._met.append(time.clock_gettime(self._clock) - busy)

    def _read(self) -> None:
        asking = Asking(Principal(Kind.CONTRIBUTOR, self._owner))
        with Context(self._house, asking).reading() as context:
            lists.page(context, Asset, Slice(_SHOWN), also=(Action.UPDATE,))

    def _write(self) -> None:
        self._mutate()


def _p99(seconds: list[float]) -> float:
    return (statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else seconds[0]) * 1e3


def _fill(house: House, owner: uuid.UUID, project: uuid.UUID, count: int, every: int) -> None:
    store = house.store
    vault = Vault(store.keyring)
    for start in range(0, count, _BATCH):
        with transaction(store.engine) as session:
            assets = [_worlds._asset(vault, owner, project, n) for n in range(start, min(start + _BATCH, count))]
            session.add_all(assets)
            session.flush()
            for number, asset in enumerate(assets, start):
                index(session, vault, asset)
                if number % every == 0:
                    blob = new_id()
                    with store.blobs.writer(blob, project_keyset(project), asset.file(FileKind.CONTENT)) as writer:
                        writer.write(_FILE)
                        writer.finish()
                    whose = {"owner_id": owner, "project_id": project, "object_id": asset.id}
                    session.add(Blob(id=blob, byte_size=len(_FILE), kind=FileKind.CONTENT, **whose))


def _ask(house: House, owner: uuid.UUID) -> uuid.UUID:
    with transaction(house.store.engine) as session:
        deletion = Deletion(id=new_id(), owner_id=owner, scope=DeletionScope.ACCOUNT, object_id=owner)
        session.add(deletion)
    return deletion.id
