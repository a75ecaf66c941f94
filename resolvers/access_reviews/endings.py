"""What becomes of one thing in a review: kept, ended by somebody, or by itself; with all that hangs on it, at once."""

import uuid
from datetime import datetime

from resolvers import grants, services
from resolvers.notices import issue
from storage.access_reviews import gathering, standing
from storage.access_reviews.records import AccessReviewItem, ReviewItemStatus, ReviewKind
from storage.keys.errors import KeyDestroyed
from storage.ledger import events
from storage.notices import NoticeKind
from storage.staff import StaffRole
from storage.work import UnitOfWork

HOUSE = uuid.UUID(int=0)
"""Who ended a service that nobody confirmed: nobody."""


def settle(work: UnitOfWork, item: AccessReviewItem, status: ReviewItemStatus, by: uuid.UUID | None = None) -> None:
    """Enter what was decided about a thing that is locked, and end it where it ends. `by` None: by itself."""
    item.status, item.decided_at, item.decided_by = status, work.now, by
    work.record(
        events.AccessReviewItemDecided(
            resource_id=item.id, subject_id=item.owner_id, kind=item.kind, status=item.status
        )
    )
    if status in (ReviewItemStatus.REVOKED, ReviewItemStatus.ENDED) and item.kind.ends_here:
        _end(work, item, by or HOUSE)
        item.ended_at = work.now


def run_out(work: UnitOfWork, item: AccessReviewItem) -> None:
    """What becomes of a thing that nobody has confirmed when its review is due."""
    settle(work, item, _by_itself(work, item))


def warn(work: UnitOfWork, item: AccessReviewItem, due_at: datetime) -> None:
    """Tell the owner of a key that it ends unless they use it."""
    since = "never been used" if item.last_used_at is None else f"not been used since {_day(item.last_used_at)}"
    text = (
        f"Your API key {item.name} has {since}. Use it once before {_day(due_at)}, and it stays as it is. Otherwise it "
        "ends then. You can make another one at any time: createApiKey."
    )
    _tell(work, item, "An API key that you do not use is about to end", text, due_at)


def _by_itself(work: UnitOfWork, item: AccessReviewItem) -> ReviewItemStatus:
    if not gathering.stands(work.session, item, work.now):
        return ReviewItemStatus.GONE
    if not item.kind.ends_here:
        return ReviewItemStatus.OVERDUE
    if item.kind is ReviewKind.API_KEY:
        if gathering.used_since(work.session, item):
            return ReviewItemStatus.IN_USE
        if item.told_at is None or item.told_at > work.now - standing.NOTICE:
            return ReviewItemStatus.OVERDUE
    return ReviewItemStatus.ENDED


def _end(work: UnitOfWork, item: AccessReviewItem, by: uuid.UUID) -> None:
    match item.kind:
        case ReviewKind.API_KEY:
            if standing.revoke_key(work.session, item.object_id, work.now):
                work.record(events.ApiKeyRevoked(resource_id=item.object_id, subject_id=item.owner_id))
                text = f"Your API key {item.name} was not used for long, and has ended. createApiKey makes another one."
                _tell(work, item, "An API key that you did not use has ended", text, work.now)
        case ReviewKind.STAFF_ROLE:
            role = StaffRole(item.name)
            if item.holder_id is not None and standing.take_job(work.session, item.object_id):
                grants.end_all_of(work, item.holder_id, role)
                work.record(events.RoleRevoked(resource_id=item.holder_id, subject_id=None, role=role))
        case ReviewKind.SERVICE:
            service = standing.approved(work.session, item.object_id)
            if service is not None:
                services.retire(work, service, by)


def _tell(work: UnitOfWork, item: AccessReviewItem, title: str, text: str, moment: datetime) -> None:
    """A notice to the owner of a key; none where the account is just being erased."""
    if item.owner_id is None:
        return
    try:
        issue(work, item.owner_id, NoticeKind.SECURITY, title, text, moment)
    except KeyDestroyed:
        return


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
