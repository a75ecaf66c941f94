"""A review of access, for the small world to decide about: in every state, held by nobody, or by somebody."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from storage.access_reviews.records import (
    AccessReview,
    AccessReviewItem,
    ReviewChange,
    ReviewItemStatus,
    ReviewKind,
)
from storage.records import Record
from storage.sealed import Sealed


def reviewed(named: Callable[[str], uuid.UUID]) -> Iterator[tuple[str, Record]]:
    """The review and its items: nobody's, one that an employee with Ada's id holds and is about her, and Eve's key."""
    review = named("review")
    yield "review", AccessReview(id=review, number=1, due_at=datetime(2026, 1, 1, tzinfo=UTC))
    for status in ReviewItemStatus:
        for whose in (None, "ada", "eve"):
            name = f"{whose}'s reviewed, {status}"
            key = whose == "eve"
            yield name, AccessReviewItem(
                id=named(name), review_id=review, kind=ReviewKind.API_KEY if key else ReviewKind.STAFF_ROLE, name="",
                holder_id=named(whose) if whose == "ada" else None, owner_id=whose and named(whose), rights_hash="",
                change=ReviewChange.NEW, flags=[], status=status, note=Sealed(b"\x01nothing"),
            )  # fmt: skip
