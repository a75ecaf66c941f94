"""P8: sequencing, inclusion proofs and offline verification over many entries, on SQLite.

`python -m benchmarks ledger`; TLOG_ENTRIES says how many (default 100,000; the goal is stated for 1,000,000). A proof
of an entry whose tiles nobody has read is one statement for six tiles at most, and folds about a thousand pairs of
hashes; it is made in a transaction of its own. Processor time is told beside wall time, of which a busy machine gives
less: what one core does in a second of its own. The offline verifier reads, hashes and compares every entry and every
tile, in one thread.
"""

import os
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from sqlalchemy import insert

from agents.ledger import Sequencer
from benchmarks._figures import Figure, figure
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
_VERIFIED = 3
_EVERY = 100
"""A tree that begins the whole one has this many times fewer leaves: a proof there tells how its cost grows."""


def measure() -> Iterator[Figure]:
    """From entries that wait to a log that is verified."""
    count = int(os.environ.get("TLOG_ENTRIES", "100000"))
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        store = _store(home)
        _fill(store, count)
        sequencer = Sequencer(store, home / "ledger", lambda: "0" * 16)
        yield from _rates(
            f"{count:,} entries: sequence and sign", count, [_taken(lambda: _advance(sequencer))], "20,000"
        )
        for size in (count // _EVERY, count):
            proofs = _proofs(store, size)
            yield figure(
                "", f"inclusion proof in {size:,}, tiles unread", [wall for wall, _ in proofs], "ms", scale=1000
            )
            busy = [busy for _, busy in proofs]
            what = f"inclusion proof in {size:,}, tiles unread, processor time"
            yield figure("P8", what, busy, "ms", scale=1000, wanted="≤ 5 ms")
        key = signing.log_key(store.origin, store.keyring)
        copied = [_taken(lambda: write_copy(store.engine, key, home / "copy.zip"))]
        yield from _rates("copy the log into a ZIP", count, copied, "")
        verified = [_taken(lambda: _verify(home / "copy.zip", key)) for _ in range(_VERIFIED)]
        yield from _rates("verify offline", count, verified, "200,000")
        yield figure("", "commit to published", _waits(store, home), "s", wanted="≤ 1 s")
        store.engine.dispose()
        store.keyring.close()


def _rates(what: str, count: int, taken: list[tuple[float, float]], goal: str) -> Iterator[Figure]:
    wanted = f"≥ {goal} /s" if goal else ""
    number = "P8" if goal else ""
    yield figure(number, what, [count / wall for wall, _ in taken], "/s", digits=0, wanted=wanted)
    yield figure(number, f"{what}, processor time", [count / busy for _, busy in taken], "/s", digits=0, wanted=wanted)


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


def _proofs(store: Store, size: int) -> list[tuple[float, float]]:
    """What a proof of one entry takes that is asked for alone, many times."""

    def prove(index: int) -> None:
        with transaction(store.engine, read_only=True) as session:
            Tree(session).inclusion_proof(index, size)

    return [_taken(lambda index=index: prove(index)) for index in Random(7).choices(range(size), k=_PROOFS)]  # type: ignore[misc]  # noqa: S311


def _verify(place: Path, key: str) -> None:
    assert verify_audit.run(str(place), key).problems == []  # noqa: S101


def _waits(store: Store, home: Path) -> list[float]:
    """Seconds from an entry's commit to the checkpoint over it, one entry at a time, with the agent's own thread."""
    scope = AuditScope("api", "AGENT", None, None, None, None, uuid.uuid4(), "0" * 16)
    sequencer, found = Sequencer(store, home / "ledger", lambda: "0" * 16), []
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


def _taken(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of it."""
    wall, busy = time.perf_counter(), time.thread_time()
    work()
    return time.perf_counter() - wall, time.thread_time() - busy
