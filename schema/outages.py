"""Outages in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import outages
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.outages import AFFECTS, Component, OutageKind
from storage.outages import Outage as OutageRow

strawberry.enum(
    Component,
    name="PlatformComponent",
    description="A part that can be away by itself: AGENTS, FILES, KEYS, LEDGER, MODEL; or all of the PLATFORM.",
)
strawberry.enum(OutageKind, description="FOUND by a check, or MAINTENANCE that staff announced.")


@strawberry.type(
    description="A time in which a part of the platform was away, or will be. Everybody reads it at /status."
)
class Outage(Node):
    """An outage, or maintenance."""

    record: ClassVar = OutageRow
    actions: ClassVar = (Action.READ, Action.UPDATE)

    component: Component = plain("component", Component, "Which part.")
    kind: OutageKind = plain("kind", OutageKind, "How it came to be known.")
    started_at: datetime = plain("started_at", datetime, "From when.")
    ended_at: datetime | None = plain("ended_at", datetime | None, "Until when; null while it lasts.")
    announced_at: datetime | None = plain("announced_at", datetime | None, "When it was announced, if it was.")
    cause: str | None = plain("cause", str | None, "What caused it, or what is done; null while nobody has said.")

    @strawberry.field(description="What one notices of it.")
    def affects(self) -> str:
        return AFFECTS[self.row.component]


@strawberry.input(description="What will be away, when, and why.")
class AnnounceMaintenanceInput:
    """Input of announceMaintenance."""

    component: Component = strawberry.field(description="Which part.")
    cause: str = strawberry.field(description="What is done, for everybody to read. At least 10 letters, no secrets.")
    starts_at: datetime = strawberry.field(description="When it begins, at most 180 days ahead.")
    ends_at: datetime = strawberry.field(description="When it ends, at most 7 days after that.")


@strawberry.input(description="What caused an outage.")
class ExplainOutageInput:
    """Input of explainOutage."""

    outage_id: strawberry.ID = strawberry.field(description="The outage, or maintenance.")
    cause: str = strawberry.field(description="What caused it, for everybody to read. At least 10 letters, no secrets.")
    ends_at: datetime | None = strawberry.field(
        default=None, description="Of maintenance that is not over: when it ends instead."
    )


@strawberry.type(description="The outage, and the event that records what was done.")
class OutagePayload:
    """Answer of announceMaintenance and explainOutage."""

    outage: Outage = strawberry.field(description="The outage, or maintenance.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class OutageQueries:
    """Questions about outages."""

    @question("Outages and maintenance. Staff only; everybody reads the same at /status.")
    def outages(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Outage]:
        part = part_of(info, "Outage", first, after, last, before)
        connection: Connection[Outage] = listed(info, Outage, part)
        return connection


@strawberry.type
class OutageMutations:
    """Mutations about outages."""

    @mutation("Announce maintenance to everybody. System administrators.")
    def announce_maintenance(self, info: Info, input: AnnounceMaintenanceInput) -> OutagePayload:
        row = outages.announce(info.context, input.component, input.cause, input.starts_at, input.ends_at)
        return OutagePayload(outage=Outage.of(row), audit_event_id=audit_event_id(info))

    @mutation("Tell everybody what caused an outage, or that maintenance ends at another time. System administrators.")
    def explain_outage(self, info: Info, input: ExplainOutageInput) -> OutagePayload:
        row_id = decode_id_of("Outage", input.outage_id, "outageId")
        row = outages.explain(info.context, row_id, input.cause, input.ends_at)
        return OutagePayload(outage=Outage.of(row), audit_event_id=audit_event_id(info))
