"""Poison that hangs, or ends its thread or its process; and what is noted of it and tried again."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from agents import loops
from agents.sentinel import Sentinel
from agents.sentinel import supervision as supervisions
from agents.sentinel.detecting import Detector
from storage import incidents, set_aside
from storage.clock import now
from storage.database import is_away, transaction
from storage.ids import new_id
from storage.incidents import SentinelMark
from storage.ledger.happenings import Happening
from storage.set_aside import SetAsideItem
from tests.agents.test_poison import (
    attack,
    denial,
    kept,
    opened,
    poison_feed,
    raising,
    record,
    sentinel,
    sequencing_free,
)
from tests.agents.worlds import World

__all__ = ["sentinel"]


def test_an_entry_at_which_detection_hangs_is_set_aside(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that hangs is left behind, another one takes its place, and the first does nothing more."""
    goes_on = threading.Event()
    (poison,) = record(world, denial(), actor=new_id())
    attack(world)
    poison_feed(monkeypatch, poison, lambda: goes_on.wait(60) and None)
    monkeypatch.setattr(supervisions, "HANGS_SECONDS", 0.5)
    monkeypatch.setattr(supervisions, "_LOOK_SECONDS", 0.1)
    running = Sentinel(world.store, lambda: "0" * 16)
    with transaction(world.store.engine) as session:
        sequencing_free(session, sentinel)
    running.start()
    try:
        deadline = time.monotonic() + 60
        while not opened(world, "D15") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [row.item_id for row in kept(world)] == [poison]
        assert len(opened(world, "D15")) == 1
    finally:
        goes_on.set()
        running.stop()


