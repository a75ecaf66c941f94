"""How incidents go, month by month, in the API's words."""

from typing import Annotated

import strawberry

from resolvers import incident_metrics
from resolvers.detections import runbook
from schema.guards import question
from schema.nodes import Info
from storage.incident_metrics import IncidentMonth as MonthRow
from storage.incident_metrics import Taken
from storage.incidents import Severity

Months = Annotated[int, strawberry.argument(description="How many months, this one too: 1 to 36.")]


@strawberry.type(description="How long something took in the incidents of a month in which it was done.")
class IncidentTimes:
    """A median and a worst."""

    taken: strawberry.Private[Taken]

    @strawberry.field(description="In how many it was done.")
    def count(self) -> int:
        return self.taken.count

    @strawberry.field(description="The median of those; null where there are none.")
    def median_seconds(self) -> float | None:
        return self.taken.median

    @strawberry.field(description="The longest of those; null where there are none.")
    def worst_seconds(self) -> float | None:
        return self.taken.worst


@strawberry.type(description="How many incidents of a month were of one severity.")
class SeverityCount:
    """A severity, counted."""

    severity: Severity = strawberry.field(description="How soon people had to look.")
    count: int = strawberry.field(description="How many there were.")


@strawberry.type(description="How many incidents of a month one detection found.")
class PlaybookCount:
    """A playbook, counted."""

    detection: str = strawberry.field(description="The detection, as D02.")
    runbook: str = strawberry.field(description="Where it stands what people do: a page of the repository.")
    count: int = strawberry.field(description="How many there were.")


@strawberry.type(
    description="The incidents that were detected in one month, in UTC and without drills, as they stand now. What "
    "turned out to be none is counted, and not timed."
)
class IncidentMonth:
    """A month."""

    row: strawberry.Private[MonthRow]

    @strawberry.field(description="The month, as 2026-11.")
    def month(self) -> str:
        return self.row.month

    @strawberry.field(description="How many were detected.")
    def incidents(self) -> int:
        return self.row.incidents

    @strawberry.field(description="How many of them people decided were none.")
    def false_positives(self) -> int:
        return self.row.false_positives

    @strawberry.field(description="How many of them are closed.")
    def closed(self) -> int:
        return self.row.closed

    @strawberry.field(description="How many exercises there were besides.")
    def drills(self) -> int:
        return self.row.drills

    @strawberry.field(description="How many there were of each severity that there was.")
    def by_severity(self) -> list[SeverityCount]:
        return [SeverityCount(severity=Severity(name), count=many) for name, many in self.row.severities.items()]

    @strawberry.field(description="How many each detection found that found any.")
    def by_playbook(self) -> list[PlaybookCount]:
        return [
            PlaybookCount(detection=name, runbook=runbook(name), count=many)
            for name, many in self.row.playbooks.items()
        ]

    @strawberry.field(description="From when the first of what was found happened to its detection.")
    def to_detect(self) -> IncidentTimes:
        return IncidentTimes(taken=self.row.to_detect)

    @strawberry.field(description="From its detection until somebody looked after it.")
    def to_acknowledge(self) -> IncidentTimes:
        return IncidentTimes(taken=self.row.to_acknowledge)

    @strawberry.field(description="From its detection until a measure was carried out.")
    def to_contain(self) -> IncidentTimes:
        return IncidentTimes(taken=self.row.to_contain)

    @strawberry.field(description="From its detection until those affected were told.")
    def to_tell(self) -> IncidentTimes:
        return IncidentTimes(taken=self.row.to_tell)

    @strawberry.field(description="How many things are or were to be done after them.")
    def follow_ups(self) -> int:
        return self.row.follow_ups

    @strawberry.field(description="How many of those nobody has seen done yet.")
    def open_follow_ups(self) -> int:
        return self.row.open_follow_ups

    @strawberry.field(description="How many of those are past their date.")
    def overdue_follow_ups(self) -> int:
        return self.row.overdue_follow_ups


@strawberry.type
class IncidentMetricsQueries:
    """Questions about how incidents go."""

    @question("How incidents went, month by month, oldest first. For security, privacy and auditors.")
    def incident_metrics(self, info: Info, months: Months = 12) -> list[IncidentMonth]:
        return [IncidentMonth(row=row) for row in incident_metrics.by_month(info.context, months)]
