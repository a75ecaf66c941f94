"""The check of the log while the platform runs: what somebody changed past the program is named, and nothing else is."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from agents.ledger import LogCheck, checking
from agents.sentinel import Sentinel
from muniment import doctor
from resolvers.watching import Watch
from storage.database import transaction
from storage.incidents import Incident
from storage.ledger import leaves, log_check
from storage.ledger.archiving import Archive
from storage.ledger.entries import AuditEvent
from storage.ledger.events import LogDamage, SystemStarted
from storage.ledger.log_check import DamagedRange
from storage.ledger.rows import AuditSequence, AuditTile
from storage.open_databases import OpenDatabases
from tests.agents.test_ageing import ageing
from tests.agents.test_ageing import happen as happen_about_nobody
from tests.agents.test_ledger import another, happen, settle
from tests.agents.worlds import World
from tests.faults.servers import wait_for


def checker(world: World) -> LogCheck:
    """A check at hand, with no thread of its own."""
    return LogCheck(world.store, lambda: "0" * 16, Watch())


def with_archive(world: World) -> LogCheck:
    return LogCheck(replace(world.store, archive=Archive(world.home / "archive")), lambda: "0" * 16, Watch())


def write(world: World, statement: str, **values: object) -> None:
    """What somebody with a login to the database does past the program."""
    with transaction(world.store.engine) as session:
        session.execute(text(statement), values)


def id_at(world: World, index: int) -> uuid.UUID:
    with transaction(world.store.engine, read_only=True) as session:
        return session.scalars(select(AuditSequence.event_id).where(AuditSequence.leaf_index == index)).one()


def recorded(world: World) -> list[tuple[object, ...]]:
    """What was recorded of damage, oldest first."""
    with transaction(world.store.engine, read_only=True) as session:
        found = session.scalars(
            select(AuditEvent.leaf).where(AuditEvent.action == "ledger.damaged").order_by(AuditEvent.id)
        )
        details = [leaves.read(leaf)["details"] for leaf in found]
    return [(each["damage"], each["firstIndex"], each["entryCount"]) for each in details]


def test_a_sound_log_is_no_damage(world: World) -> None:
    """Empty, in part of a bundle, over several, with entries that wait for their places: nothing is recorded."""
    check = checker(world)
    for count in (0, 3, 600, 1):
        happen(world, count)
        assert check.check() == []
        settle(world)
        assert check.check() == []
    assert recorded(world) == []


REMOVED = "DELETE FROM audit_events WHERE id = (SELECT event_id FROM audit_sequence WHERE leaf_index = :index)"
ALTERED = (
    "UPDATE audit_events SET leaf = :leaf WHERE id = (SELECT event_id FROM audit_sequence WHERE leaf_index = :index)"
)


@pytest.mark.parametrize("index", [0, 255, 299])
def test_an_entry_that_was_removed_is_named(world: World, index: int) -> None:
    """By its place, and by its id as long as its place is known; told once, whoever checks."""
    happen(world, 300)
    settle(world)
    gone = id_at(world, index)
    write(world, REMOVED, index=index)
    wrong = DamagedRange(LogDamage.MISSING, index, 1, gone)
    check = checker(world)
    with capture_logs() as logs:
        assert check.check() == [wrong] == check.check() == checker(world).check()
    assert recorded(world) == [("missing", index, 1)]
    assert [(each["event"], each["log_level"], each["count"]) for each in logs] == [
        ("audit_log.damaged", "critical", 1)
    ]
    write(world, "DELETE FROM audit_sequence WHERE leaf_index = :index", index=index)
    [found] = checker(world).check()
    assert (found.kind, found.index, found.count) == (LogDamage.MISSING, index, 1)


def test_the_end_that_was_published_is_missed(world: World) -> None:
    """Entries and places are gone together, as if they had never been."""
    happen(world, 20)
    settle(world)
    for table in ("audit_events", "audit_pending"):
        column = "id" if table == "audit_events" else "event_id"
        write(
            world,
            f"DELETE FROM {table} WHERE {column} IN (SELECT event_id FROM audit_sequence WHERE leaf_index >= 15)",  # noqa: S608
        )
    write(world, "DELETE FROM audit_sequence WHERE leaf_index >= 15")
    assert checker(world).check() == [DamagedRange(LogDamage.MISSING, 15, 5)]


def test_an_entry_that_was_altered_is_named(world: World) -> None:
    """Its leaf alone, and with the hash that stands beside it."""
    happen(world, 300)
    settle(world)
    write(world, ALTERED, index=7, leaf=b"{}")
    write(world, ALTERED, index=290, leaf=b"{}")
    write(
        world,
        "UPDATE audit_events SET leaf_hash = :hash WHERE id = (SELECT event_id FROM audit_sequence WHERE leaf_index = 290)",
        hash=leaves.leaf_hash(b"{}"),
    )
    assert [(each.kind, each.index) for each in checker(world).check()] == [
        (LogDamage.ALTERED, 7),
        (LogDamage.ALTERED, 290),
    ]


def test_entries_that_changed_places_are_named(world: World) -> None:
    """Each of the two has a hash that another place should have."""
    happen(world, 10)
    settle(world)
    one, two = id_at(world, 3), id_at(world, 4)
    with transaction(world.store.engine) as session:
        session.get_one(AuditSequence, 3).event_id = uuid.uuid4()
        session.flush()
        session.get_one(AuditSequence, 4).event_id = one
        session.flush()
        session.get_one(AuditSequence, 3).event_id = two
    assert checker(world).check() == [DamagedRange(LogDamage.ALTERED, 3, 2, two)]


def put_in(world: World) -> uuid.UUID:
    """An entry that lies in the table only; answers its id."""
    with world.work() as work:
        strange = work.record(SystemStarted())
    write(world, "DELETE FROM audit_pending WHERE event_id = :id", id=strange if is_postgresql(world) else strange.hex)
    return strange


def is_postgresql(world: World) -> bool:
    return world.store.engine.dialect.name == "postgresql"


def test_an_entry_that_was_put_in_is_named(world: World) -> None:
    """It neither has a place nor waits for one; the entries that wait are no damage."""
    happen(world, 5)
    settle(world)
    strange = put_in(world)
    happen(world)
    assert checker(world).check() == [DamagedRange(LogDamage.STRAY, None, 1, strange)]
    assert recorded(world) == [("stray", None, 1)]


def test_an_old_entry_that_was_put_in_is_found_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the newest ones; at the oldest the search begins anew."""
    monkeypatch.setattr(log_check, "MOST_ENTRIES", 10)
    happen(world, 5)
    wrong = DamagedRange(LogDamage.STRAY, None, 1, put_in(world))
    happen(world, 24)
    settle(world)
    check = checker(world)
    assert [check.check() for _ in range(7)] == [[], [], [wrong], [], [], [], [wrong]]
    assert recorded(world) == [("stray", None, 1)]


