"""What happens in an access review."""

from storage.access_reviews.records import ReviewItemStatus, ReviewKind
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class AccessReviewOpened(Event):
    """Everything that may do something here is to be confirmed. What changed or went since the last one is counted.

    Nobody's action: by itself, because the last one was long ago.
    """

    action = "access_review.opened"
    category = Category.ADMIN_ACTION
    resource = Resource.ACCESS_REVIEW

    item_count: int
    new_count: int
    changed_count: int
    removed_count: int
    flagged_count: int
    due_seconds: int


class AccessReviewItemDecided(Event):
    """It was decided what becomes of one thing: by somebody, or by itself when the review was due.

    The subject is the contributor whose API key it is. What ended is an entry of its own.
    """

    action = "access_review.decided"
    category = Category.ADMIN_ACTION
    resource = Resource.ACCESS_REVIEW_ITEM

    kind: ReviewKind
    status: ReviewItemStatus


class AccessReviewClosed(Event):
    """Nothing in a review is open any more. So much was confirmed, ended by somebody, by itself, or is overdue."""

    action = "access_review.closed"
    category = Category.ADMIN_ACTION
    resource = Resource.ACCESS_REVIEW

    kept_count: int
    revoked_count: int
    ended_count: int
    overdue_count: int
