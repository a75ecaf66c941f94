"""The lookout: an outage is found, lasts, ends and is told once, whoever looks."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
import time_machine
from sqlalchemy import select, update
from structlog.testing import capture_logs

from agents import outages
from agents.outages import Lookout
from storage import detection_lag
from storage.clock import now
from storage.controls.findings import Finding
from storage.database import transaction
from storage.incidents import SentinelMark
from storage.ledger.entries import AuditEvent
from storage.ledger.events import SystemStarted
from storage.outages import Component, Outage, OutageKind, OutageWatch
from tests.agents.test_ledger import settle
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
    """By the looks of their lookout; an installation without agents misses nobody."""
    assert outages.agents_are_there(world.store)
    with transaction(world.store.engine) as session:
        session.add(OutageWatch(id=1, since=now(), looked_at=now()))
    assert outages.agents_are_there(world.store)
    with transaction(world.store.engine) as session:
        session.execute(update(OutageWatch).values(looked_at=now() - outages.SILENT))
    assert not outages.agents_are_there(world.store)


def silent(world: World, seconds: float, cause: str | None = None) -> None:
    """Let detection have judged nothing for so long."""
    with transaction(world.store.engine) as session:
        session.merge(SentinelMark(id=1, next_index=0, beat_at=now() - timedelta(seconds=seconds), cause=cause))
        session.merge(OutageWatch(id=1, since=now(), looked_at=now()))


def findings(world: World) -> list[tuple[str, str]]:
    with transaction(world.store.engine, read_only=True) as session:
        return [(each.found_by, each.status.value) for each in session.scalars(select(Finding).order_by(Finding.id))]


@pytest.mark.parametrize(
    ("cause", "words"), [(None, "its thread has stopped or hangs"), ("typeerror:a.b", r"it fails \(typeerror:a.b\)")]
)
def test_detection_that_has_stopped_is_an_outage_and_a_finding_until_it_goes_on(
    world: World, cause: str | None, words: str
) -> None:
    """Found by the lookout, in whatever process, and not by detection itself; in words that name the cause."""
    files: Callable[[], bool] = Part()
    assert outages.detection_works(world.store)  # where none has ever run, none is missed
    silent(world, 30)
    assert outages.detection_works(world.store)
    silent(world, 61, cause)
    watch = Lookout(
        world.store,
        lambda: world.policy.version,
        {Component.DETECTION: partial(outages.detection_works, world.store), Component.FILES: files},
        attends=False,
    )
    with capture_logs() as lines:
        for _ in range(3):
            watch.look()
    [alert] = {line["code"] for line in lines if line["event"] == "detection.behind"}
    assert alert == (cause or "stalled")
    assert [each.component for each in told(world)] == [Component.DETECTION]
    assert findings(world) == [("detection-works", "OPEN")]
    assert recorded(world) == ["outage.began"]
    with transaction(world.store.engine, read_only=True) as session:
        assert re.search(words, detection_lag.measure(session, now()).words())
    silent(world, 0)
    earlier(world, now() - LONG_AGO)
    watch.look()
    assert findings(world) == [("detection-works", "CLOSED")]
    assert recorded(world) == ["outage.began", "outage.ended"]


def test_detection_without_agents_says_that_they_are_gone(world: World) -> None:
    """A server without agents tells the two apart."""
    silent(world, 600, "typeerror:a.b")
    with transaction(world.store.engine) as session:
        session.execute(update(OutageWatch).values(looked_at=now() - LONG_AGO))
        lag = detection_lag.measure(session, now())
    assert lag.reason() == "agents_gone"
    assert not outages.detection_works(world.store)


def test_an_entry_that_waits_for_more_than_a_minute_is_behind(world: World) -> None:
    """Though detection gives signs of life."""
    with world.work() as work:
        work.record(SystemStarted())
    settle(world)
    silent(world, 0)
    with transaction(world.store.engine, read_only=True) as session:
        assert not detection_lag.measure(session, now() + timedelta(seconds=50)).is_late
        lag = detection_lag.measure(session, now() + timedelta(seconds=65))
    assert (lag.is_late, lag.unread) == (True, 1)


def test_a_log_in_which_entries_wait_does_not_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the last minutes may wait; one from before is a log that stands still."""
    files: Callable[[], bool] = Part()
    watch = lookout(world, files, attends=True)  # type: ignore[arg-type]
    watch.look()
    with world.work() as work:
        work.record(SystemStarted())
    assert outages.log_goes_on(world.store)
    monkeypatch.setattr(outages, "now", lambda: now() + timedelta(minutes=3))
    assert not outages.log_goes_on(world.store)


def test_what_a_wrong_clock_has_written_is_corrected(world: World, files: Part) -> None:
    """Times in the future end now: /status shows no outage until then, one that was found ends, and D25 tells of it."""
    ahead = now() + timedelta(days=400)
    with transaction(world.store.engine) as session:
        session.merge(OutageWatch(id=1, since=now() - LONG_AGO, looked_at=ahead))
        session.add(Outage(component=Component.PLATFORM, started_at=now() - LONG_AGO, ended_at=ahead))
        session.add(Outage(component=Component.KEYS, started_at=ahead, ended_at=ahead + LONG_AGO))
        planned = Outage(
            component=Component.MODEL, kind=OutageKind.MAINTENANCE, started_at=ahead, ended_at=ahead + LONG_AGO
        )
        session.add(planned)
        session.add(Outage(component=Component.FILES, started_at=now() - LONG_AGO, last_seen_at=ahead))
    watch = lookout(world, files, attends=True)
    watch.look()
    watch.look()
    found = {each.component: each for each in told(world)}
    for component in (Component.PLATFORM, Component.KEYS, Component.FILES):
        ended = found[component].ended_at
        assert ended is not None and ended <= now()
    assert found[Component.MODEL].ended_at == planned.ended_at
    with transaction(world.store.engine, read_only=True) as session:
        seen = session.scalar(select(OutageWatch.looked_at))
        actions = list(session.scalars(select(AuditEvent.action).where(AuditEvent.action == "loop.state_corrected")))
    assert seen is not None and seen <= now()
    assert len(actions) == 1


def test_a_process_whose_clock_is_behind_corrects_nothing(
    world: World, files: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database says what time it is."""
    ended = now() - timedelta(days=1)
    with transaction(world.store.engine) as session:
        session.add(Outage(component=Component.KEYS, started_at=ended - LONG_AGO, ended_at=ended))
    with time_machine.travel(now() - timedelta(days=30)):
        monkeypatch.setattr(outages, "clock_of", lambda _engine: ended + timedelta(days=1))
        lookout(world, files, attends=True).look()
    assert [each.ended_at for each in told(world)] == [ended]
