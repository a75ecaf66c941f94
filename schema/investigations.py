"""Investigations in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import investigations
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, reference, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.investigations import Investigation as InvestigationRow
from storage.investigations import InvestigationStatus

strawberry.enum(InvestigationStatus, description="Where an investigation stands. Past expiresAt it opens nothing.")


@strawberry.type(description="A bounded time in which security may open whom a part of the audit trail is about.")
class Investigation(Node):
    """An investigation. Whoever it is into sees that it is; the reason stays with security."""

    record: ClassVar = InvestigationRow
    actions: ClassVar = (Action.READ, Action.READ_CONTENT, Action.CLOSE)

    person_id = reference("person_id", "Contributor", "Into whom, if into a person.", optional=True)
    status: InvestigationStatus = plain("status", InvestigationStatus, "Where it stands.")
    reason: str | None = sealed("reason", str | None, "Why. Null to everybody but security.")
    opened_at: datetime = plain("opened_at", datetime, "When it was opened.")
    expires_at: datetime = plain("expires_at", datetime, "When it ends by itself.")
    ended_at: datetime | None = plain("ended_at", datetime | None, "When it was closed, or ended by itself.")

    @strawberry.field(description="Into which call, if into all that one call set in motion.")
    def correlation_id(self) -> str | None:
        return None if self.row.correlation_id is None else str(self.row.correlation_id)


@strawberry.input(description="A new investigation, into a person or into a call.")
class OpenInvestigationInput:
    """Input of openInvestigation."""

    person_id: strawberry.ID | None = strawberry.field(default=None, description="Into this contributor.")
    correlation_id: str | None = strawberry.field(
        default=None, description="Into all that this call set in motion: an entry's correlationId."
    )
    reason: str = strawberry.field(
        description="Why it is needed, in words that others will judge. At least 10 letters."
    )
    expires_at: datetime = strawberry.field(description="When it ends by itself, at most 90 days ahead.")


@strawberry.input(description="Which investigation.")
class CloseInvestigationInput:
    """Input of closeInvestigation."""

    investigation_id: strawberry.ID = strawberry.field(description="The investigation to end.")


@strawberry.type(description="The investigation, and the event that records what was done.")
class InvestigationPayload:
    """Answer of openInvestigation and closeInvestigation."""

    investigation: Investigation = strawberry.field(description="The investigation.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class InvestigationMutations:
    """Mutations about investigations."""

    @mutation("Open an investigation. Everybody in it reads so in their access log. Each look is an event of its own.")
    def open_investigation(self, info: Info, input: OpenInvestigationInput) -> InvestigationPayload:
        person = None if input.person_id is None else decode_id_of("Contributor", input.person_id, "personId")
        row = investigations.open_one(info.context, person, input.correlation_id, input.reason, input.expires_at)
        return InvestigationPayload(investigation=Investigation.of(row), audit_event_id=audit_event_id(info))

    @mutation("End an investigation at once.")
    def close_investigation(self, info: Info, input: CloseInvestigationInput) -> InvestigationPayload:
        row = investigations.close(
            info.context, decode_id_of("Investigation", input.investigation_id, "investigationId")
        )
        return InvestigationPayload(investigation=Investigation.of(row), audit_event_id=audit_event_id(info))
