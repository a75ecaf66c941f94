"""Access reviews in the API's words."""

import uuid
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers.access_reviews import campaigns, deciding
from schema.connections import After, Before, Connection, First, Last, below, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, reference, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.access_reviews.records import AccessReview as AccessReviewRow
from storage.access_reviews.records import AccessReviewItem as AccessReviewItemRow
from storage.access_reviews.records import (
    ReviewChange,
    ReviewDecision,
    ReviewFlag,
    ReviewItemStatus,
    ReviewKind,
)

strawberry.enum(
    ReviewKind,
    name="AccessReviewKind",
    description="A job of staff, an API key that nobody used for 90 days, an agent, a component with a login of its "
    "own, or a service that work may be sent to.",
)
strawberry.enum(
    ReviewChange,
    name="AccessReviewChange",
    description="How it stands to the review before: NEW, REMOVED since, UNCHANGED, or CHANGED in what it may do.",
)
strawberry.enum(
    ReviewFlag,
    name="AccessReviewFlag",
    description="DORMANT, unused for 90 days; NEVER_USED as far as the trail goes; SEPARATION_CONFLICT, where its "
    "holder has another job that excludes it.",
)
strawberry.enum(
    ReviewItemStatus,
    name="AccessReviewItemStatus",
    description="OPEN until decided; KEPT or REVOKED by somebody; ENDED by itself, as nobody confirmed it in time; "
    "IN_USE, where a key was used again; GONE before anybody decided; OVERDUE, where it does not end by itself.",
)
strawberry.enum(
    ReviewDecision, name="AccessReviewDecision", description="KEEP: it is needed. REVOKE: it is not, and ends at once."
)


@strawberry.type(description="One thing in an access review, and what was decided about it.")
class AccessReviewItem(Node):
    """An item of a review."""

    record: ClassVar = AccessReviewItemRow
    actions: ClassVar = (Action.DECIDE, Action.READ, Action.READ_REASON)

    review_id: strawberry.ID = reference("review_id", "AccessReview", "The review.")
    kind: ReviewKind = plain("kind", ReviewKind, "What sort of thing it is.")
    name: str = plain("name", str, "The job, the key's prefix, the agent, the component, the service's address.")
    holder_id: strawberry.ID | None = reference(
        "holder_id",
        "Staff",
        "Who of staff holds it, and so does not decide; null where nobody does.",
        optional=True,
    )
    change: ReviewChange = plain("change", ReviewChange, "How it stands to the review before.")
    last_used_at: datetime | None = plain(
        "last_used_at", datetime | None, "When it was last used; of a job, when its holder last did anything."
    )
    status: ReviewItemStatus = plain("status", ReviewItemStatus, "What became of it.")
    decided_at: datetime | None = plain("decided_at", datetime | None, "When that was decided.")
    ended_at: datetime | None = plain("ended_at", datetime | None, "When it ended, if it did by this review.")
    note: str | None = sealed("note", str | None, "Why. Null where you may not read it.")

    @strawberry.field(description="What a reviewer should know of it.")
    def flags(self) -> list[ReviewFlag]:
        return [ReviewFlag(each) for each in self.row.flags]


@strawberry.type(description="A look at everything that may do something here, until it is due.")
class AccessReview(Node):
    """A review."""

    record: ClassVar = AccessReviewRow
    actions: ClassVar = (Action.READ,)

    number: int = plain("number", int, "The first one is 1.")
    opened_at: datetime = plain("opened_at", datetime, "When it began.")
    due_at: datetime = plain("due_at", datetime, "Until when. What nobody has confirmed then ends by itself.")
    closed_at: datetime | None = plain("closed_at", datetime | None, "When nothing in it was open any more.")

    items: Connection[AccessReviewItem] = below(AccessReviewItem, "review_id", "What is in it.")


@strawberry.input(description="Until when everything is to be confirmed.")
class OpenAccessReviewInput:
    """Input of openAccessReview."""

    due_at: datetime = strawberry.field(description="Until when: 14 to 90 days ahead.")


@strawberry.input(description="What becomes of one thing in a review.")
class DecideAccessReviewItemInput:
    """Input of decideAccessReviewItem."""

    access_review_item_id: strawberry.ID = strawberry.field(description="The item; of nothing that you hold yourself.")
    decision: ReviewDecision = strawberry.field(description="Whether it stays.")
    note: str = strawberry.field(description="Why, for colleagues and auditors. At least 10 letters.")


@strawberry.type(description="The review that was opened.")
class AccessReviewPayload:
    """Answer of openAccessReview."""

    access_review: AccessReview = strawberry.field(description="The review.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="The item, as it is now.")
class AccessReviewItemPayload:
    """Answer of decideAccessReviewItem."""

    access_review_item: AccessReviewItem = strawberry.field(description="The item.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class AccessReviewQueries:
    """Questions about access reviews."""

    @question("Reviews of access, under way and closed. For security, privacy and auditors.")
    def access_reviews(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[AccessReview]:
        part = part_of(info, "AccessReview", first, after, last, before)
        connection: Connection[AccessReview] = listed(info, AccessReview, part)
        return connection


@strawberry.type
class AccessReviewMutations:
    """Mutations about access reviews."""

    @mutation(
        "Begin a review of every job, unused key, agent, component and service. Security only; one begins by itself "
        "each quarter."
    )
    def open_access_review(self, info: Info, input: OpenAccessReviewInput) -> AccessReviewPayload:
        row = campaigns.open_one(info.context, input.due_at)
        return AccessReviewPayload(access_review=AccessReview.of(row), audit_event_id=audit_event_id(info))

    @mutation("Confirm what somebody else holds, or end it at once. Security and privacy only.")
    def decide_access_review_item(self, info: Info, input: DecideAccessReviewItemInput) -> AccessReviewItemPayload:
        item_id: uuid.UUID = decode_id_of("AccessReviewItem", input.access_review_item_id, "accessReviewItemId")
        row = deciding.decide(info.context, item_id, input.decision, input.note)
        return AccessReviewItemPayload(access_review_item=AccessReviewItem.of(row), audit_event_id=audit_event_id(info))
