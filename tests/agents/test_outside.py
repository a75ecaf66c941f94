"""Where checkpoints lie outside the database: an object store like a directory, and what becomes of an outage of either."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from agents.ledger import Sequencer
from storage.database import transaction
from storage.ledger.buckets import Bucket
from storage.ledger.checkpoint import verified
from storage.ledger.events import Discrepancy
from storage.ledger.publishing import LedgerRefused, Memory
from storage.ledger.rows import AuditPending, AuditSequence
from tests.agents.test_ledger import happen, notes, vkey
from tests.agents.worlds import World
from tests.services.bucket import S3, serving

PLACE = "/trail/of/ours/checkpoint"


@pytest.fixture
def s3() -> Iterator[S3]:
    """An object store on loopback."""
    with serving() as running:
        yield running


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A place in it."""
    return Bucket.at(s3.reach(monkeypatch), inside_too=True)


def sequencer(world: World, outside: Memory) -> Sequencer:
    return Sequencer(world.store, outside, lambda: "0" * 16)


def waiting(world: World) -> tuple[int, int]:
    """How many entries have no place yet, and how many have one."""
    return world.count(AuditPending), world.count(AuditSequence)


def test_every_checkpoint_lies_in_the_object_store_before_it_is_published(world: World, bucket: Bucket, s3: S3) -> None:
    """The newest one, byte for byte; a new place is filled at the start."""
    running = sequencer(world, bucket)
    for count in (3, 300):
        happen(world, count)
        assert running.advance()
        assert s3.objects == {PLACE: notes(world)[-1].encode()}
    s3.objects.clear()
    running.inspect()
    assert s3.objects == {PLACE: notes(world)[-1].encode()}


def test_a_database_behind_the_object_store_is_refused(world: World, bucket: Bucket, s3: S3) -> None:
    """As behind a directory: nothing is sequenced on top of an older state, and what lies there stays."""
    running = sequencer(world, bucket)
    happen(world, 5)
    assert running.advance()
    with transaction(world.store.engine) as session:  # as a restored backup would have it
        for table in ("audit_checkpoints", "audit_sequence", "audit_tiles", "audit_events"):
            session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    kept = dict(s3.objects)
    happen(world, 2)
    for attempt in (running.advance, running.inspect):
        with pytest.raises(LedgerRefused) as refusal:
            attempt()
        assert (refusal.value.reason, refusal.value.published) == (Discrepancy.ROLLED_BACK, 5)
    assert (waiting(world), notes(world), s3.objects) == ((2, 0), [], kept)


@pytest.mark.parametrize("when", ["before it is read", "before it is written"])
def test_while_the_object_store_is_away_nothing_is_published(world: World, bucket: Bucket, s3: S3, when: str) -> None:
    """Entries are written and wait; once it is back they are published, without a hand's turn."""
    running = sequencer(world, bucket)
    happen(world, 2)
    assert running.advance()
    if when == "before it is read":
        s3.status = 503
    else:
        s3.before_put = lambda path: setattr(s3, "status", 503)
    happen(world, 3)
    with pytest.raises(LedgerRefused) as refusal:
        running.advance()
    assert refusal.value.reason is Discrepancy.UNREACHABLE
    assert waiting(world) == ((3, 2) if when == "before it is read" else (0, 5))
    assert [verified(note, vkey(world)).size for note in notes(world)] == [2]
    assert s3.objects == {PLACE: notes(world)[-1].encode()}
    happen(world, 1)
    s3.status = None
    while running.advance():
        pass
    assert [verified(note, vkey(world)).size for note in notes(world)] == [2, 6]
    assert waiting(world) == (0, 6)
    assert s3.objects == {PLACE: notes(world)[-1].encode()}


def test_a_directory_that_can_not_be_used_is_told_like_one(world: World) -> None:
    """A full or broken disk outside stops the log, not the platform."""
    (world.home / "ledger").write_text("a file where the directory should be")
    running = Sequencer(world.store, world.home / "ledger", lambda: "0" * 16)
    happen(world, 2)
    with pytest.raises(LedgerRefused) as refusal:
        running.advance()
    assert refusal.value.reason is Discrepancy.UNREACHABLE
    assert (waiting(world), notes(world)) == ((2, 0), [])
    (world.home / "ledger").unlink()
    assert running.advance()
    assert waiting(world) == (0, 2)


def test_nobody_waits_for_the_place_outside(world: World) -> None:
    """It is asked while no transaction is open: whoever writes meanwhile is not held up, on SQLite either."""

    class Slow:
        note: str | None = None
        asked = 0

        def newest(self) -> str | None:
            self.asked += 1
            if self.asked < 4:
                happen(world)
            return self.note

        def put(self, note: str, size: int) -> None:
            happen(world)
            self.note = note

    slow = Slow()
    happen(world)
    assert sequencer(world, slow).advance()
    assert slow.asked >= 2
    assert slow.note == notes(world)[-1]
