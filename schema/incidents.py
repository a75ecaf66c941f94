"""Incidents in the API's words."""

import uuid
from datetime import datetime
from typing import Annotated, ClassVar

import strawberry

from policies.actions import Action
from resolvers import incidents, inputs, lists
from resolvers.detections import runbook
from schema.connections import After, Before, Connection, First, Last, below, listed, part_of
from schema.follow_ups import FollowUp, IncidentReviewInput
from schema.guards import mutation, question
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.incidents import Incident as IncidentRow
from storage.incidents import IncidentDecision, IncidentImpact, IncidentStatus, Severity

strawberry.enum(
    IncidentStatus,
    description="DETECTED, CONTAINED by a measure, CONFIRMED or FALSE_POSITIVE as people decided, NOTIFIED when those "
    "affected were told, RECOVERED, REVIEWED, CLOSED.",
)
strawberry.enum(Severity, name="IncidentSeverity", description="How soon people have to look.")
strawberry.enum(IncidentDecision, description="What people made of an incident.")

Which = Annotated[strawberry.ID, strawberry.argument(description="The incident.")]
OfDetection = Annotated[str | None, strawberry.argument(description="Those alone that this detection found, as D02.")]


@strawberry.type(
    description="Unusual activity that a detection found, and what was made of it. Its timeline is the audit trail."
)
class Incident(Node):
    """An incident, as staff see it."""

    record: ClassVar = IncidentRow
    actions: ClassVar = (Action.HANDLE, Action.NOTIFY, Action.READ, Action.READ_CONTENT)

    detection: str = plain("detection", str, "Which detection found it: docs/runbooks has a page for each.")
    severity: Severity = plain("severity", Severity, "How soon people have to look.")
    status: IncidentStatus = plain("status", IncidentStatus, "Where it stands.")
    drill: bool = plain("drill", bool, "Whether it is an exercise.")
    actor_kind: str | None = plain("actor_kind", str | None, "What sort of caller it was; null where there is none.")
    hits: int = plain("hits", int, "How often the detection hit before people decided.")
    began_at: datetime = plain("began_at", datetime, "When the first of what was found happened.")
    detected_at: datetime = plain("detected_at", datetime, "When it was found.")
    contained_at: datetime | None = plain("contained_at", datetime | None, "When the measure was carried out.")
    sessions_ended: int = plain("sessions_ended", int, "Sessions that measures ended.")
    sessions_held: int = plain("sessions_held", int, "Sessions whose exports they held, or that they slowed down.")
    keys_suspended: int = plain("keys_suspended", int, "API keys that they suspended.")
    keys_held: int = plain("keys_held", int, "API keys whose exports they held, or that they slowed down.")
    grants_ended: int = plain("grants_ended", int, "Access grants that they ended.")
    acknowledged_at: datetime | None = plain("acknowledged_at", datetime | None, "Since when somebody looks after it.")
    decided_at: datetime | None = plain("decided_at", datetime | None, "When it was decided what it is.")
    clock_until: datetime = plain("clock_until", datetime, "By when an authority may have to be told.")
    notice: str | None = sealed("notice", str | None, "What those affected are told. Null where you may not read it.")
    notice_sent_at: datetime | None = plain("notice_sent_at", datetime | None, "When they were.")
    notified: int = plain("notified", int, "How many people were.")
    recovered_at: datetime | None = plain("recovered_at", datetime | None, "When all was as before.")
    reviewed_at: datetime | None = plain("reviewed_at", datetime | None, "When it was clear what caused it.")
    impact: str | None = sealed("impact", str | None, "What the harm was, and whose. Null before, or where not yours.")
    root_cause: str | None = sealed("root_cause", str | None, "What caused it. Null before, or where not yours.")
    no_follow_ups_because: str | None = sealed(
        "no_follow_ups", str | None, "Why nothing is to be done after it. Null where something is, or where not yours."
    )
    closed_at: datetime | None = plain("closed_at", datetime | None, "When nothing was left to be done.")

    @strawberry.field(description="Where it stands what people do: a page of the repository.")
    def runbook(self) -> str:
        return runbook(self.row.detection)

    @strawberry.field(description="What it harmed; empty where it harmed nothing, null before its review.")
    def impacts(self) -> list[IncidentImpact] | None:
        found = self.row.impacts
        return None if found is None else [IncidentImpact(each) for each in found]

    follow_ups: Connection[FollowUp] = below(
        FollowUp, "incident_id", "What is to be done so that it does not come again."
    )

    @strawberry.field(description="What people wrote, oldest first. Null where you may not read it.")
    def notes(self, info: Info) -> list[str] | None:
        if not lists.may_open(self.row, "words"):
            return None
        return [each["words"] for each in lists.opened(info.context, self.row, "words") or []]