def test_a_thread_whose_connection_hangs_is_replaced(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no entry is at fault as well: another thread goes on with another connection, and nothing is set aside."""
    goes_on, hung = threading.Event(), threading.Event()
    monkeypatch.setattr(supervisions, "STALLED_SECONDS", 2.0)
    monkeypatch.setattr(supervisions, "_LOOK_SECONDS", 0.1)
    usual = incidents.mark

    def mark(session: Any) -> Any:
        if threading.current_thread().name == "sentinel" and not hung.is_set():
            hung.set()
            goes_on.wait(60)
        return usual(session)

    monkeypatch.setattr(incidents, "mark", mark)
    running = Sentinel(world.store, lambda: "0" * 16)
    with transaction(world.store.engine) as session:
        sequencing_free(session, sentinel)
    running.start()
    try:
        assert hung.wait(30)
        attack(world)
        deadline = time.monotonic() + 60
        while not opened(world, "D15") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(opened(world, "D15")) == 1
        goes_on.set()
        time.sleep(1)
        assert len(opened(world, "D15")) == 1
        assert kept(world) == []
    finally:
        goes_on.set()
        running.stop()


def test_a_thread_that_died_is_replaced(world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ended it."""
    attack(world)
    monkeypatch.setattr(supervisions, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    died = threading.Event()
    usual = Detector.feed

    def feed(self: Detector, happening: Happening) -> Any:
        if not died.is_set():
            died.set()
            raise SystemExit
        return usual(self, happening)

    monkeypatch.setattr(Detector, "feed", feed)
    running = Sentinel(world.store, lambda: "0" * 16)
    with transaction(world.store.engine) as session:
        sequencing_free(session, sentinel)
    running.start()
    try:
        deadline = time.monotonic() + 60
        while not opened(world, "D15") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(opened(world, "D15")) == 1
    finally:
        running.stop()


class Killed(BaseException):
    """Stands for the end of the process."""


def test_an_entry_that_ends_the_process_is_set_aside_by_a_later_start(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted before it is judged, since nothing can be counted afterwards. What stands around it is judged."""
    record(world, denial(), denial(), actor=new_id())
    (poison,) = record(world, denial(), actor=new_id())
    attack(world)
    poison_feed(monkeypatch, poison, raising(Killed()))
    for _ in range(10):
        with transaction(world.store.engine) as session:
            sequencing_free(session, sentinel)
        sentinel = Sentinel(world.store, lambda: "0" * 16)
        try:
            while sentinel.advance():
                pass
        except Killed:
            continue
        break
    assert [(row.item_id, row.cause) for row in kept(world)] == [(poison, "ended")]
    assert len(opened(world, "D15")) == 1


def test_starts_that_end_for_another_reason_set_nothing_aside(world: World, sentinel: Sentinel) -> None:
    """Only beginning entries without coming to their end counts."""
    for _ in range(10):
        with transaction(world.store.engine) as session:
            sequencing_free(session, sentinel)
        sentinel = Sentinel(world.store, lambda: "0" * 16)
        record(world, denial(), actor=new_id())
        sentinel.advance()
    with transaction(world.store.engine, read_only=True) as session:
        mark = incidents.mark(session)
        assert isinstance(mark, SentinelMark)
        assert mark.attempts == 0
    assert kept(world) == []


def test_why_detection_does_not_get_on_is_noted(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words that name the cause: its type and place, and nothing of what it says."""
    try:
        raise TypeError("somebody@example.org")
    except TypeError as error:
        sentinel._note_cause(error)
        cause = loops.cause_of(error)
    assert cause.startswith("typeerror:tests.agents.test_poison_that_hangs:")
    with transaction(world.store.engine, read_only=True) as session:
        mark = incidents.mark(session)
        assert mark is not None
        assert mark.cause == cause
    record(world, denial(), actor=new_id())
    sentinel.advance()
    with transaction(world.store.engine, read_only=True) as session:
        mark = incidents.mark(session)
        assert mark is not None
        assert mark.cause is None


def test_a_database_that_is_away_is_told_from_a_statement_that_fails(world: World) -> None:
    """By what the database itself says; what is not its own is no outage."""
    engine = world.store.engine
    with pytest.raises(OperationalError) as missing, engine.connect() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))
    assert is_away(missing.value) == (engine.dialect.name == "postgresql")
    if engine.dialect.name == "postgresql":
        with pytest.raises(OperationalError) as slow, engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 20"))
            connection.execute(text("SELECT pg_sleep(5)"))
        assert not is_away(slow.value)
    assert not is_away(ValueError())
    assert is_away(OperationalError("SELECT", {}, Exception("lost")))


def test_what_is_tried_again_ends(world: World) -> None:
    """An item is tried a bounded number of times, each counted before it is made."""
    item = new_id()
    with transaction(world.store.engine) as session:
        assert set_aside.add(session, "a", item, "x", now())
        assert not set_aside.add(session, "a", new_id(), "x", now())
        assert set_aside.add(session, "b", item, "x", now())
    for _ in range(set_aside.ATTEMPTS + 5):
        with transaction(world.store.engine) as session:
            set_aside.reopen(session, now())
            set_aside.try_again(session, "a", now(), 10)
    with transaction(world.store.engine) as session:
        session.execute(update(SetAsideItem).values(next_at=now()))
        assert set_aside.try_again(session, "a", now(), 10) == []
        assert len(set_aside.known(session, "a", now())[0]) == 2
        assert set_aside.counts(session) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    "damage", ["outcome = 'BOGUS'", "resource = 'bogus'", "leaf = :junk"], ids=["outcome", "resource", "leaf"]
)
def test_a_row_that_can_not_be_read_is_set_aside(world: World, sentinel: Sentinel, damage: str) -> None:
    """What was changed past this program, after it was sequenced, stops nothing either."""
    (poison,) = record(world, denial(), actor=new_id())
    attack(world)
    column = "id" if world.store.engine.dialect.name == "postgresql" else "replace(id, '-', '')"
    given: dict[str, Any] = {"id": poison if world.store.engine.dialect.name == "postgresql" else poison.hex}
    if ":junk" in damage:
        given["junk"] = b"\x00 no leaf"
    with transaction(world.store.engine) as session:
        changed = session.execute(text(f"UPDATE audit_events SET {damage} WHERE {column} = :id"), given)  # noqa: S608
        assert changed.rowcount == 1  # type: ignore[attr-defined]
    while sentinel.advance():
        pass
    assert [row.item_id for row in kept(world)] == [poison]
    assert len(opened(world, "D15")) == 1
