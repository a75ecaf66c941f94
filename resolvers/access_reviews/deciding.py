"""Deciding: somebody who does not hold a thing confirms it, or ends it at once, and says why."""

import uuid

from policies.actions import Action
from resolvers import inputs
from resolvers.access_reviews import campaigns, endings
from resolvers.context import Context
from resolvers.errors import Conflict
from storage.access_reviews import gathering, standing
from storage.access_reviews.records import UNDECIDED, AccessReviewItem, ReviewDecision, ReviewItemStatus


def decide(context: Context, item_id: uuid.UUID, decision: ReviewDecision, note: str) -> AccessReviewItem:
    """Confirm what somebody else holds, or end it (2). The last one decided closes the review.

    An agent or a component that is to end is recorded so, and stays a finding until it is there no more. Raises
    `BadInput` without a note; `Conflict` for what was decided, what has ended, and a job that is kept beside another
    one that excludes it.
    """
    item = context.access.get(AccessReviewItem, item_id, Action.DECIDE)
    inputs.text(note, "note", at_most=2_000, at_least=10)
    work = context.work
    found = standing.lock(work.session, item)
    if found not in UNDECIDED:
        raise Conflict(f"This was decided already: it is {found.value}.")
    if not gathering.stands(work.session, item, work.now):
        raise Conflict("What this is about has ended already: there is nothing to decide.")
    keep = decision is ReviewDecision.KEEP
    if keep and gathering.excluded(work.session, item, work.now):
        raise Conflict("Its holder has another job that excludes this one: one of the two is to be revoked.")
    work.vault.seal(item, note=note)
    status = ReviewItemStatus.KEPT if keep else ReviewItemStatus.REVOKED
    endings.settle(work, item, status, context.caller_id)
    work.session.flush()
    campaigns.close(work, item.review_id)
    return item
