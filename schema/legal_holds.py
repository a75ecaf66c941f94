"""Legal holds in the API's words."""

import uuid
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import legal_holds
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info, Node, plain, reference, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.deletions import DeletionScope
from storage.legal_holds import HoldReason, LegalHoldStatus
from storage.legal_holds import LegalHold as LegalHoldRow

strawberry.enum(
    LegalHoldStatus,
    description="PROPOSED until a second person agrees; ACTIVE while it keeps something; RELEASED when it was lifted.",
)
strawberry.enum(
    HoldReason, name="LegalHoldReason", description="Why something must be kept: a court case, an order, or a law."
)


@strawberry.type(
    description="What law keeps although its owner would have it go. It defers deletion and retention, opens nothing."
)
class LegalHold(Node):
    """A hold, proposed or in force."""

    record: ClassVar = LegalHoldRow
    actions: ClassVar = (Action.APPROVE, Action.READ, Action.READ_REASON, Action.RELEASE)

    contributor_id: strawberry.ID = reference("subject_id", "Contributor", "Whose things it keeps.")
    scope: DeletionScope = plain("scope", DeletionScope, "How much it keeps.")
    status: LegalHoldStatus = plain("status", LegalHoldStatus, "Where it stands.")
    reason_code: HoldReason = plain("reason_code", HoldReason, "Why, out of a closed list.")
    reason: str | None = sealed("reason", str | None, "Why, in words. Null where you may not read it.")
    matter: str | None = sealed("matter", str | None, "The case it belongs to. Null where you may not read it.")
    placed_at: datetime = plain("placed_at", datetime, "When it was placed.")
    approved_at: datetime | None = plain("approved_at", datetime | None, "Since when it keeps what it names.")
    review_at: datetime = plain("review_at", datetime, "By when somebody looks whether it is still needed.")
    released_at: datetime | None = plain("released_at", datetime | None, "When it was lifted.")

    @strawberry.field(description="The project or thing it keeps; null for a whole account.")
    def object_id(self) -> strawberry.ID | None:
        if self.row.scope is DeletionScope.ACCOUNT:
            return None
        return encode_id(self.row.scope.value.title(), self.row.object_id)


@strawberry.input(description="What to keep, and why.")
class PlaceLegalHoldInput:
    """Input of placeLegalHold."""

    contributor_id: strawberry.ID = strawberry.field(description="Whose things.")
    scope: DeletionScope = strawberry.field(description="How much of them: no more than the matter needs.")
    object_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The project or thing of the scope; left out for ACCOUNT. Whether it exists is not said: a hold on "
        "what is not the contributor's keeps nothing.",
    )
    reason_code: HoldReason = strawberry.field(description="Why, out of a closed list.")
    reason: str = strawberry.field(description="Why, in words that the contributor will read. At least 20 letters.")
    matter: str = strawberry.field(description="The case it belongs to.")
    review_at: datetime = strawberry.field(
        description="By when somebody looks whether it is still needed, within 366 days. It does not end by itself."
    )


@strawberry.input(description="Which hold to agree to.")
class ApproveLegalHoldInput:
    """Input of approveLegalHold."""

    legal_hold_id: strawberry.ID = strawberry.field(description="The hold, placed by somebody other than you.")


@strawberry.input(description="Which hold to lift.")
class ReleaseLegalHoldInput:
    """Input of releaseLegalHold."""

    legal_hold_id: strawberry.ID = strawberry.field(description="The hold.")


@strawberry.type(description="The hold, as it is now.")
class LegalHoldPayload:
    """Answer of every mutation of a legal hold."""

    legal_hold: LegalHold = strawberry.field(description="The hold.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def _payload(info: Info, row: LegalHoldRow) -> LegalHoldPayload:
    return LegalHoldPayload(legal_hold=LegalHold.of(row), audit_event_id=audit_event_id(info))


@strawberry.type
class LegalHoldQueries:
    """Questions about legal holds."""

    @question("What law keeps: of your own things, or for staff all that they may see.")
    def legal_holds(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[LegalHold]:
        part = part_of(info, "LegalHold", first, after, last, before)
        connection: Connection[LegalHold] = listed(info, LegalHold, part)
        return connection


@strawberry.type
class LegalHoldMutations:
    """Mutations about legal holds."""

    @mutation("Place a legal hold. Staff only; it keeps nothing before a second person agrees.")
    def place_legal_hold(self, info: Info, input: PlaceLegalHoldInput) -> LegalHoldPayload:
        kept = input.object_id
        row = legal_holds.place(
            info.context,
            decode_id_of("Contributor", input.contributor_id, "contributorId"),
            input.scope,
            None if kept is None else _named(input.scope, kept),
            reason_code=input.reason_code,
            reason=input.reason,
            matter=input.matter,
            review_at=input.review_at,
        )
        return _payload(info, row)

    @mutation("Agree to a colleague's legal hold. Deletions that it bears on wait until it is lifted.")
    def approve_legal_hold(self, info: Info, input: ApproveLegalHoldInput) -> LegalHoldPayload:
        return _payload(info, legal_holds.approve(info.context, _id(input.legal_hold_id)))

    @mutation("Lift a legal hold. What waited for it goes on by itself.")
    def release_legal_hold(self, info: Info, input: ReleaseLegalHoldInput) -> LegalHoldPayload:
        return _payload(info, legal_holds.release(info.context, _id(input.legal_hold_id)))


def _id(given: strawberry.ID) -> uuid.UUID:
    return decode_id_of("LegalHold", given, "legalHoldId")


def _named(scope: DeletionScope, given: strawberry.ID) -> uuid.UUID:
    """The thing that a scope is about; its id says of what kind it is. None of an account is taken."""
    return decode_id_of("Contributor" if scope is DeletionScope.ACCOUNT else scope.value.title(), given, "objectId")
