"""The one place that asks what time it is."""

from datetime import UTC, datetime, timedelta

DIFFERENCE = timedelta(minutes=1)
"""How far a stored time may lie ahead of this process's clock and still be another process's now."""


def now() -> datetime:
    """The current moment as an aware UTC datetime."""
    return datetime.now(UTC)


def is_ahead(stored: datetime, moment: datetime) -> bool:
    """Return whether a stored time can't have been a now at `moment`: a clock was wrong, or somebody wrote it."""
    return stored - moment > DIFFERENCE
