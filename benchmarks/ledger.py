"""The ledger (P8): sequencing, inclusion proofs and offline verification over many entries, on SQLite.

`python -m benchmarks ledger`; TLOG_ENTRIES says how many (default 100,000; the goal is stated for 1,000,000).
"""

import os
import statistics
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

from sqlalchemy import insert

from agents.ledger import Sequencer
from storage import migrations
from storage.blobs.store import BlobStore
from storage.clock import now
from storage.database import open_engine, transaction
from storage.ids import new_id
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.ledger import feeds, leaves, signing, verify_audit
from storage.ledger.copies import write_copy
from storage.ledger.entries import AuditEvent
from storage.ledger.events import Category, Outcome, Resource, SystemStarted
from storage.ledger.leaves import Opening
from storage.ledger.rows import AuditPending
from storage.ledger.scope import AuditScope
from storage.ledger.tree import Tree
from storage.work import Store

_AT_ONCE = 5_000
_PROOFS = 300
_PUBLISHED = 20


def main() -> None:
    """Print the table."""
    count = int(os.environ.get("TLOG_ENTRIES", "100000"))
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        store = _store(home)
        _fill(store, count)
        sequencer = Sequencer(store, home / "ledger", "0" * 16)
        sequencing = _seconds(lambda: _advance(sequencer))
        first, later = _proofs(store, count)
        key = signing.log_key(store.origin, store.keyring)
        copying = _seconds(lambda: write_copy(store.engine, key, home / "copy.zip"))
        verifying = _seconds(lambda: _verify(home / "copy.zip", key))
        waits = _waits(store, home)
        store.engine.dispose()
        store.keyring.close()
    rows = [
        ("sequence and sign", f"{count / sequencing:,.0f} entries/s", ">= 20,000 /s"),
        ("inclusion proof, tiles unread", f"{first * 1000:.2f} ms", "<= 5 ms"),
        ("inclusion proof, tiles read", f"{later * 1000:.2f} ms", "<= 5 ms"),
        ("copy the log into a ZIP", f"{count / copying:,.0f} entries/s", ""),
        ("verify offline", f"{count / verifying:,.0f} entries/s", ">= 200,000 /s"),
        ("commit to published, median", f"{statistics.median(waits):.2f} s", "<= 1 s"),
        ("commit to published, longest", f"{max(waits):.2f} s", ""),
    ]
    sys.stdout.write(f"\nledger, {count:,} entries\n")
    sys.stdout.writelines(f"  {name:32} {value:>22}   {goal}\n" for name, value, goal in rows)


def _store(home: Path) -> Store:
    (home / "keys").mkdir()
    (home / "data").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        keyring = Keyring.open(f"sqlite:///{home}/keys/keys.sqlite3", f"insecure-local://{home}/keys/kek")
    engine = open_engine(f"sqlite:///{home}/data/muniment.sqlite3")
    migrations.upgrade(engine)
    return Store(engine, keyring, BlobStore(home / "data" / "blobs", keyring))


def _fill(store: Store, count: int) -> None:
    """Entries as they are written, without their personal sides: those take no part."""
    salts = {label: Opening(None, b"s" * 32) for label in (*leaves.ACTOR, *leaves.SUBJECT)}
    for start in range(0, count, _AT_ONCE):
        rows = [_entry(salts) for _ in range(min(_AT_ONCE, count - start))]
        with transaction(store.engine) as session:
            session.execute(insert(AuditEvent), rows)
            session.execute(insert(AuditPending), [{"event_id": row["id"]} for row in rows])


def _entry(salts: dict[str, Opening]) -> dict[str, object]:
    event_id = new_id()
    record = {
        "id": str(event_id),
        "timestamp": "2026-11-24T00:00:00.000Z",
        "category": "user_action",
        "action": "asset.created",
        "outcome": "SUCCESS",
        "component": "api",
        "actorKind": "CONTRIBUTOR",
        "resource": "asset",
        "resourceId": str(event_id),
        "details": {"byteSize": 12345},
        "grantId": None,
        "rule": None,
        "correlationId": str(event_id),
        "policyVersion": "0" * 16,
    }
    leaf = leaves.build(record, salts)
    return {
        "id": event_id,
        "leaf": leaf,
        "leaf_hash": leaves.leaf_hash(leaf),
        "timestamp": now(),
        "action": "asset.created",
        "category": Category.USER_ACTION,
        "outcome": Outcome.SUCCESS,
        "component": "api",
        "resource": Resource.ASSET,
        "resource_id": event_id,
        "correlation_id": uuid.uuid4(),
    }


def _advance(sequencer: Sequencer) -> None:
    assert sequencer.advance()  # noqa: S101 - a benchmark of nothing says nothing


def _proofs(store: Store, count: int) -> tuple[float, float]:
    """Seconds per proof: in a transaction of its own each, and many in one."""
    chosen = [Random(7).randrange(count) for _ in range(_PROOFS)]  # noqa: S311

    def alone() -> None:
        for index in chosen:
            with transaction(store.engine, read_only=True) as session:
                Tree(session).inclusion_proof(index, count)

    def together() -> None:
        with transaction(store.engine, read_only=True) as session:
            tree = Tree(session)
            for index in chosen:
                tree.inclusion_proof(index, count)

    return _seconds(alone) / _PROOFS, _seconds(together) / _PROOFS


def _verify(place: Path, key: str) -> None:
    assert verify_audit.run(str(place), key).problems == []  # noqa: S101


def _waits(store: Store, home: Path) -> list[float]:
    """Seconds from an entry's commit to the checkpoint over it, one entry at a time, with the agent's own thread."""
    scope = AuditScope("api", "AGENT", None, None, None, None, uuid.uuid4(), "0" * 16)
    sequencer, found = Sequencer(store, home / "ledger", "0" * 16), []
    sequencer.start()
    for _ in range(_PUBLISHED):
        size = feeds.published_size(store.engine)
        with store.begin(scope) as work:
            work.record(SystemStarted())
        started = time.perf_counter()
        while feeds.published_size(store.engine) == size:
            time.sleep(0.005)
        found.append(time.perf_counter() - started)
        time.sleep(Random(len(found)).random() / 5)  # noqa: S311 - so that entries meet the thread at any moment
    sequencer.stop()
    return found


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
