"""Rows of the queue that somebody wrote past the program: nothing of them runs, and it is known within seconds."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select, text

from agents import runtime
from agents.models.gateway import Gateway
from agents.queue_watch import QueueWatch
from agents.sentinel.detecting import Detector
from policies.force import InForce
from resolvers.watching import Watch
from storage import queue
from storage.clock import now
from storage.database import transaction
from storage.ledger.entries import AuditEvent
from storage.ledger.happenings import Happening
from storage.queue_tables import FORMAT, FORMATTED, name
from tests.agents.worlds import World
from tests.poison import insert_row, insert_run, pickled, take_constraints_off


@dataclass
class Counting(Watch):
    """Keeps what was counted."""

    refused: list[int] = field(default_factory=list)

    def queue_rows_refused(self, count: int) -> None:
        self.refused.append(count)


@pytest.fixture
def registered() -> Iterator[list[uuid.UUID]]:
    """A workflow that notes what it ran with, and is forgotten after the test."""
    before, ran = dict(runtime._workflows), list[uuid.UUID]()
    runtime.register("note", lambda _agents, identity: ran.append(identity))
    yield ran
    runtime._workflows.clear()
    runtime._workflows.update(before)


def statuses(world: World) -> dict[str, str]:
    with transaction(world.store.engine, read_only=True) as session:
        place = name(session.connection(), "workflow_status")
        return dict(session.execute(text(f"SELECT workflow_uuid, status FROM {place}")).all())  # noqa: S608


def events(world: World) -> list[dict[str, int]]:
    with transaction(world.store.engine, read_only=True) as session:
        found = session.scalars(select(AuditEvent.leaf).where(AuditEvent.action == "queue.rows_refused"))
        return [json.loads(leaf)["details"] for leaf in found]


def wait(done: object) -> None:
    assert callable(done)
    for _ in range(600):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError


def poisoned(world: World, proof: Path) -> list[str]:
    """Runs as an owner of the tables could write them: new ones, and some that look as if they had begun here."""
    evil = pickled(proof)
    inputs: list[tuple[str | None, str | None]] = [
        ("py_pickle", evil), (None, evil), ("portable_json", evil), ("other", evil), (FORMAT, evil), ("py_pickle", None),
        (FORMAT, None), (FORMAT, "[]"), (FORMAT, "null"), (FORMAT, '{"args":[7],"kwargs":{}}'), (FORMAT, "[" * 9000),
        (FORMAT, '{"args":["x"],"kwargs":{}}'), (FORMAT, '{"args":[],"kwargs":{}}'), (FORMAT, '{"args":[],"kwargs":{"a":1}}'),
    ]  # fmt: skip
    with transaction(world.store.engine) as session:
        connection = session.connection()
        take_constraints_off(connection)
        made = [insert_run(connection, "note", *each) for each in inputs]
        made += [insert_run(connection, "note", *each, status="PENDING", executor="main") for each in inputs]
        for table in FORMATTED:
            insert_row(connection, table, made[0], "py_pickle", evil)
    return made


def test_no_row_runs_code_and_other_jobs_go_on(
    world: World, gateway: Gateway, registered: list[uuid.UUID], tmp_path: Path
) -> None:
    """Of every format and form, new or begun, in every table: refused, removed or failed, counted and recorded."""
    queue.prepare(world.store.engine)
    proof, counting = tmp_path / "ran", Counting()
    before, after = uuid.uuid4(), uuid.uuid4()
    with world.work() as work:
        work.enqueue("note", before)
    rows = poisoned(world, proof)
    agents = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    watch = QueueWatch(world.store, lambda: world.policy.version, counting)
    wait(lambda: statuses(world).get(f"note:{before}") == "SUCCESS")
    watch.start()
    try:
        with world.work() as work:
            work.enqueue("note", after)
        wait(lambda: statuses(world).get(f"note:{after}") == "SUCCESS")
        wait(lambda: {status for run, status in statuses(world).items() if run in rows} <= {"ERROR"})
        wait(lambda: events(world))
    finally:
        runtime.stop(agents)
        watch.stop()
    assert not proof.exists()
    assert sorted(registered) == sorted([before, after])
    assert counting.refused and sum(counting.refused) >= 6
    assert {key for each in events(world) for key in each} == {"refusedCount", "removedCount"}


def test_a_row_that_comes_later_is_recorded_at_once(
    world: World, gateway: Gateway, registered: list[uuid.UUID], tmp_path: Path
) -> None:
    """The worker refuses it, and the entry is there within seconds, not at the next search; a flood makes few."""
    queue.prepare(world.store.engine)
    agents = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    watch = QueueWatch(world.store, lambda: world.policy.version, Watch())
    watch.start()
    try:
        assert events(world) == []
        with transaction(world.store.engine) as session:
            for _ in range(20):
                insert_run(session.connection(), "note", FORMAT, pickled(tmp_path / "ran"))
        wait(lambda: sum(each["refusedCount"] for each in events(world)) == 20)
    finally:
        runtime.stop(agents)
        watch.stop()
    assert len(events(world)) <= 4
    assert not registered and not (tmp_path / "ran").exists()
    assert set(statuses(world).values()) == {"ERROR"}


def test_jobs_in_other_partitions_hold_up_nothing(world: World, registered: list[uuid.UUID]) -> None:
    """Those in a partition that is not their workflow's are removed; those of an unknown workflow wait for a while."""
    queue.prepare(world.store.engine)
    mine = uuid.uuid4()
    with world.work() as work:
        work.enqueue("note", mine)
    with transaction(world.store.engine) as session:
        connection = session.connection()
        displaced = [insert_run(connection, "note", FORMAT, "{}") for _ in range(30)]
        unknown = [insert_run(connection, f"later{number}", FORMAT, "{}") for number in range(30)]
        moved = text(
            f"UPDATE {name(connection, 'workflow_status')} SET queue_partition_key = 'p' || workflow_uuid"  # noqa: S608
            " WHERE workflow_uuid = :run"
        )
        for run in displaced:
            connection.execute(moved, {"run": run})
    watch = QueueWatch(world.store, lambda: world.policy.version, Watch())
    assert watch.check() == 30
    assert statuses(world) == {f"note:{mine}": "ENQUEUED", **dict.fromkeys(unknown, "DELAYED")}
    assert events(world) == [{"refusedCount": 0, "removedCount": 30}]
    assert watch.check() == 0
    with transaction(world.store.engine, read_only=True) as session:
        place = name(session.connection(), "workflow_status")
        due = session.scalar(text(f"SELECT min(delay_until_epoch_ms) FROM {place} WHERE status = 'DELAYED'"))  # noqa: S608
    assert due > (time.time() + 500) * 1000


def test_it_opens_an_incident() -> None:
    """The first entry does."""
    hits = Detector().feed(Happening(now(), "queue.rows_refused", "FAILED"))
    assert [(hit.detection.id, hit.opens) for hit in hits] == [("D24", True)]


def test_what_could_not_be_recorded_is_recorded_the_next_time(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away loses no count."""
    queue.prepare(world.store.engine)
    watch = QueueWatch(world.store, lambda: world.policy.version, Watch())
    with pytest.raises(Exception, match="a row of the queue"):
        queue.IdsOnly().deserialize("no JSON")
    with monkeypatch.context() as patch:
        patch.setattr(type(world.store), "begin", lambda *_given, **_named: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watch.check()
    assert events(world) == []
    assert watch.check() == 1
    assert events(world) == [{"refusedCount": 1, "removedCount": 0}]
