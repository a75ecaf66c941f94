"""Availability by month: what counts as away, what does not, and how it is rounded."""

from datetime import UTC, datetime, timedelta

from storage.availability import Availability, by_month
from storage.outages import Component, Outage, OutageKind

DAY = timedelta(days=1)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)


def outage(start: datetime, lasts: timedelta | None, component: Component = Component.FILES) -> Outage:
    return Outage(component=component, kind=OutageKind.FOUND, started_at=start, ended_at=lasts and start + lasts)


def maintenance(start: datetime, lasts: timedelta, announced: datetime) -> Outage:
    return Outage(
        component=Component.FILES,
        kind=OutageKind.MAINTENANCE,
        started_at=start,
        ended_at=start + lasts,
        announced_at=announced,
    )


def of(found: list[Outage], start: datetime = JUNE, end: datetime = JULY) -> dict[tuple[str, Component], Availability]:
    return {(each.month, each.component): each for each in by_month(found, start, end)}


def files(*found: Outage) -> Availability:
    return of(list(found))["2026-06", Component.FILES]


def test_a_month_in_which_nothing_happened_is_whole_for_every_part() -> None:
    """Each part has its own line, and as many seconds as the month has."""
    told = of([])
    assert {component for _, component in told} == set(Component)
    assert {(each.percent, each.watched, each.down) for each in told.values()} == {(100.0, 30 * 86400.0, 0.0)}
    assert of([], start=JUNE + timedelta(seconds=86399.123457))["2026-06", Component.KEYS].percent == 100.0


def test_one_second_away_is_not_a_hundred_percent() -> None:
    """It is rounded down: nobody is told of a whole month that was not."""
    told = files(outage(JUNE + DAY, timedelta(seconds=1)))
    assert (told.down, told.percent) == (1.0, 99.999)
    assert files(outage(JUNE, 3 * DAY)).percent == 90.0


def test_time_is_counted_once_and_where_it_belongs() -> None:
    """Outages that overlap are one; one over the turn of a month is cut there; what lasts counts until now."""
    assert files(outage(JUNE, 2 * DAY), outage(JUNE + DAY, 2 * DAY)).down == 3 * 86400
    told = of([outage(JULY - DAY, 3 * DAY)], end=JULY + 31 * DAY)
    assert (told["2026-06", Component.FILES].down, told["2026-07", Component.FILES].down) == (86400, 2 * 86400)
    assert files(outage(JULY - DAY, None)).down == 86400
    assert files(outage(JULY + DAY, DAY)).down == 0


def test_the_whole_platform_is_every_part_and_a_part_is_itself_alone() -> None:
    """Files that are away leave the platform and the others as they were."""
    told = of([outage(JUNE, DAY, Component.PLATFORM), outage(JUNE + 5 * DAY, DAY)])
    assert told["2026-06", Component.KEYS].down == 86400
    assert told["2026-06", Component.FILES].down == 2 * 86400
    assert told["2026-06", Component.PLATFORM].down == 86400


def test_what_was_announced_beforehand_is_no_downtime_and_anything_later_is() -> None:
    """Within it an outage is not counted either; maintenance that was announced when it had begun excuses nothing."""
    planned = maintenance(JUNE + DAY, DAY, announced=JUNE)
    told = files(planned, outage(JUNE + DAY, 2 * DAY))
    assert (told.maintenance, told.down) == (86400, 86400)
    assert told.percent == int(100_000 * 28 / 29) / 1000
    afterwards = maintenance(JUNE + DAY, DAY, announced=JUNE + DAY + timedelta(hours=1))
    assert files(afterwards, outage(JUNE + DAY, DAY)).down == 86400


def test_what_nobody_looked_at_is_in_no_month() -> None:
    """The first month begins when somebody began to look."""
    told = of([], start=JUNE + 20 * DAY)
    assert told["2026-06", Component.KEYS].watched == 10 * 86400
    assert by_month([], JULY, JULY) == []