@strawberry.input(description="What was found out.")
class TriageIncidentInput:
    """Input of triageIncident."""

    incident_id: strawberry.ID = strawberry.field(description="The incident.")
    decision: IncidentDecision | None = strawberry.field(
        default=None, description="What it is; left out while nobody knows: that acknowledges it alone."
    )
    words: str = strawberry.field(description="Why, for colleagues and auditors. At least 10 letters.")


@strawberry.input(description="How far it is.")
class RecordIncidentStepInput:
    """Input of recordIncidentStep."""

    incident_id: strawberry.ID = strawberry.field(description="The incident.")
    step: IncidentStatus = strawberry.field(description="RECOVERED, or REVIEWED.")
    words: str = strawberry.field(description="What was done, for colleagues. At least 10 letters.")
    review: IncidentReviewInput | None = strawberry.field(
        default=None, description="What was found out: needed at REVIEWED, and given there alone."
    )


@strawberry.input(description="What those affected are to be told.")
class DraftIncidentNoticeInput:
    """Input of draftIncidentNotice."""

    incident_id: strawberry.ID = strawberry.field(description="The incident.")
    text: str = strawberry.field(
        description="What happened, to which data, when, what was done, what they can do, whom to ask. In plain words."
    )


@strawberry.input(description="Whose notice to send.")
class NotifyAffectedInput:
    """Input of notifyAffected."""

    incident_id: strawberry.ID = strawberry.field(description="The incident, its notice drafted by somebody else.")


@strawberry.input(description="Which measure to lift, and why.")
class LiftIncidentMeasureInput:
    """Input of liftIncidentMeasure."""

    incident_id: strawberry.ID = strawberry.field(description="The incident, of an API key.")
    words: str = strawberry.field(description="Why. At least 10 letters.")


@strawberry.input(description="Which incident to close.")
class CloseIncidentInput:
    """Input of closeIncident."""

    incident_id: strawberry.ID = strawberry.field(description="The incident.")


@strawberry.type(description="The incident, as it is now.")
class IncidentPayload:
    """Answer of every mutation of an incident."""

    incident: Incident = strawberry.field(description="The incident.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def _payload(info: Info, row: IncidentRow) -> IncidentPayload:
    return IncidentPayload(incident=Incident.of(row), audit_event_id=audit_event_id(info))


@strawberry.type
class IncidentQueries:
    """Questions about incidents."""

    @question("Incidents, or those of one detection. Staff only.")
    def incidents(
        self,
        info: Info,
        detection: OfDetection = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Incident]:
        part = part_of(info, "Incident", first, after, last, before)
        equal = {} if detection is None else {"detection": inputs.text(detection, "detection", at_most=10)}
        connection: Connection[Incident] = listed(info, Incident, part, **equal)
        return connection

    @question("Whose work was seen in an incident, as the audit trail has it. Staff only.")
    def affected_contributors(self, info: Info, incident_id: Which) -> list[strawberry.ID]:
        found = incidents.whom_it_concerns(info.context, _id(incident_id))
        return [strawberry.ID(encode_id("Contributor", each)) for each in found]


@strawberry.type
class IncidentMutations:
    """Mutations about incidents."""

    @mutation("Acknowledge an incident, and say what it is. Staff only.")
    def triage_incident(self, info: Info, input: TriageIncidentInput) -> IncidentPayload:
        return _payload(info, incidents.triage(info.context, _id(input.incident_id), input.decision, input.words))

    @mutation("Say that all is as before; or what it harmed, what caused it and what follows. Staff only.")
    def record_incident_step(self, info: Info, input: RecordIncidentStepInput) -> IncidentPayload:
        review = None if input.review is None else input.review.as_review()
        found = incidents.step(info.context, _id(input.incident_id), input.step, input.words, review)
        return _payload(info, found)

    @mutation("Write what those affected are to be told. Staff only; nothing is sent before a second person approves.")
    def draft_incident_notice(self, info: Info, input: DraftIncidentNoticeInput) -> IncidentPayload:
        return _payload(info, incidents.draft_notice(info.context, _id(input.incident_id), input.text))

    @mutation("Approve a colleague's notice and send it to everybody affected. Each reads of it in their access log.")
    def notify_affected(self, info: Info, input: NotifyAffectedInput) -> IncidentPayload:
        return _payload(info, incidents.notify(info.context, _id(input.incident_id)))

    @mutation("Let an API key do again what an incident keeps it from. Staff only.")
    def lift_incident_measure(self, info: Info, input: LiftIncidentMeasureInput) -> IncidentPayload:
        return _payload(info, incidents.lift(info.context, _id(input.incident_id), input.words))

    @mutation("Close an incident that was none, or that was reviewed; its follow-ups go on. Staff only.")
    def close_incident(self, info: Info, input: CloseIncidentInput) -> IncidentPayload:
        return _payload(info, incidents.close(info.context, _id(input.incident_id)))


def _id(given: strawberry.ID) -> uuid.UUID:
    return decode_id_of("Incident", given, "incidentId")
