"""`incident metrics`: how incidents went, as a table for people."""

from collections.abc import Iterator, Sequence

from muniment.house import open_house
from muniment.settings import Settings
from storage import incident_metrics
from storage.clock import now
from storage.database import transaction
from storage.incident_metrics import IncidentMonth, Taken
from storage.incidents import Severity

_HEADS = (
    "month", "incidents", "none", *(each.value.lower() for each in Severity), "detect", "acknowledge", "contain",
    "tell", "follow-ups", "open", "overdue", "playbooks",
)  # fmt: skip
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def lines(settings: Settings, months: int) -> list[str]:
    """The table's lines: the last `months` months of this house, oldest first."""
    with open_house(settings) as house, transaction(house.store.engine, read_only=True) as session:
        found = incident_metrics.last_months(session, months, now())
    return list(table(found))


def table(months: Sequence[IncidentMonth]) -> Iterator[str]:
    """One line of heads and one for each month, in columns as wide as they have to be."""
    rows = [_HEADS, *map(_cells, months)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(month: IncidentMonth) -> tuple[str, ...]:
    times = (month.to_detect, month.to_acknowledge, month.to_contain, month.to_tell)
    return (
        month.month,
        str(month.incidents),
        str(month.false_positives),
        *(str(month.severities.get(each.value, 0)) for each in Severity),
        *map(_times, times),
        str(month.follow_ups),
        str(month.open_follow_ups),
        str(month.overdue_follow_ups),
        " ".join(f"{name}x{count}" for name, count in month.playbooks.items()) or "-",
    )


def _times(taken: Taken) -> str:
    """`12 s / 4.5 min`: the median and the worst."""
    if taken.median is None or taken.worst is None:
        return "-"
    return f"{_span(taken.median)} / {_span(taken.worst)}"


def _span(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