@pytest.mark.parametrize("level", [0, 1])
def test_a_hash_that_was_altered_is_named(world: World, level: int) -> None:
    """Of a full tile, of the one above it, and of an entry and its hash together."""
    happen(world, 520)
    settle(world)
    with transaction(world.store.engine) as session:
        tile = session.get_one(AuditTile, (level, 0))
        tile.hashes = bytes(32) + tile.hashes[32:]
    found = checker(world).check()
    assert (LogDamage.HASHES, 0) in {(each.kind, each.index) for each in found}
    assert ((LogDamage.ALTERED, 0) in {(each.kind, each.index) for each in found}) == (level == 0)


def test_an_entry_altered_together_with_its_hash_is_found_by_the_root(world: World) -> None:
    """In the tile that is not full yet nothing else stands above it."""
    happen(world, 10)
    settle(world)
    write(world, ALTERED, index=2, leaf=b"{}")
    with transaction(world.store.engine) as session:
        tile = session.get_one(AuditTile, (0, 0))
        tile.hashes = tile.hashes[:64] + leaves.leaf_hash(b"{}") + tile.hashes[96:]
    assert checker(world).check() == [DamagedRange(LogDamage.HASHES, 0, 10)]


def test_what_left_for_the_archive_is_no_damage(world: World) -> None:
    """Entries that left without lying there are."""
    happen_about_nobody(world, 600)
    settle(world)
    assert ageing(world).archive() == 512
    settle(world)
    check = with_archive(world)
    assert check.check() == []
    write(world, "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_sequence WHERE leaf_index < 520)")
    write(world, "DELETE FROM audit_sequence WHERE leaf_index < 520")
    assert DamagedRange(LogDamage.MISSING, 512, 8) in check.check()
    (world.home / "archive" / "checkpoint").write_text("somebody else's\n\n")
    assert DamagedRange(LogDamage.MISSING, 0, 520) in check.check()


