"""The lookout: an outage is found, lasts, ends and is told once, whoever looks."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from agents import outages
from agents.outages import Lookout
from storage.clock import now
from storage.database import transaction
from storage.incidents import SentinelMark
from storage.ledger.entries import AuditEvent
from storage.outages import Component, Outage, OutageWatch
from tests.agents.worlds import World

LONG_AGO = timedelta(minutes=10)


class Part:
    """A part of the platform that answers until told otherwise."""

    def __init__(self) -> None:
        self.well = True

    def __call__(self) -> bool:
        if not self.well:
            raise OSError("gone")
        return True


@pytest.fixture
def files() -> Part:
    return Part()


def lookout(world: World, part: Part, component: Component = Component.FILES, *, attends: bool = False) -> Lookout:
    return Lookout(world.store, lambda: world.policy.version, {component: part}, attends=attends)


def told(world: World) -> list[Outage]:
    with transaction(world.store.engine, read_only=True) as session:
        return list(session.scalars(select(Outage).order_by(Outage.id)))


def recorded(world: World) -> list[str]:
    with transaction(world.store.engine, read_only=True) as session:
        found = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id))
        return [action for action in found if action.startswith("outage.")]


def earlier(world: World, moment: datetime) -> None:
    """What was seen last was seen at that moment."""
    with transaction(world.store.engine) as session:
        session.execute(update(Outage).where(Outage.last_seen_at.is_not(None)).values(last_seen_at=moment))


def test_one_look_that_fails_is_no_outage_and_two_are_one_from_the_first_on(world: World, files: Part) -> None:
    """A hiccup is not published; what lasts is, with the time at which it began."""
    watch = lookout(world, files)
    files.well = False
    before = now()
    watch.look()
    after = now()
    assert told(world) == []
    files.well = True
    watch.look()
    files.well = False
    watch.look()
    assert told(world) == []
    watch.look()
    [found] = told(world)
    assert found.started_at > after > before
    assert (found.component, found.ended_at) == (Component.FILES, None)
    watch.look()
    assert len(told(world)) == 1
    assert recorded(world) == ["outage.began"]


def test_it_ends_once_nobody_sees_it_any_more(world: World, files: Part) -> None:
    """What answers one process and not the other is away; the end is when the last one has seen it answer for a while."""
    other = Part()
    watch, elsewhere = lookout(world, files), lookout(world, other)
    files.well = False
    for _ in range(2):
        watch.look()
    elsewhere.look()
    assert told(world)[0].ended_at is None
    files.well = True
    watch.look()
    assert told(world)[0].ended_at is None  # just now it was seen away
    earlier(world, now() - LONG_AGO)
    watch.look()
    [found] = told(world)
    assert found.ended_at is not None
    elsewhere.look()
    assert recorded(world) == ["outage.began", "outage.ended"]


def test_two_that_find_it_at_the_same_moment_note_it_once(world: World, files: Part) -> None:
    """The one that comes second keeps nothing."""
    first, second = lookout(world, files), lookout(world, files)
    files.well = False
    for watch in (first, second):
        watch.look()
    first._begin(Component.FILES, now())
    second._begin(Component.FILES, now())
    assert (len(told(world)), recorded(world)) == (1, ["outage.began"])


def test_where_nobody_looked_the_platform_was_away(world: World, files: Part) -> None:
    """Found by the first who is there again, from the last look on; a short pause is none."""
    watch = lookout(world, files, attends=True)
    watch.look()
    watch.look()
    assert told(world) == []
    gone = now() - LONG_AGO
    with transaction(world.store.engine) as session:
        session.execute(update(OutageWatch).values(looked_at=gone))
    watch.look()
    [found] = told(world)
    assert (found.component, found.started_at) == (Component.PLATFORM, gone)
    assert found.ended_at is not None
    assert recorded(world) == ["outage.ended"]


def test_where_others_noted_that_the_agents_were_away_it_was_not_the_platform(world: World, files: Part) -> None:
    """Servers went on answering: they are who noted it."""
    agents_gone = Part()
    agents_gone.well = False
    server = lookout(world, agents_gone, Component.AGENTS)
    own = lookout(world, files, attends=True)
    own.look()
    for _ in range(2):
        server.look()
    with transaction(world.store.engine) as session:
        session.execute(update(OutageWatch).values(looked_at=now() - LONG_AGO))
    own.look()
    assert [each.component for each in told(world)] == [Component.AGENTS]


def test_agents_are_missed_once_they_were_there(world: World) -> None:
    """By the sign of life that the sentinel gives; an installation without agents misses nobody."""
    assert outages.agents_are_there(world.store)
    with transaction(world.store.engine) as session:
        session.add(SentinelMark(id=1, next_index=0, beat_at=now()))
    assert outages.agents_are_there(world.store)
    with transaction(world.store.engine) as session:
        session.execute(update(SentinelMark).values(beat_at=now() - outages.SILENT))
    assert not outages.agents_are_there(world.store)


def test_a_log_in_which_entries_wait_does_not_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the last minutes may wait; one from before is a log that stands still."""
    files: Callable[[], bool] = Part()
    watch = lookout(world, files, attends=True)  # type: ignore[arg-type]
    watch.look()
    with world.work() as work:
        from storage.ledger.events import SystemStarted

        work.record(SystemStarted())
    assert outages.log_goes_on(world.store)
    monkeypatch.setattr(outages, "now", lambda: now() + timedelta(minutes=3))
    assert not outages.log_goes_on(world.store)
