"""Lock-downs in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers.lockdowns import deciding
from resolvers.lockdowns.deciding import USUAL_HOURS
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.lockdowns import Lockdown as LockdownRow
from storage.lockdowns import LockdownStatus

strawberry.enum(
    LockdownStatus,
    description="ACTIVE until a second person has ENDED it, or its time is up. Past expiresAt it holds nobody.",
)


@strawberry.type(
    description="A time in which nobody of staff and no agent works, and nothing new begins: contributors read, export "
    "and delete what is theirs."
)
class Lockdown(Node):
    """A lock-down, as staff see it."""

    record: ClassVar = LockdownRow
    actions: ClassVar = (Action.END, Action.READ, Action.READ_REASON)

    status: LockdownStatus = plain("status", LockdownStatus, "Whether it is on.")
    reason: str | None = sealed("reason", str | None, "Why. Null where you may not read it.")
    begun_at: datetime = plain("begun_at", datetime, "Since when.")
    expires_at: datetime = plain("expires_at", datetime, "When it ends by itself.")
    ended_at: datetime | None = plain("ended_at", datetime | None, "When it ended.")


@strawberry.input(description="Why, and for how long at most.")
class LockDownInput:
    """Input of lockDown."""

    reason: str = strawberry.field(description="Why, for colleagues and auditors. At least 10 letters.")
    hours: int = strawberry.field(
        default=USUAL_HOURS, description="After how many hours it ends by itself, at most 168."
    )


@strawberry.input(description="Which lock-down to end.")
class EndLockdownInput:
    """Input of endLockdown."""

    lockdown_id: strawberry.ID = strawberry.field(description="The lock-down, begun by somebody other than you.")


@strawberry.type(description="The lock-down, and the event that records what was done.")
class LockdownPayload:
    """Answer of lockDown and endLockdown."""

    lockdown: Lockdown = strawberry.field(description="The lock-down.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class LockdownQueries:
    """Questions about lock-downs."""

    @question("Lock-downs, now and before. Staff only.")
    def lockdowns(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Lockdown]:
        part = part_of(info, "Lockdown", first, after, last, before)
        connection: Connection[Lockdown] = listed(info, Lockdown, part)
        return connection


@strawberry.type
class LockdownMutations:
    """Mutations about lock-downs."""

    @mutation(
        "Lock the platform down, at once and everywhere. Staff of security, after stepUp.", after=deciding.noticed
    )
    def lock_down(self, info: Info, input: LockDownInput) -> LockdownPayload:
        row = deciding.begin(info.context, input.reason, input.hours)
        return LockdownPayload(lockdown=Lockdown.of(row), audit_event_id=audit_event_id(info))

    @mutation(
        "Open the platform again, as another person than whoever locked it, after stepUp.", after=deciding.noticed
    )
    def end_lockdown(self, info: Info, input: EndLockdownInput) -> LockdownPayload:
        row = deciding.end(info.context, decode_id_of("Lockdown", input.lockdown_id, "lockdownId"))
        return LockdownPayload(lockdown=Lockdown.of(row), audit_event_id=audit_event_id(info))
