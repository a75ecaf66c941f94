"""Controls and findings in the API's words."""

from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import controls, lists
from schema.guards import mutation, question
from schema.ids import encode_id
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.clock import now
from storage.controls.catalogue import CONTROLS
from storage.controls.catalogue import Control as ControlRow
from storage.controls.findings import Finding as FindingRow
from storage.controls.findings import FindingStatus

strawberry.enum(FindingStatus, description="OPEN until the check that found it finds it no more; then CLOSED.")

OfStatus = Annotated[FindingStatus | None, strawberry.argument(description="Only those that are open, or closed.")]


@strawberry.type(
    description="Something that is to hold, with what enforces it, what shows it and who answers for it. That a check "
    "of it passes is the operator's own evidence; the opinion on it is an auditor's."
)
class Control:
    """A control of the catalogue."""

    row: strawberry.Private[ControlRow]

    @strawberry.field(description="Its name in the catalogue.")
    def name(self) -> str:
        return self.row.id

    @strawberry.field(description="What holds.")
    def statement(self) -> str:
        return self.row.statement

    @strawberry.field(description="The Trust Services Criteria that it bears on, by their ids.")
    def criteria(self) -> list[str]:
        return list(self.row.criteria)

    @strawberry.field(description="Who answers for it.")
    def owner(self) -> str:
        return self.row.owner

    @strawberry.field(description="What enforces it.")
    def enforced_by(self) -> str:
        return self.row.enforced

    @strawberry.field(description="The tests of this release that show it.")
    def shown_by(self) -> list[str]:
        return list(self.row.shown_by)

    @strawberry.field(description="The checks that look every day whether it holds in this installation.")
    def checks(self) -> list[str]:
        return list(self.row.checks)

    @strawberry.field(description="Within how many days something that a check found is to be mended.")
    def days_to_mend(self) -> int:
        return self.row.days


@strawberry.type(description="What a check of a control found amiss, from when to when, and whose it is to mend.")
class Finding:
    """A finding."""

    row: strawberry.Private[FindingRow]

    @strawberry.field(description="Its number, by which people speak of it.")
    def number(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @strawberry.field(description="The control, by its name.")
    def control(self) -> str:
        return self.row.control

    @strawberry.field(description="The check that found it.")
    def found_by(self) -> str:
        return self.row.found_by

    @strawberry.field(description="The follow-up of an incident that it is about; null where it is about none.")
    def follow_up_id(self) -> strawberry.ID | None:
        return None if self.row.about_id is None else encode_id("FollowUp", self.row.about_id)

    @strawberry.field(description="Who answers for mending it.")
    def owner(self) -> str:
        return self.row.owner

    @strawberry.field(description="Whether it is mended.")
    def status(self) -> FindingStatus:
        return self.row.status

    @strawberry.field(description="How many things were amiss when it was last looked at.")
    def amiss(self) -> int:
        return self.row.amiss

    @strawberry.field(description="When it was found.")
    def opened_at(self) -> datetime:
        return self.row.opened_at

    @strawberry.field(description="By when it is to be mended.")
    def due_at(self) -> datetime:
        return self.row.due_at

    @strawberry.field(description="When it was last seen.")
    def last_seen_at(self) -> datetime:
        return self.row.last_seen_at

    @strawberry.field(description="When it was found no more.")
    def closed_at(self) -> datetime | None:
        return self.row.closed_at

    @strawberry.field(description="Until when somebody else than its owner answers for it; null while nobody does.")
    def accepted_until(self) -> datetime | None:
        return self.row.accepted_until if self.row.accepted(now()) else None

    @strawberry.field(description="Why it was accepted, the last time; null where it never was.")
    def acceptance(self, info: Info) -> str | None:
        found: str | None = lists.opened(info.context, self.row, "acceptance")
        return found

    @strawberry.field(description="Whether it is open past its date, and nobody answers for that.")
    def overdue(self) -> bool:
        return self.row.overdue(now())


@strawberry.input(description="Which risk is accepted, why, and until when.")
class AcceptFindingInput:
    """Input of acceptFinding."""

    number: str = strawberry.field(description="The finding, by its number.")
    reason: str = strawberry.field(description="Why it can't be mended before, and what helps meanwhile: 20 letters.")
    until: datetime = strawberry.field(description="From when on it is open again: within 180 days.")


@strawberry.type(description="The finding that was accepted.")
class AcceptFindingPayload:
    """Answer of acceptFinding."""

    number: strawberry.ID = strawberry.field(description="The finding, by its number.")
    accepted_until: datetime = strawberry.field(description="From when on it is open again.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class ControlQueries:
    """Questions about controls."""

    @question(
        "What is to hold, who answers for it, and what shows that it does.",
        public="what is promised to everybody is nobody's secret",
    )
    def controls(self, info: Info) -> list[Control]:
        return [Control(row=each) for each in CONTROLS]

    @question("The newest findings, at most 100: what checks of controls found amiss. For staff whose job it is.")
    def findings(self, info: Info, status: OfStatus = None) -> list[Finding]:
        return [Finding(row=row) for row in controls.found(info.context, status)]


@strawberry.type
class ControlMutations:
    """Mutations about controls."""

    @mutation("Answer for a finding that can't be mended yet. Security or privacy; never whoever's it is to mend.")
    def accept_finding(self, info: Info, input: AcceptFindingInput) -> AcceptFindingPayload:
        controls.accept(info.context, input.number, input.reason, input.until)
        return AcceptFindingPayload(
            number=strawberry.ID(input.number), accepted_until=input.until, audit_event_id=audit_event_id(info)
        )
