"""The ledger agent: every entry gets one place, every checkpoint begins the next, and no history is signed twice."""

import itertools
import shutil
import threading
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from agents.ledger import Sequencer
from storage.clock import now
from storage.database import transaction
from storage.ledger import copies, merkle, sequencing, signing, verify_audit
from storage.ledger.checkpoint import verified
from storage.ledger.entries import AuditEvent
from storage.ledger.events import Discrepancy, SystemStarted
from storage.ledger.publishing import LedgerRefused, Outside
from storage.ledger.rows import AuditCheckpoint, AuditLease, AuditPending, AuditSequence
from storage.ledger.tree import Tree
from tests import forks
from tests.agents.sequencing import STEPS
from tests.agents.worlds import ROOT, World


@pytest.fixture
def sequencer(world: World) -> Sequencer:
    """A sequencer at hand, with no thread of its own."""
    return another(world)


def another(world: World, *, batch: int = 50) -> Sequencer:
    return Sequencer(world.store, world.home / "ledger", lambda: "0" * 16, batch=batch)


def happen(world: World, times: int = 1) -> None:
    """So many entries, each in a transaction of its own when few."""
    with world.work() as work:
        for _ in range(times):
            work.record(SystemStarted())


def vkey(world: World) -> str:
    return signing.log_key(world.store.origin, world.store.keyring)


def settle(world: World) -> None:
    """Advance until nothing is left to do."""
    sequencer = another(world)
    while sequencer.advance():
        pass
    sequencer._release()


def notes(world: World) -> list[str]:
    """Every published checkpoint, oldest first."""
    with transaction(world.store.engine, read_only=True) as session:
        return [bytes(row.note).decode() for row in session.query(AuditCheckpoint).order_by(AuditCheckpoint.size)]


def assert_one_history(world: World, entries: int) -> None:
    """Every entry once, without gaps; every checkpoint a prefix of the next; all of it verifies from a copy."""
    with transaction(world.store.engine, read_only=True) as session:
        indexes = [row.leaf_index for row in session.query(AuditSequence).order_by(AuditSequence.leaf_index)]
        assert indexes == list(range(entries))
        assert session.query(AuditEvent).count() == entries
        assert session.query(AuditPending).count() == 0
        tree = Tree(session)
        checkpoints = [verified(note, vkey(world)) for note in notes(world)]
        assert checkpoints[-1].size == entries
        for older, newer in itertools.pairwise(checkpoints):
            proof = merkle.consistency_proof(older.size, newer.size, tree.subtree)
            merkle.verify_consistency(older.size, newer.size, proof, older.root, newer.root)
    place = world.home / "copy.zip"
    copies.write_copy(world.store.engine, vkey(world), place)
    for number, note in enumerate(notes(world)):
        (world.home / f"kept{number}").write_text(note)
        report = verify_audit.run(str(place), vkey(world), str(world.home / f"kept{number}"))
        assert report.problems == []
    assert Outside(world.home / "ledger").newest() == notes(world)[-1]


def test_entries_get_their_places_and_a_checkpoint_over_them(world: World, sequencer: Sequencer) -> None:
    """In batches, over several tiles, with a checkpoint after each time there was something to do."""
    for count in (1, 255, 3, 300):
        happen(world, count)
        assert sequencer.advance()
        assert not sequencer.advance()
    assert [verified(note, vkey(world)).size for note in notes(world)] == [1, 256, 259, 559]
    assert_one_history(world, 559)


@pytest.mark.one_database("postgresql", reason="SQLite has one writer at a time by its own nature")
def test_writers_do_not_wait_for_one_anothers_entries(world: World) -> None:
    """While one unit of work with an entry is open, others write theirs and commit; then it commits too."""
    with world.work() as first:
        first.record(SystemStarted())
        first.session.flush()
        for _ in range(8):
            with world.work() as other:
                other.session.connection().exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
                other.record(SystemStarted())
    settle(world)
    assert_one_history(world, 9)


