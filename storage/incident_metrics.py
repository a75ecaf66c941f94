"""How incidents go, month by month: how many, of which kind, how fast people were, and what is still to be done."""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from storage.follow_ups import FollowUp, FollowUpStatus
from storage.incidents import Incident, IncidentStatus


@dataclass(frozen=True)
class Taken:
    """How long something took: in how many incidents it was done, and the median and the worst of those, in seconds.

    An incident in which it was not done, or not yet, is in none of the three.
    """

    count: int
    median: float | None
    worst: float | None


@dataclass(frozen=True)
class IncidentMonth:
    """The incidents that were detected in one month (UTC), without drills, as they stand now.

    `false_positives` and `closed` are among `incidents`. Times are from when the first of what was found happened to
    its detection, and from there on; what turned out to be none is not timed. Follow-ups are those of these incidents.
    """

    month: str
    incidents: int
    false_positives: int
    closed: int
    drills: int
    severities: Mapping[str, int]
    playbooks: Mapping[str, int]
    to_detect: Taken
    to_acknowledge: Taken
    to_contain: Taken
    to_tell: Taken
    follow_ups: int
    open_follow_ups: int
    overdue_follow_ups: int


def by_month(
    session: Session, incidents: Select[Any], follow_ups: Select[Any], start: datetime, end: datetime, moment: datetime
) -> list[IncidentMonth]:
    """Every month from `start` to `end`, oldest first, of these incidents and follow-ups, as they stand at `moment`.

    Months in which nothing happened are there too.
    """
    detected = (Incident.detected_at >= start, Incident.detected_at < end)
    rows = session.execute(incidents.with_only_columns(*_COLUMNS).where(*detected).order_by(None)).all()
    after = follow_ups.join(Incident, Incident.id == FollowUp.incident_id).where(*detected)
    tasks = session.execute(
        after.with_only_columns(FollowUp.incident_id, FollowUp.status, FollowUp.due_at).order_by(None)
    ).all()
    found: dict[str, list[Any]] = {month: [] for month in months(start, end)}
    for row in rows:
        found[_month(row.detected_at)].append(row)
    return [_counted(month, those, tasks, moment) for month, those in found.items()]


def last_months(session: Session, count: int, moment: datetime) -> list[IncidentMonth]:
    """The last `count` months, this one too, of all incidents there are: for whoever runs the server."""
    return by_month(session, select(Incident), select(FollowUp), begin(count, moment), moment, moment)


def begin(count: int, moment: datetime) -> datetime:
    """When the first of the last `count` months began, of which the month of `moment` is one."""
    year, month = divmod(moment.year * 12 + moment.month - count, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def months(start: datetime, end: datetime) -> Iterator[str]:
    """The months (UTC) that the time from `start` to before `end` touches, oldest first: `2026-11`."""
    start, last = start.astimezone(UTC), (end - timedelta(microseconds=1)).astimezone(UTC)
    for number in range(start.year * 12 + start.month - 1, last.year * 12 + last.month):
        yield f"{number // 12:04}-{number % 12 + 1:02}"


_COLUMNS = (
    Incident.id, Incident.detection, Incident.severity, Incident.status, Incident.drill, Incident.began_at,
    Incident.detected_at, Incident.acknowledged_at, Incident.contained_at, Incident.notice_sent_at,
    Incident.decided_at, Incident.recovered_at,
)  # fmt: skip


def _counted(month: str, rows: Iterable[Any], tasks: Iterable[Any], moment: datetime) -> IncidentMonth:
    real = [row for row in rows if not row.drill]
    timed = [row for row in real if not _none(row)]
    ids = {row.id for row in real}
    after = [task for task in tasks if task.incident_id in ids]
    undone = [task for task in after if task.status is not FollowUpStatus.VERIFIED]
    return IncidentMonth(
        month,
        len(real),
        len(real) - len(timed),
        sum(row.status is IncidentStatus.CLOSED for row in real),
        sum(row.drill for row in rows),
        dict(sorted(Counter(row.severity.value for row in real).items())),
        dict(sorted(Counter(row.detection for row in real).items())),
        _taken(timed, "began_at", "detected_at"),
        _taken(timed, "detected_at", "acknowledged_at"),
        _taken(timed, "detected_at", "contained_at"),
        _taken(timed, "detected_at", "notice_sent_at"),
        len(after),
        len(undone),
        sum(task.due_at <= moment for task in undone),
    )


def _none(row: Any) -> bool:
    """Whether people decided that it was none: it is closed then without anything to recover from."""
    closed = row.status is IncidentStatus.CLOSED and row.recovered_at is None
    return row.status is IncidentStatus.FALSE_POSITIVE or closed


def _taken(rows: Iterable[Any], since: str, until: str) -> Taken:
    ends = [(getattr(row, since), getattr(row, until)) for row in rows]
    seconds = [max(0.0, (done - begun).total_seconds()) for begun, done in ends if done is not None]
    if not seconds:
        return Taken(0, None, None)
    return Taken(len(seconds), statistics.median(seconds), max(seconds))


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"
