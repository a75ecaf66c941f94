"""The records of access reviews: a campaign, and one item for each thing that may do something."""

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, NotExported, Record, plain, sealed
from storage.sealed import Sealed

EVERY = timedelta(days=90)
"""How long after one review the next one begins by itself."""
DORMANT_AFTER = timedelta(days=90)
"""How long something lies unused before a review says so."""

_EMPLOYEE = "names an employee: contributors are told what was decided, not by whom"


class ReviewKind(enum.StrEnum):
    """What may do something."""

    AGENT = "AGENT"  # what acts unattended, by rules of its own
    API_KEY = "API_KEY"  # a contributor's key that nobody has used for long
    COMPONENT = "COMPONENT"  # a login of the database
    SERVICE = "SERVICE"  # what work may be sent to
    STAFF_ROLE = "STAFF_ROLE"  # a job that somebody of staff holds

    @property
    def ends_here(self) -> bool:
        """Whether it can be ended in the database. An agent or a component ends by a release, or another policy."""
        return self not in (ReviewKind.AGENT, ReviewKind.COMPONENT)


class ReviewChange(enum.StrEnum):
    """How something stands to the review before."""

    CHANGED = "CHANGED"  # it was confirmed, and may do something else since
    NEW = "NEW"
    REMOVED = "REMOVED"  # it was confirmed, and is there no more
    UNCHANGED = "UNCHANGED"


class ReviewFlag(enum.StrEnum):
    """What a reviewer should know of something."""

    DORMANT = "DORMANT"  # it was not used for 90 days
    NEVER_USED = "NEVER_USED"
    SEPARATION_CONFLICT = "SEPARATION_CONFLICT"  # its holder has another job that excludes this one


class ReviewDecision(enum.StrEnum):
    """What somebody says of something."""

    KEEP = "KEEP"
    REVOKE = "REVOKE"


class ReviewItemStatus(enum.StrEnum):
    """What became of something."""

    OPEN = "OPEN"
    KEPT = "KEPT"
    REVOKED = "REVOKED"  # somebody said that it ends
    ENDED = "ENDED"  # nobody confirmed it in time: it ended by itself
    IN_USE = "IN_USE"  # a key that was used again before the review was due
    GONE = "GONE"  # it had ended before anybody decided
    OVERDUE = "OVERDUE"  # nobody confirmed it in time, and it does not end by itself


UNDECIDED = (ReviewItemStatus.OPEN, ReviewItemStatus.OVERDUE)
STANDING = (ReviewItemStatus.KEPT, ReviewItemStatus.IN_USE, ReviewItemStatus.OVERDUE)
"""What was still there when its review closed: what the next one is held against."""


class AccessReview(Record):
    """One campaign: everything that there was when it was opened, to be confirmed until it is due.

    `number` counts them, and is how only one is opened at a time. `opened_by` None: by itself.
    """

    __tablename__ = "access_reviews"
    card = DataCard(
        subject=None,
        retention="access_reviews",
        export=NotExported("says when staff looked at access, and is about nobody"),
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    number: Mapped[int] = plain(unique=True)
    opened_by: Mapped[uuid.UUID | None] = plain()
    opened_at: Mapped[datetime] = plain(default=now)
    due_at: Mapped[datetime] = plain()
    closed_at: Mapped[datetime | None] = plain()


class AccessReviewItem(Record):
    """One thing in an access review, and what was decided about it. Of an API key `owner_id` is whose it is.

    `object_id` is the job's, the key's or the service's row; agents and components have a name alone. `holder_id` is
    the member of staff who holds it, and so does not decide. `rights_hash` is what it may do, as a hash that changes
    with it. `told_at` is when its contributor was told that it will end, `ended_at` when it did.
    """

    __tablename__ = "access_review_items"
    card = DataCard(subject="owner_id", retention="access_reviews", export=Exported("access_reviews.jsonl"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    review_id: Mapped[uuid.UUID] = plain(index=True)
    kind: Mapped[ReviewKind] = plain()
    object_id: Mapped[uuid.UUID | None] = plain(index=True)
    name: Mapped[str] = plain()
    owner_id: Mapped[uuid.UUID | None] = plain(index=True)
    holder_id: Mapped[uuid.UUID | None] = plain(index=True, withheld=_EMPLOYEE)
    rights_hash: Mapped[str] = plain()
    change: Mapped[ReviewChange] = plain()
    flags: Mapped[list[str]] = plain(JSON)
    opened_at: Mapped[datetime] = plain(default=now)
    last_used_at: Mapped[datetime | None] = plain()
    status: Mapped[ReviewItemStatus] = plain(default=ReviewItemStatus.OPEN)
    told_at: Mapped[datetime | None] = plain()
    decided_at: Mapped[datetime | None] = plain()
    decided_by: Mapped[uuid.UUID | None] = plain(index=True, withheld=_EMPLOYEE)
    ended_at: Mapped[datetime | None] = plain()
    note: Mapped[Sealed | None] = sealed(under="platform", opens_with="read_reason")
