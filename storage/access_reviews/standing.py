"""Where reviews stand: which is under way, what of one is undecided, who is to be told, and what ends."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from storage.access_reviews.records import (
    EVERY,
    AccessReview,
    AccessReviewItem,
    ReviewItemStatus,
    ReviewKind,
)
from storage.services import Service, ServiceStatus
from storage.sessions import ApiKey
from storage.staff import RoleAssignment

NOTICE = timedelta(days=7)
"""How long a contributor must have known before a key of theirs ends because nobody used it."""

_OPEN = AccessReviewItem.status == ReviewItemStatus.OPEN
_UNLOADED = {"synchronize_session": False}


def under_way(session: Session) -> AccessReview | None:
    """The review that is not closed yet."""
    return session.scalar(select(AccessReview).where(AccessReview.closed_at.is_(None)).limit(1))


def newest(session: Session) -> AccessReview | None:
    """The last one that was opened."""
    return session.scalar(select(AccessReview).order_by(AccessReview.number.desc()).limit(1))


def is_due(session: Session, moment: datetime, slack: timedelta = timedelta(0)) -> bool:
    """Whether the next one ought to have been opened before `slack`: after the last one, or the first job given."""
    last = newest(session)
    since = session.scalar(select(func.min(RoleAssignment.assigned_at))) if last is None else last.opened_at
    closed = last is None or last.closed_at is not None
    return closed and since is not None and since <= moment - EVERY - slack


def lock(session: Session, item: AccessReviewItem) -> ReviewItemStatus:
    """Keep others from deciding about it until this transaction ends; answers where it stands now."""
    session.refresh(item, ["status"], with_for_update=True)
    return item.status


def undecided(
    session: Session, review_id: uuid.UUID, at_most: int, without: Collection[uuid.UUID] = ()
) -> list[AccessReviewItem]:
    """Some of its items that nobody has decided about; nobody else does before this transaction ends."""
    waiting = select(AccessReviewItem).where(AccessReviewItem.review_id == review_id, _OPEN)
    waiting = waiting.where(AccessReviewItem.id.not_in(without))
    return list(session.scalars(waiting.order_by(AccessReviewItem.id).limit(at_most).with_for_update()))


def untold(
    session: Session, review_id: uuid.UUID, at_most: int, without: Collection[uuid.UUID] = ()
) -> list[AccessReviewItem]:
    """Some keys in it whose contributors were not told yet; locked as above."""
    keys = _OPEN & (AccessReviewItem.kind == ReviewKind.API_KEY) & AccessReviewItem.told_at.is_(None)
    waiting = select(AccessReviewItem).where(AccessReviewItem.review_id == review_id, keys)
    waiting = waiting.where(AccessReviewItem.id.not_in(without))
    return list(session.scalars(waiting.order_by(AccessReviewItem.id).limit(at_most).with_for_update()))


def close(session: Session, review_id: uuid.UUID, moment: datetime) -> Mapping[ReviewItemStatus, int] | None:
    """Close a review in which nothing is open any more; answers how many items ended how, None where it stays open."""
    # Whoever decides last finds what others decided at the same time: one after the other gets here.
    review = session.get(AccessReview, review_id, with_for_update=True, populate_existing=True)
    waiting = select(AccessReviewItem.id).where(AccessReviewItem.review_id == review_id, _OPEN)
    if review is None or review.closed_at is not None or session.scalar(waiting.limit(1)) is not None:
        return None
    review.closed_at = moment
    counted = select(AccessReviewItem.status, func.count().label("number")).where(
        AccessReviewItem.review_id == review_id
    )
    found = session.execute(counted.group_by(AccessReviewItem.status))
    return {each.status: each.number for each in found}


def revoke_key(session: Session, key_id: uuid.UUID | None, moment: datetime) -> bool:
    """End an API key; False where it has ended already."""
    live = (ApiKey.id == key_id) & ApiKey.revoked_at.is_(None)
    found = session.execute(update(ApiKey).where(live).values(revoked_at=moment), execution_options=_UNLOADED)
    return bool(found.rowcount)  # type: ignore[attr-defined]


def take_job(session: Session, assignment_id: uuid.UUID | None) -> bool:
    """Take a job from whoever holds it; False where they hold it no more."""
    gone = delete(RoleAssignment).where(RoleAssignment.id == assignment_id)
    return bool(session.execute(gone, execution_options=_UNLOADED).rowcount)  # type: ignore[attr-defined]


def approved(session: Session, service_id: uuid.UUID | None) -> Service | None:
    """A service to which something may be sent, kept from others until this transaction ends; None where none is."""
    live = (Service.id == service_id) & (Service.status == ServiceStatus.APPROVED)
    return session.scalar(select(Service).where(live).with_for_update())


def overdue(session: Session, moment: datetime, slack: timedelta) -> int:
    """How much is not as it should be: things nobody confirmed, or that were to end and are there; reviews too late.

    Of the newest review alone: the next one asks about everything anew.
    """
    last = newest(session)
    late = int(is_due(session, moment, slack))
    if last is None:
        return late
    left = or_(
        AccessReviewItem.status == ReviewItemStatus.OVERDUE,
        (AccessReviewItem.status == ReviewItemStatus.REVOKED) & AccessReviewItem.ended_at.is_(None),
    )
    counted = select(func.count()).select_from(AccessReviewItem).where(AccessReviewItem.review_id == last.id, left)
    unfinished = int(last.closed_at is None and last.due_at <= moment - slack)
    return late + unfinished + (session.scalar(counted) or 0)
