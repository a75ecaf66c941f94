"""Campaigns: one at a time is opened, told of to those whose keys are in it, and closed when nothing in it is open."""

import uuid
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache

from policies.actions import Action
from policies.principals import AgentName
from policies.workbench.roles import hashes
from resolvers.access_reviews import endings
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage import accounts
from storage.access_reviews import gathering, standing
from storage.access_reviews.gathering import Rights
from storage.access_reviews.records import (
    AccessReview,
    AccessReviewItem,
    ReviewChange,
    ReviewItemStatus,
)
from storage.ids import new_id
from storage.ledger import events
from storage.staff import StaffRole
from storage.work import UnitOfWork

SHORTEST, USUAL, LONGEST = timedelta(days=14), timedelta(days=30), timedelta(days=90)
"""How far ahead a review is due: at least, where nobody says, and at most."""
UNRULED = ("ledger", "lookout", "policy", "reviewer", "sentinel")
"""What works unattended and that policy.polar has no rules for: it opens nothing, and what it does is in the code."""


def open_one(context: Context, due_at: datetime) -> AccessReview:
    """Begin a review of everything there is now (1).

    Raises `Forbidden`, `BadInput` for a date too near or too far, and `Conflict` while a review is under way.
    """
    context.access.check(Action.OPEN_ACCESS_REVIEW)
    work = context.work
    if due_at.tzinfo is None or not work.now + SHORTEST <= due_at <= work.now + LONGEST:
        raise BadInput(
            f"dueAt lies {SHORTEST.days} to {LONGEST.days} days ahead, and carries its time zone.", field="dueAt"
        )
    review = begin(work, rights_by(context.policy.source), due_at, context.caller_id)
    if review is None:
        raise Conflict("A review is under way: it closes when everything in it is decided, or is due.")
    return context.access.get(AccessReview, review.id, Action.READ)


def begin(work: UnitOfWork, rights: Rights, due_at: datetime, opened_by: uuid.UUID | None) -> AccessReview | None:
    """A review with all its items; None where one is under way. `opened_by` None: by itself."""
    session = work.session
    last = standing.newest(session)
    if last is not None and last.closed_at is None:
        return None
    number = 1 if last is None else last.number + 1
    review = AccessReview(id=new_id(), number=number, opened_by=opened_by, opened_at=work.now, due_at=due_at)
    try:
        accounts.add_unique(session, review)  # or two at the same moment would each be the only one
    except accounts.AlreadyExists:
        raise Conflict("A review has just been opened by somebody else.") from None
    items = list(gathering.items(session, review, rights))
    session.add_all(items)
    work.record(_opened(review, items))
    session.flush()
    return review


def is_due(work: UnitOfWork, rights: Rights) -> bool:
    """Whether one is to begin by itself: by its date, or since a job or an agent may do something else than before."""
    return standing.is_due(work.session, work.now) or gathering.altered(work.session, rights)


@lru_cache(maxsize=2)
def rights_by(policy: str) -> Rights:
    """What each job and each agent may do by the text of a policy, as hashes that change with its rules."""
    found = hashes(policy)
    agents = {str(name): found[name] for name in AgentName} | dict.fromkeys(UNRULED, "")
    return Rights({role: found[role] for role in StaffRole}, agents)


def finish(work: UnitOfWork, at_most: int, without: Collection[uuid.UUID] = ()) -> bool:
    """End some of what nobody has confirmed in time (3, 4), and close the review; answers whether more is left.

    Items `without` which it is to do that are left as they are.
    """
    review = standing.under_way(work.session)
    if review is None:
        return False
    items = standing.undecided(work.session, review.id, at_most, without) if review.due_at <= work.now else []
    for item in items:
        endings.run_out(work, item)
    work.session.flush()
    return not close(work, review.id) and bool(items)


def next_to_finish(work: UnitOfWork, without: Collection[uuid.UUID]) -> uuid.UUID | None:
    """Return the item that `finish` takes next."""
    review = standing.under_way(work.session)
    items = [] if review is None else standing.undecided(work.session, review.id, 1, without)
    return items[0].id if items else None


def close(work: UnitOfWork, review_id: uuid.UUID) -> bool:
    """Close a review in which nothing is open any more; answers whether it is closed now."""
    ended = standing.close(work.session, review_id, work.now)
    if ended is None:
        return False
    work.record(
        events.AccessReviewClosed(
            resource_id=review_id,
            subject_id=None,
            kept_count=ended.get(ReviewItemStatus.KEPT, 0) + ended.get(ReviewItemStatus.IN_USE, 0),
            revoked_count=ended.get(ReviewItemStatus.REVOKED, 0),
            ended_count=ended.get(ReviewItemStatus.ENDED, 0),
            overdue_count=ended.get(ReviewItemStatus.OVERDUE, 0),
        )
    )
    return True


def next_to_tell(work: UnitOfWork, without: Collection[uuid.UUID]) -> uuid.UUID | None:
    """Return the item that `tell` takes next."""
    review = standing.under_way(work.session)
    items = [] if review is None else standing.untold(work.session, review.id, 1, without)
    return items[0].id if items else None


def tell(work: UnitOfWork, at_most: int, without: Collection[uuid.UUID] = ()) -> int:
    """Tell some contributors that a key of theirs ends unless they use it; answers how many keys."""
    review = standing.under_way(work.session)
    if review is None:
        return 0
    items = standing.untold(work.session, review.id, at_most, without)
    for item in items:
        endings.warn(work, item, review.due_at)
        item.told_at = work.now
    return len(items)


def _opened(review: AccessReview, items: list[AccessReviewItem]) -> events.AccessReviewOpened:
    changes = Counter(each.change for each in items)
    return events.AccessReviewOpened(
        resource_id=review.id,
        subject_id=None,
        item_count=len(items),
        new_count=changes[ReviewChange.NEW],
        changed_count=changes[ReviewChange.CHANGED],
        removed_count=changes[ReviewChange.REMOVED],
        flagged_count=sum(bool(each.flags) for each in items),
        due_seconds=int((review.due_at - review.opened_at).total_seconds()),
    )