def test_an_idle_sequencer_writes_nothing(world: World, sequencer: Sequencer) -> None:
    """Nothing new means no checkpoint, no lease, nothing outside."""
    assert not sequencer.advance()
    with transaction(world.store.engine, read_only=True) as session:
        assert session.execute(text("SELECT count(*) FROM audit_lease")).scalar() == 0
    assert notes(world) == []
    assert not (world.home / "ledger" / "checkpoint").exists()


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_process_goes_on(world: World, step: str) -> None:
    """kill -9 with a first checkpoint there: one history, one place for each entry, nothing to mend by hand."""
    happen(world, 20)
    settle(world)
    happen(world, 30)
    url = world.store.engine.url.render_as_string(hide_password=False)
    killed = forks.run(["-W", "ignore", "-m", "tests.agents.sequencing", world.home, url, step], cwd=ROOT, text=True)
    assert (killed.returncode, killed.stdout) == (-9, ""), killed.stderr
    with transaction(world.store.engine) as session:  # as if the lease had run out
        session.execute(text("DELETE FROM audit_lease"))
    settle(world)
    assert_one_history(world, 50)
    assert list((world.home / "ledger").glob("*.part")) == []


def test_two_sequencers_at_once_make_one_tree(world: World) -> None:
    """Both work as fast as they can, without a lease to keep them apart, while entries keep coming."""
    done = threading.Event()
    failures: list[Exception] = []

    def run(sequencer: Sequencer) -> None:
        while not done.is_set():
            try:
                sequencer.advance()
            except Exception as failure:
                failures.append(failure)

    threads = [threading.Thread(target=run, args=(another(world, batch=7),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        happen(world, 10)
        with transaction(world.store.engine) as session:
            session.execute(text("DELETE FROM audit_lease"))
    time.sleep(0.5)
    done.set()
    for thread in threads:
        thread.join()
    settle(world)
    assert failures == []
    assert_one_history(world, 150)


def test_the_lease_keeps_a_second_sequencer_waiting(
    world: World, sequencer: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one holds it the other does nothing; once it is given up, the other goes on."""
    monkeypatch.setattr(sequencing, "LEASE", timedelta(minutes=5))
    happen(world)
    assert sequencer.advance()
    happen(world)
    second = another(world)
    assert not second.advance()
    sequencer._release()
    assert second.advance()
    assert_one_history(world, 2)


@pytest.mark.parametrize("left", [timedelta(seconds=-1), timedelta(days=400)], ids=["run out", "clock set back"])
def test_a_lease_that_means_nothing_keeps_nobody_waiting(world: World, sequencer: Sequencer, left: timedelta) -> None:
    """Its holder was killed; and where its end lies absurdly far away, the clock has been set back since."""
    happen(world)
    with transaction(world.store.engine) as session:
        session.add(AuditLease(id=1, holder=uuid.uuid4(), until=now() + left))
    assert sequencer.advance()


def test_what_is_recorded_while_the_house_closes_has_its_place(world: World) -> None:
    """The sequencer takes one more step when it is told to stop."""
    running = another(world)
    running.start()
    happen(world)
    running.stop()
    assert_one_history(world, 1)


@pytest.mark.one_database("sqlite", reason="a backup is a copy of one file there; what is checked is the same code")
def test_a_restored_backup_is_refused_and_told(world: World, sequencer: Sequencer) -> None:
    """Nothing is sequenced or signed on top of an older state, at the start or later, and the trail says why, once."""
    database, backup = world.home / "data" / "muniment.sqlite3", world.home / "backup.sqlite3"
    happen(world, 10)
    settle(world)
    world.store.engine.dispose()
    shutil.copyfile(database, backup)
    happen(world, 10)
    settle(world)
    kept = Outside(world.home / "ledger").newest()
    world.store.engine.dispose()
    for left in database.parent.glob("*.sqlite3-*"):
        left.unlink()
    shutil.copyfile(backup, database)

    with pytest.raises(LedgerRefused) as refused:
        another(world).inspect()
    assert (refused.value.reason, refused.value.published, refused.value.size) == (Discrepancy.ROLLED_BACK, 20, 10)
    happen(world, 50)
    with pytest.raises(LedgerRefused):
        another(world).advance()
    assert [verified(note, vkey(world)).size for note in notes(world)] == [10]
    assert Outside(world.home / "ledger").newest() == kept

    with capture_logs() as logs:
        started = another(world)
        started.start()
        deadline = time.monotonic() + 20
        while not logs and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        started.stop()
    assert [(each["event"], each["log_level"]) for each in logs] == [("the ledger is halted", "critical")]
    with transaction(world.store.engine, read_only=True) as session:
        told = [row for row in session.query(AuditEvent) if row.action == "ledger.halted"]
    assert [(row.component, row.outcome.value) for row in told] == [("agent:ledger", "FAILED")]
    assert b'"presentCount":10,"publishedCount":20,"reason":"rolled_back"' in told[0].leaf


def test_a_rewritten_tree_is_refused(world: World, sequencer: Sequencer) -> None:
    """As many entries as were published, and other ones: that is a fork."""
    happen(world, 5)
    assert sequencer.advance()
    with transaction(world.store.engine) as session:
        session.execute(text("UPDATE audit_tiles SET hashes = :other"), {"other": b"x" * 160})
    happen(world)
    with pytest.raises(LedgerRefused) as refused:
        sequencer.advance()
    assert refused.value.reason is Discrepancy.FORKED
    assert len(notes(world)) == 1


def test_an_entry_altered_before_it_had_its_place_is_refused(world: World, sequencer: Sequencer) -> None:
    """What is hashed is what was written, or nothing is."""
    happen(world)
    with transaction(world.store.engine) as session:
        session.execute(text("UPDATE audit_events SET leaf = :other"), {"other": b"{}"})
    with pytest.raises(LedgerRefused) as refused:
        sequencer.advance()
    assert refused.value.reason is Discrepancy.DAMAGED
    assert notes(world) == []


@pytest.mark.parametrize("left", [b"", b"noise", b"other.example\n1\nAAAA\n\n\xe2\x80\x94 other.example AAAA\n"])
def test_an_unreadable_checkpoint_outside_is_refused(world: World, sequencer: Sequencer, left: bytes) -> None:
    """What can't be compared is not passed over: somebody has to look."""
    happen(world)
    (world.home / "ledger").mkdir()
    (world.home / "ledger" / "checkpoint").write_bytes(left)
    with pytest.raises(LedgerRefused) as refused:
        sequencer.advance()
    assert refused.value.reason is Discrepancy.UNREADABLE
    assert notes(world) == []


def test_an_empty_directory_outside_is_filled_at_the_start(world: World, sequencer: Sequencer) -> None:
    """A new place for checkpoints knows the newest one before anything else happens."""
    happen(world)
    settle(world)
    (world.home / "ledger" / "checkpoint").unlink()
    sequencer.inspect()
    assert Outside(world.home / "ledger").newest() == notes(world)[-1]


def test_the_thread_publishes_within_a_second_and_stops(world: World) -> None:
    """Entries are covered soon after they were committed, and nothing runs on after the stop."""
    running = another(world)
    running.start()
    happen(world)
    deadline = time.monotonic() + 20  # these machines are shared
    while not notes(world) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.stop()
    happen(world)
    time.sleep(0.5)
    assert len(notes(world)) == 1
    with transaction(world.store.engine, read_only=True) as session:
        assert session.execute(text("SELECT count(*) FROM audit_lease")).scalar() == 0


def test_an_older_checkpoint_never_takes_the_place_of_a_newer_one_outside(home: Path, world: World) -> None:
    """A process that was held up for long puts nothing back."""
    happen(world)
    settle(world)
    old = notes(world)[-1]
    happen(world)
    settle(world)
    outside = Outside(world.home / "ledger")
    outside.put(old, 1)
    assert outside.newest() == notes(world)[-1]
