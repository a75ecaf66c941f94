"""Availability by month: which share of the time each part was there. Pure: knows neither database nor clock.

Maintenance that was announced before it began is told apart and is no downtime. While the whole platform was away each
part was.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from storage.outages import Component, Outage, OutageKind

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Availability:
    """Of one part in one month, or as much of it as was looked at. All in seconds."""

    month: str
    component: Component
    watched: float
    down: float
    maintenance: float

    @property
    def percent(self) -> float:
        """The share of the time, maintenance left aside, in which it was there; rounded down to a thousandth."""
        counted = self.watched - self.maintenance
        if self.down <= 0 or counted <= 0:
            return 100.0  # and not what a division of two numbers that are nearly alike comes to
        return int(100_000 * (counted - self.down) / counted) / 1000


def by_month(outages: Sequence[Outage], start: datetime, end: datetime) -> list[Availability]:
    """Each month between these, oldest first, and in it each part. `start` MUST not lie before anybody looked."""
    return [
        _of(month, component, outages, begins, stops)
        for month, begins, stops in _months(start, end)
        for component in Component
    ]


def _of(month: str, component: Component, outages: Iterable[Outage], start: datetime, end: datetime) -> Availability:
    own = [each for each in outages if each.component in (component, Component.PLATFORM)]
    planned = _spans((each for each in own if each.kind is OutageKind.MAINTENANCE and _beforehand(each)), start, end)
    found = _spans((each for each in own if each.kind is OutageKind.FOUND), start, end)
    maintenance = _seconds(planned)
    down = _seconds(_merged([*planned, *found])) - maintenance
    return Availability(month, component, (end - start).total_seconds(), down, maintenance)


def _beforehand(outage: Outage) -> bool:
    return outage.announced_at is not None and outage.announced_at <= outage.started_at


def _spans(outages: Iterable[Outage], start: datetime, end: datetime) -> list[Span]:
    cut = ((max(each.started_at, start), min(each.ended_at or end, end)) for each in outages)
    return _merged([span for span in cut if span[0] < span[1]])


def _merged(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for begins, stops in sorted(spans):
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stops))
        else:
            found.append((begins, stops))
    return found


def _seconds(spans: Iterable[Span]) -> float:
    return sum(((stops - begins) for begins, stops in spans), timedelta(0)).total_seconds()


def _months(start: datetime, end: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    begins = start.astimezone(UTC)
    while begins < end:
        after = datetime(begins.year + begins.month // 12, begins.month % 12 + 1, 1, tzinfo=UTC)
        yield f"{begins:%Y-%m}", begins, min(after, end)
        begins = after