def test_older_entries_are_checked_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old entry is missed after so many runs, and the search goes on from the beginning."""
    monkeypatch.setattr(checking, "NEWEST_BUNDLES", 1)
    monkeypatch.setattr(checking, "OLDER_BUNDLES", 1)
    happen(world, 3 * 256 + 10)
    settle(world)
    check = checker(world)
    write(world, REMOVED, index=300)
    assert [bool(check.check()) for _ in range(6)] == [False, True, False, False, False, True]
    assert recorded(world) == [("missing", 300, 1)]


def test_entries_of_a_burst_are_all_checked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more came than one run checks, the next goes on from there."""
    monkeypatch.setattr(checking, "NEWEST_BUNDLES", 1)
    monkeypatch.setattr(checking, "OLDER_BUNDLES", 0)
    monkeypatch.setattr(checking, "MOST_BUNDLES", 2)
    check = checker(world)
    happen(world, 100)
    settle(world)
    assert check.check() == []
    happen(world, 5 * 256)
    settle(world)
    write(world, REMOVED, index=700)
    assert [bool(check.check()) for _ in range(6)] == [False, False, True, False, False, False]


def test_much_damage_is_a_few_events(world: World) -> None:
    """The last of them counts all that is left; nothing is recorded for good."""
    happen(world, 200)
    settle(world)
    write(
        world,
        "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_sequence WHERE leaf_index % 2 = 0)",
    )
    check = checker(world)
    assert len(check.check()) == 100
    assert len(check.check()) == 100
    told = recorded(world)
    assert len(told) == checking.MOST_EVENTS
    assert sum(int(str(count)) for _, _, count in told) == 100


def test_damage_opens_an_incident(world: World) -> None:
    """Within one step of the sentinel's, as D06."""
    sentinel = Sentinel(world.store, lambda: "0" * 16)
    sentinel.advance()
    happen(world, 5)
    settle(world)
    write(world, REMOVED, index=2)
    checker(world).check()
    settle(world)
    sentinel.advance()
    with transaction(world.store.engine, read_only=True) as session:
        assert [each.detection for each in session.scalars(select(Incident))] == ["D06"]


def test_checks_beside_a_busy_log_find_nothing(world: World) -> None:
    """Entries are written, given their places and archived meanwhile, over several tiles."""
    ended = threading.Event()
    wrong: list[BaseException] = []

    def until_ended(step: Callable[[], object]) -> None:
        try:
            while not ended.is_set():
                step()
        except BaseException as error:
            wrong.append(error)
            raise

    sequencer, check, ages = another(world, batch=200), with_archive(world), ageing(world)
    steps = (lambda: happen_about_nobody(world, 40), sequencer.advance, lambda: ages.archive())
    threads = [threading.Thread(target=until_ended, args=[step]) for step in steps]
    for thread in threads:
        thread.start()
    found = []
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        found += check.check()
    ended.set()
    for thread in threads:
        thread.join()
    assert (found, wrong, recorded(world)) == ([], [], [])
    with transaction(world.store.engine, read_only=True) as session:
        assert log_check.size_of(session) > 600


def test_the_thread_checks_by_itself_and_outlives_an_outage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails once is tried again; the damage is recorded without anybody asking."""
    monkeypatch.setattr(checking, "EVERY_SECONDS", 0.05)
    really, failures = log_check.check_published, itertools.count()

    def fails_once(session: Session) -> list[DamagedRange]:
        if next(failures) == 0:
            raise OSError("away")
        return really(session)

    monkeypatch.setattr(log_check, "check_published", fails_once)
    happen(world, 5)
    settle(world)
    write(world, REMOVED, index=4)
    check = checker(world)
    with capture_logs() as logs:
        check.start()
        wait_for(lambda: recorded(world))
        check.stop()
    assert [each["event"] for each in logs] == ["audit_log.check_failed", "audit_log.damaged"]


def test_doctor_says_so(world: World) -> None:
    """About the newest entries; nothing is recorded by it."""
    databases = OpenDatabases.of(world.store)
    happen(world, 40)
    settle(world)
    assert [(each.good, each.text) for each in doctor.audit_log(databases)] == [
        (True, "the newest entries are what was hashed into the log")
    ]
    write(world, REMOVED, index=3)
    write(world, REMOVED, index=4)
    put_in(world)
    [found] = doctor.audit_log(databases)
    assert not found.good
    assert found.text.startswith(
        "2 entries from place 3 on: missing, 1 entry without a place: stray: look at runbook D06"
    )
    assert recorded(world) == []
