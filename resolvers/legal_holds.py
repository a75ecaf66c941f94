"""Legal holds: a privacy officer places one, a second person agrees, and until it is lifted nothing it keeps goes.

Who may do each of these stands in policy.polar.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from policies.actions import Action
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage import legal_holds
from storage.contributors import Contributor
from storage.deletions import DeletionScope, DeletionStatus
from storage.ids import new_id
from storage.ledger import events
from storage.legal_holds import HoldReason, LegalHold, LegalHoldStatus

LONGEST_UNREVIEWED = timedelta(days=366)
"""How far ahead somebody must at the latest look whether a hold is still needed."""

_BEGUN = (DeletionStatus.ERASING, DeletionStatus.VERIFYING, DeletionStatus.PARTIALLY_ERASED)


def place(
    context: Context,
    contributor_id: uuid.UUID,
    scope: DeletionScope,
    object_id: uuid.UUID | None,
    *,
    reason_code: HoldReason,
    reason: str,
    matter: str,
    review_at: datetime,
) -> LegalHold:
    """Place a hold. It keeps nothing before somebody else agrees.

    Raises `BadInput` for a review that has passed or lies more than a year ahead, a scope without its thing, or words
    that are missing.
    """
    inputs.text(reason, "reason", at_most=2_000, at_least=20)
    inputs.text(matter, "matter", at_most=100)
    if (object_id is None) is not (scope is DeletionScope.ACCOUNT):
        raise BadInput("objectId names what to keep; leave it out for the scope ACCOUNT alone.", field="objectId")
    work = context.work
    if review_at.tzinfo is None or not work.now < review_at <= work.now + LONGEST_UNREVIEWED:
        raise BadInput("reviewAt must lie ahead, within 366 days, and carry its time zone.", field="reviewAt")
    contributor = context.access.get(Contributor, contributor_id, Action.PLACE_HOLD)
    kept = contributor.id if object_id is None else object_id
    project_id, prompt_id = legal_holds.ties(work.session, scope, kept, contributor.id)
    hold = LegalHold(
        id=new_id(),
        subject_id=contributor.id,
        scope=scope,
        object_id=kept,
        project_id=project_id,
        prompt_id=prompt_id,
        reason_code=reason_code,
        placed_by=context.caller_id,
        placed_at=work.now,
        review_at=review_at,
    )
    work.vault.seal(hold, reason=reason, matter=matter)
    work.session.add(hold)
    placed = events.LegalHoldPlaced(
        resource_id=hold.id, subject_id=contributor.id, scope=scope, reason=hold.reason_code
    )
    work.record(placed)
    work.session.flush()
    return context.access.get(LegalHold, hold.id, Action.READ)


def approve(context: Context, hold_id: uuid.UUID) -> LegalHold:
    """Let a colleague's hold keep what it names, from this moment on. Deletions of it that were asked for wait.

    Raises `Conflict` unless it still waits, and where some of it is being erased already: that can't be taken back.
    """
    hold = _in(context, hold_id, Action.APPROVE, (LegalHoldStatus.PROPOSED,))
    work = context.work
    met = legal_holds.met(work.session, hold)
    if any(deletion.status in _BEGUN for deletion in met):
        raise Conflict("Some of this is being erased already, which can't be taken back. Place a narrower hold.")
    for deletion in met:
        if deletion.status is not DeletionStatus.DEFERRED:
            legal_holds.defer(work.session, deletion, work.now)
            work.record(
                events.DeletionDeferred(resource_id=deletion.id, subject_id=deletion.owner_id, scope=deletion.scope)
            )
    hold.status, hold.approved_by, hold.approved_at = LegalHoldStatus.ACTIVE, context.caller_id, work.now
    work.record(
        events.LegalHoldApproved(
            resource_id=hold.id,
            subject_id=hold.subject_id,
            scope=hold.scope,
            reason=hold.reason_code,
            deferred_count=len(met),
        )
    )
    work.session.flush()
    return hold


def release(context: Context, hold_id: uuid.UUID) -> LegalHold:
    """Lift a hold, or take one back. Deletions that no other hold keeps go on by themselves. Raises `Conflict`."""
    hold = _in(context, hold_id, Action.RELEASE, (LegalHoldStatus.PROPOSED, LegalHoldStatus.ACTIVE))
    work, had_begun = context.work, hold.status is LegalHoldStatus.ACTIVE
    hold.status, hold.released_by, hold.released_at = LegalHoldStatus.RELEASED, context.caller_id, work.now
    work.session.flush()
    free = [each for each in legal_holds.met(work.session, hold) if each.status is DeletionStatus.DEFERRED]
    free = [each for each in free if not legal_holds.keeps(work.session, each)]
    for deletion in free:
        # Where it ran before and met the hold, the next sweep takes it up.
        work.enqueue("erase", deletion.id, owner=deletion.owner_id)
    work.record(
        events.LegalHoldReleased(
            resource_id=hold.id,
            subject_id=hold.subject_id,
            scope=hold.scope,
            reason=hold.reason_code,
            had_begun=had_begun,
            resumed_count=len(free),
        )
    )
    work.session.flush()
    return hold


def _in(context: Context, hold_id: uuid.UUID, action: Action, states: Collection[LegalHoldStatus]) -> LegalHold:
    hold = context.access.get(LegalHold, hold_id, action)
    found = legal_holds.lock(context.work.session, hold)
    if found not in states:
        raise Conflict(f"This can't be done any more: it is {found.value}.")
    return hold
