"""What goes when, added up for people: so many things of a kind on a day."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from storage.deletions import DeletionScope
from storage.retention.due import Due


@dataclass(frozen=True)
class Forecast:
    """So many things of a kind go on a day (UTC), the first of them at `first_at`."""

    on: date
    first_at: datetime
    scope: DeletionScope
    count: int

    @property
    def sentence(self) -> str:
        """For people: “12 assets go on 3 May 2027”."""
        kind = self.scope.value.lower() + ("" if self.count == 1 else "s")
        verb = "goes" if self.count == 1 else "go"
        return f"{self.count:,} {kind} {verb} on {self.on.day} {self.on:%B %Y}"


def added_up(going: Iterable[Due], moment: datetime) -> list[Forecast]:
    """By day and kind; what was due before `moment` goes now."""
    counts: Counter[tuple[date, DeletionScope]] = Counter()
    first: dict[tuple[date, DeletionScope], datetime] = {}
    for thing in going:
        at = max(thing.at, moment).astimezone(UTC)
        key = at.date(), thing.scope
        counts[key] += 1
        first[key] = min(at, first.get(key, at))
    return [Forecast(on, first[on, scope], scope, count) for (on, scope), count in sorted(counts.items())]


def notice_of(forecasts: list[Forecast]) -> tuple[str, str]:
    """Title and text of the notice that says so: counts and dates, and no name of anything."""
    title = (
        forecasts[0].sentence if len(forecasts) == 1 else f"{sum(each.count for each in forecasts):,} things go soon"
    )
    lines = "\n".join(f"- {each.sentence}, from {each.first_at:%H:%M} UTC" for each in forecasts)
    return title, (
        f"By your own choice of how long your work stays, this will be erased for good:\n\n{lines}\n\n"
        "A prompt goes with its outputs. To keep it, choose a longer time (setRetention) before then, or take a copy "
        "out (requestExport). You get a signed certificate of what was erased."
    )
