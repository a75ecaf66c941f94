"""A mutation (P4): policy, sealing, audit and queue together, against the bare insert and commit; and many at once.

`python -m benchmarks mutations`; MUTATIONS says how many of each (default 400). SQLite and PostgreSQL.
The last line asks whether the trail makes writers wait for one another: eight of them, with it and without.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import _worlds
from policies.access import Policy
from policies.force import InForce
from policies.principals import Kind, Principal
from resolvers import assets
from resolvers.context import Asking, Context
from resolvers.house import House
from storage import migrations, queue
from storage.blobs.store import BlobStore
from storage.database import open_engine, transaction
from storage.ids import new_id
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.projects import Project
from storage.vault import Vault
from storage.work import Store, UnitOfWork
from tests.databases import PostgreSQL

ROOT = Path(__file__).resolve().parents[1]
_WRITERS = 8
_ROUNDS = 3


def main() -> None:
    """Print the table."""
    count = int(os.environ.get("MUTATIONS", "400"))
    policy = Policy.load(ROOT / "policy.polar")
    sys.stdout.write(f"\nmutations, {count:,} of each, medians of {_ROUNDS} rounds\n")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        _measure("SQLite", f"sqlite:///{home}/data.sqlite3", home, policy, count, writers=1)
        with PostgreSQL.running() as server, server.fresh_database() as url:
            (home / "pg").mkdir()
            _measure("PostgreSQL", url, home / "pg", policy, count, writers=_WRITERS)


def _measure(name: str, url: str, home: Path, policy: Policy, count: int, writers: int) -> None:
    with _house(url, home, policy) as house:
        owner, project = _owner(house)
        whole, bare, silent = [], [], []
        for _ in range(_ROUNDS):
            whole.append(_each(1, count, lambda: _mutate(house, owner, project)))
            bare.append(_each(1, count, lambda: _insert(house.store, owner, project)))
        told = statistics.median(whole) / statistics.median(bare)
        _row(f"{name}: mutation", statistics.median(whole) * 1e3, f"{told:.2f} x bare", "<= 1.3 x")
        busy = _busy(count, lambda: _mutate(house, owner, project))
        idle = _busy(count, lambda: _insert(house.store, owner, project))
        _row(f"{name}: processor time of it", busy * 1e3, f"{busy / idle:.2f} x bare", "")
        if writers == 1:
            return
        whole = []
        for _ in range(_ROUNDS):
            whole.append(_each(writers, count // writers, lambda: _mutate(house, owner, project)))
            with mock.patch.object(UnitOfWork, "record", _record_nothing):
                silent.append(_each(writers, count // writers, lambda: _mutate(house, owner, project)))
        share = statistics.median(silent) / statistics.median(whole)
        _row(f"{name}: {writers} writers", statistics.median(whole) * 1e3, f"{share:.2f} x without audit", ">= 0.9 x")


def _record_nothing(self: UnitOfWork, *_: Any) -> uuid.UUID:
    self.last_event_id = new_id()
    return self.last_event_id


def _row(name: str, milliseconds: float, ratio: str, goal: str) -> None:
    sys.stdout.write(f"  {name:32} {milliseconds:9.2f} ms {ratio:>24}   {goal}\n")


@contextmanager
def _house(url: str, home: Path, policy: Policy) -> Iterator[House]:
    (home / "keys").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        keyring = Keyring.open(f"sqlite:///{home}/keys/keys.sqlite3", f"insecure-local://{home}/keys/kek")
    engine = open_engine(url)
    migrations.upgrade(engine)
    queue.prepare(engine)
    yield House(Store(engine, keyring, BlobStore(home / "blobs", keyring)), InForce(policy))
    engine.dispose()
    keyring.close()


def _owner(house: House) -> tuple[uuid.UUID, uuid.UUID]:
    project_id = _worlds.fill(house, owners=1, assets_each=1).project_id
    with transaction(house.store.engine, read_only=True) as session:
        project = session.get_one(Project, project_id)
        return project.owner_id, project_id


def _mutate(house: House, owner: uuid.UUID, project: uuid.UUID) -> None:
    context = Context(
        house,
        Asking(Principal(Kind.CONTRIBUTOR, owner), session_id=owner, ip_address="203.0.113.9", user_agent="bench"),
    )
    with context.writing("create_asset"):
        assets.create(
            context,
            project,
            file_name="river.png",
            media_type="image/png",
            byte_size=12345,
            title="A river",
            description="",
            tags=["river"],
        )


def _insert(store: Store, owner: uuid.UUID, project: uuid.UUID) -> None:
    with transaction(store.engine) as session:
        session.add(_worlds._asset(Vault(store.keyring), owner, project, 1))


def _busy(count: int, work: Callable[[], None]) -> float:
    """Seconds of processor time per piece of work: steady on a machine that is busy with others too."""
    started = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - started) / count


def _each(writers: int, count: int, work: Callable[[], None]) -> float:
    """Seconds per piece of work, `writers` of them at once doing `count` each."""

    def run() -> None:
        for _ in range(count):
            work()

    threads = [threading.Thread(target=run) for _ in range(writers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - started) / (writers * count)
