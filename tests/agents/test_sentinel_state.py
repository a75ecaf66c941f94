"""What the sentinel goes by is written by others too: an id, a place, a time that can't be right blinds nobody."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update
from structlog.testing import capture_logs

from agents.sentinel import Sentinel
from storage import detection_lag, incidents
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.incidents import Incident, SentinelMark
from storage.ledger import entries, happenings
from storage.ledger.events import Discrepancy, Event, LedgerHalted, Outcome
from storage.ledger.scope import AuditScope
from tests.agents.test_ledger import settle
from tests.agents.test_sentinel import all_of, deleted, happened, sentinel, told
from tests.agents.worlds import World

__all__ = ["sentinel"]
HIGHEST = uuid.UUID(int=2**128 - 1)


def waits(world: World, *events: Event, actor: uuid.UUID | None = None) -> None:
    """Entries that have no place: the log is halted."""
    kind = "AGENT" if actor is None else "CONTRIBUTOR"
    scope = AuditScope("api", kind, actor, None, None, None, uuid.uuid4(), "0" * 16)
    with world.store.begin(scope) as work:
        for event in events:
            work.record(event, Outcome.SUCCESS)


def halted() -> LedgerHalted:
    """One that opens D06."""
    return LedgerHalted(
        resource_id=None, subject_id=None, reason=Discrepancy.FORKED, published_count=2, present_count=1
    )


def found(world: World) -> list[str]:
    """The detections of the incidents that are open."""
    return sorted(each.detection for each in all_of(world, Incident))


def test_an_entry_with_the_highest_id_hides_none(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are their writers' own: entries that come later have lower ones, and are judged while they wait."""
    person = new_id()
    with time_machine.travel(now() + timedelta(seconds=1), tick=False) as clock:
        with monkeypatch.context() as patch:
            patch.setattr(entries, "new_id", lambda: HIGHEST)
            waits(world, halted())
        clock.shift(timedelta(seconds=6))
        sentinel.advance()
        assert found(world) == ["D06"]
        waits(world, *(deleted(person) for _ in range(3)), actor=person)
        for _ in range(2):
            clock.shift(timedelta(seconds=6))
            sentinel.advance()
            assert [(each.detection, each.hits) for each in all_of(world, Incident)] == [("D06", 1), ("D18", 1)]


@pytest.mark.parametrize("index", [10**6, 2**62, -1])
@pytest.mark.parametrize("anew", [False, True])
def test_a_mark_that_the_log_does_not_have_skips_nothing(
    world: World, sentinel: Sentinel, index: int, anew: bool
) -> None:
    """Neither for the process that watches nor for one that takes over; it is recorded, and an incident (D25)."""
    person = world.contributor()
    happened(world, "CONTRIBUTOR", person, *(deleted(person) for _ in range(5)))
    with transaction(world.store.engine) as session:
        session.execute(update(SentinelMark).values(next_index=index))
    if anew:
        sentinel.release()
        sentinel = Sentinel(world.store, lambda: "0" * 16)
    with capture_logs() as lines:
        while sentinel.advance():
            pass
    assert [each["code"] for each in lines if each["event"] == "loop.state_corrected"] == ["mark-beyond-log"]
    settle(world)
    while sentinel.advance():
        pass
    assert {each.detection for each in all_of(world, Incident)} == {"D18", "D25"}
    assert told(world, "loop.state_corrected") == [{"loop": "sentinel", "cause": "mark-beyond-log"}]
    with transaction(world.store.engine, read_only=True) as session:
        mark = incidents.mark(session)
        assert mark is not None and mark.next_index == happenings.end(session)


def test_a_mark_from_the_future_is_late_and_corrected(world: World, sentinel: Sentinel) -> None:
    """Whatever waits before it is judged; without agents everybody is told that detection does not get on."""
    with transaction(world.store.engine) as session:
        session.execute(update(SentinelMark).values(beat_at=now() + timedelta(days=400)))
    with transaction(world.store.engine, read_only=True) as session:
        assert detection_lag.measure(session, now()).is_late
    sentinel.release()
    waits(world, halted())
    with time_machine.travel(now() + timedelta(seconds=8), tick=False):
        another = Sentinel(world.store, lambda: "0" * 16)
        another.advance()
        another.advance()
        assert "D06" in found(world)
        with transaction(world.store.engine, read_only=True) as session:
            mark = incidents.mark(session)
            assert mark is not None and mark.beat_at <= now()


def test_entries_that_say_they_are_from_the_future_make_no_reader_begin_at_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times are their writers' own: what is read once more by who takes over is bounded."""
    monkeypatch.setattr(happenings, "MOST_BEFORE", 3)
    person = world.contributor()
    with time_machine.travel(now() + timedelta(days=900)):
        happened(world, "CONTRIBUTOR", person, deleted(person))
    happened(world, "CONTRIBUTOR", person, *(deleted(person) for _ in range(9)))
    with transaction(world.store.engine, read_only=True) as session:
        end = happenings.end(session)
        assert happenings.place_at(session, now() + timedelta(days=1)) < end - 3
        assert happenings.place_ago(session, now() + timedelta(days=1), end) == end - 3
