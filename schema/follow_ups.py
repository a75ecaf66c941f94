"""Reviews of incidents, and what is to be done after them, in the API's words."""

import uuid
from datetime import datetime
from typing import Annotated, Any, ClassVar

import strawberry

from policies.actions import Action
from resolvers import follow_ups, lists
from resolvers.follow_ups import Review, Task
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, reference, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.clock import now
from storage.follow_ups import FollowUp as FollowUpRow
from storage.follow_ups import FollowUpStatus
from storage.incidents import IncidentImpact

strawberry.enum(
    FollowUpStatus, description="OPEN; DONE, as its owner says; VERIFIED, once somebody else has seen that it is."
)
strawberry.enum(
    IncidentImpact,
    description="What an incident harmed: AVAILABILITY, where something was away or is lost; CONFIDENTIALITY, where "
    "somebody saw what is not theirs; INTEGRITY, where something was altered.",
)

OfStatus = Annotated[FollowUpStatus | None, strawberry.argument(description="Only those that stand so.")]
OfIncident = Annotated[strawberry.ID | None, strawberry.argument(description="Only those of this incident.")]


@strawberry.type(description="Something to be done after an incident, so that it does not come again.")
class FollowUp(Node):
    """A follow-up, as staff see it."""

    record: ClassVar = FollowUpRow
    actions: ClassVar = (Action.COMPLETE, Action.HANDLE, Action.READ, Action.READ_CONTENT, Action.REVIEW)

    incident_id: strawberry.ID = reference("incident_id", "Incident", "The incident.")
    owner_id: strawberry.ID = reference("owner_id", "Staff", "Who of staff has to do it.")
    task: str | None = sealed("task", str | None, "What is to be done. Null where you may not read it.")
    status: FollowUpStatus = plain("status", FollowUpStatus, "Where it stands.")
    opened_at: datetime = plain("opened_at", datetime, "Since when it is to be done.")
    due_at: datetime = plain("due_at", datetime, "By when somebody else has seen it done; after that it is a finding.")
    done_at: datetime | None = plain("done_at", datetime | None, "When its owner said that it is done.")
    verified_at: datetime | None = plain("verified_at", datetime | None, "When somebody else had seen that it is.")

    @strawberry.field(description="Whether it is past its date, and nobody has seen it done.")
    def overdue(self) -> bool:
        found: bool = self.row.overdue(now())
        return found

    @strawberry.field(description="What people wrote about it, oldest first. Null where you may not read it.")
    def notes(self, info: Info) -> list[str] | None:
        if not lists.may_open(self.row, "notes"):
            return None
        return [each["words"] for each in lists.opened(info.context, self.row, "notes") or []]


@strawberry.input(description="Something to be done after an incident.")
class FollowUpInput:
    """One follow-up of a review."""

    task: str = strawberry.field(description="What is to be done. At least 10 letters.")
    owner_id: strawberry.ID = strawberry.field(description="Who of staff does it; an auditor does nothing here.")
    due_at: datetime = strawberry.field(description="By when: within 180 days.")

    def as_task(self) -> Task:
        """The same for the use case. Raises `BadInput`."""
        return Task(self.task, decode_id_of("Staff", self.owner_id, "ownerId"), self.due_at)


@strawberry.input(description="What people found out about an incident, once all was as before.")
class IncidentReviewInput:
    """What recordIncidentStep takes at REVIEWED."""

    impacts: list[IncidentImpact] = strawberry.field(description="What it harmed; empty where it harmed nothing.")
    impact: str = strawberry.field(description="What that meant, and for whom. At least 20 letters.")
    root_cause: str = strawberry.field(description="What caused it. At least 20 letters.")
    follow_ups: list[FollowUpInput] = strawberry.field(
        default_factory=list, description="What is to be done so that it does not come again: 50 at most."
    )
    no_follow_ups_because: str | None = strawberry.field(
        default=None, description="Why nothing is to be done, in place of followUps. At least 20 letters."
    )

    def as_review(self) -> Review:
        """The same for the use case. Raises `BadInput`."""
        tasks = [each.as_task() for each in self.follow_ups]
        return Review(self.impacts, self.impact, self.root_cause, tasks, self.no_follow_ups_because)


@strawberry.input(description="What you have done.")
class CompleteFollowUpInput:
    """Input of completeFollowUp."""

    follow_up_id: strawberry.ID = strawberry.field(description="The follow-up, which is yours.")
    note: str = strawberry.field(description="What was done, and where it can be seen. At least 10 letters.")


@strawberry.input(description="What you saw of what a colleague has done.")
class ReviewFollowUpInput:
    """Input of reviewFollowUp."""

    follow_up_id: strawberry.ID = strawberry.field(description="The follow-up, which is somebody else's.")
    done: bool = strawberry.field(description="Whether it is done; if not it is open again.")
    note: str = strawberry.field(description="What you looked at. At least 10 letters.")


@strawberry.input(description="Who is to do it instead.")
class ReassignFollowUpInput:
    """Input of reassignFollowUp."""

    follow_up_id: strawberry.ID = strawberry.field(description="The follow-up, which nobody has done yet.")
    owner_id: strawberry.ID = strawberry.field(description="Who of staff does it; an auditor does nothing here.")
    note: str = strawberry.field(description="Why. At least 10 letters.")


@strawberry.type(description="The follow-up, as it is now.")
class FollowUpPayload:
    """Answer of every mutation of a follow-up."""

    follow_up: FollowUp = strawberry.field(description="The follow-up.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class FollowUpQueries:
    """Questions about follow-ups."""

    @question(
        "What is to be done after incidents: all for security, privacy and auditors, their own for others of staff."
    )
    def follow_ups(
        self,
        info: Info,
        incident_id: OfIncident = None,
        status: OfStatus = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[FollowUp]:
        part = part_of(info, "FollowUp", first, after, last, before)
        equal: dict[str, Any] = {} if status is None else {"status": status}
        if incident_id is not None:
            equal["incident_id"] = decode_id_of("Incident", incident_id, "incidentId")
        connection: Connection[FollowUp] = listed(info, FollowUp, part, **equal)
        return connection


@strawberry.type
class FollowUpMutations:
    """Mutations about follow-ups."""

    @mutation("Say that what you had to do after an incident is done. Staff only; somebody else then looks at it.")
    def complete_follow_up(self, info: Info, input: CompleteFollowUpInput) -> FollowUpPayload:
        return _payload(info, follow_ups.complete(info.context, _id(input.follow_up_id), input.note))

    @mutation("Say whether what a colleague had to do after an incident is done. Security and privacy only.")
    def review_follow_up(self, info: Info, input: ReviewFollowUpInput) -> FollowUpPayload:
        return _payload(info, follow_ups.review(info.context, _id(input.follow_up_id), input.done, input.note))

    @mutation("Give what nobody has done yet to somebody else to do, by the same date. Security and privacy only.")
    def reassign_follow_up(self, info: Info, input: ReassignFollowUpInput) -> FollowUpPayload:
        owner = decode_id_of("Staff", input.owner_id, "ownerId")
        return _payload(info, follow_ups.reassign(info.context, _id(input.follow_up_id), owner, input.note))


def _payload(info: Info, row: FollowUpRow) -> FollowUpPayload:
    return FollowUpPayload(follow_up=FollowUp.of(row), audit_event_id=audit_event_id(info))


def _id(given: strawberry.ID) -> uuid.UUID:
    return decode_id_of("FollowUp", given, "followUpId")
