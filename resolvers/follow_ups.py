"""What a review of an incident says, and what comes of it: follow-ups, each done by its owner and seen by another.

(1) The policy says who may. (2) A review leaves nothing out: harm, cause, and what follows or why nothing does. (3) No
date is moved: what can't be done in time becomes a finding, for which somebody else can answer.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.actions import Action
from resolvers import controls, inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage import follow_ups, staff
from storage.follow_ups import FollowUp, FollowUpStatus
from storage.ids import new_id
from storage.incidents import Incident, IncidentImpact
from storage.ledger import events
from storage.staff import StaffRole

MOST = 50
"""Follow-ups of one incident."""
LONGEST = timedelta(days=180)
"""The farthest ahead that one may be due."""


@dataclass(frozen=True)
class Task:
    """Something to be done, by whom of staff, and by when."""

    task: str
    owner_id: uuid.UUID
    due_at: datetime


@dataclass(frozen=True)
class Review:
    """What people found out about an incident once all was as before. `none_because`: why there are no follow-ups."""

    impacts: Sequence[IncidentImpact]
    impact: str
    root_cause: str
    follow_ups: Sequence[Task]
    none_because: str | None


def enter(context: Context, incident: Incident, review: Review) -> None:
    """Keep a review, and open its follow-ups. (2) Raises `BadInput` where something is left out."""
    inputs.text(review.impact, "impact", at_most=5_000, at_least=20)
    inputs.text(review.root_cause, "rootCause", at_most=5_000, at_least=20)
    if bool(review.follow_ups) is (review.none_because is not None):
        raise BadInput(
            "Say what is to be done so that it does not come again: followUps, or noFollowUpsBecause; one of the two.",
            field="followUps",
        )
    if review.none_because is not None:
        inputs.text(review.none_because, "noFollowUpsBecause", at_most=2_000, at_least=20)
    if len(review.follow_ups) > MOST:
        raise BadInput(f"followUps has {len(review.follow_ups)}; {MOST} are accepted.", field="followUps")
    for each in review.follow_ups:
        _examine(context, each)
    work = context.work
    incident.impacts = sorted({each.value for each in review.impacts})
    work.vault.seal(incident, impact=review.impact, root_cause=review.root_cause)
    if review.none_because is not None:
        work.vault.seal(incident, no_follow_ups=review.none_because)
    for each in review.follow_ups:
        _open(context, incident, each)


def demand_entered(incident: Incident) -> None:
    """Raises `Conflict` for an incident of which nobody has said what it harmed, what caused it and what follows."""
    if incident.impact is None or incident.root_cause is None:
        raise Conflict("What it harmed, what caused it and what follows comes first: recordIncidentStep(REVIEWED).")


def complete(context: Context, follow_up_id: uuid.UUID, note: str) -> FollowUp:
    """Say that what one had to do is done, and how. (1) Its owner alone. Raises `Conflict` for one that is done."""
    follow_up = _in(context, follow_up_id, Action.COMPLETE, FollowUpStatus.OPEN)
    _note(context, follow_up, note)
    work = context.work
    follow_up.status, follow_up.done_at = FollowUpStatus.DONE, work.now
    work.record(
        events.IncidentFollowUpCompleted(
            resource_id=follow_up.incident_id,
            subject_id=None,
            follow_up_id=follow_up.id,
            late=work.now >= follow_up.due_at,
        )
    )
    work.session.flush()
    return follow_up


def review(context: Context, follow_up_id: uuid.UUID, done: bool, note: str) -> FollowUp:
    """Say what one saw of what a colleague has done: it is verified, and no finding any more, or it is open again.

    (1) Never its owner. Raises `Conflict` for one of which nobody says that it is done.
    """
    follow_up = _in(context, follow_up_id, Action.REVIEW, FollowUpStatus.DONE)
    _note(context, follow_up, note)
    work = context.work
    if done:
        follow_up.status, follow_up.verified_at = FollowUpStatus.VERIFIED, work.now
        follow_up.verified_by = context.caller_id
        controls.mend(work, follow_up.id)
    else:
        follow_up.status, follow_up.done_at = FollowUpStatus.OPEN, None
    work.record(
        events.IncidentFollowUpReviewed(
            resource_id=follow_up.incident_id, subject_id=None, follow_up_id=follow_up.id, verified=done
        )
    )
    work.session.flush()
    return follow_up


def reassign(context: Context, follow_up_id: uuid.UUID, owner_id: uuid.UUID, note: str) -> FollowUp:
    """Give what nobody has done yet to somebody else to do, as where its owner has left. (3) It stays due as it was."""
    follow_up = _in(context, follow_up_id, Action.HANDLE, FollowUpStatus.OPEN)
    _demand_owner(context, owner_id)
    if owner_id == follow_up.owner_id:
        raise BadInput("ownerId is whose it is already.", field="ownerId")
    _note(context, follow_up, note)
    follow_up.owner_id = owner_id
    context.work.record(
        events.IncidentFollowUpReassigned(resource_id=follow_up.incident_id, subject_id=None, follow_up_id=follow_up.id)
    )
    context.work.session.flush()
    return context.access.get(FollowUp, follow_up.id, Action.READ, (Action.READ_CONTENT,))


def _examine(context: Context, task: Task) -> None:
    inputs.text(task.task, "task", at_most=2_000, at_least=10)
    moment = context.work.now
    if task.due_at.tzinfo is None or not moment < task.due_at <= moment + LONGEST:
        raise BadInput(f"dueAt lies ahead, within {LONGEST.days} days, and carries its time zone.", field="dueAt")
    _demand_owner(context, task.owner_id)


def _demand_owner(context: Context, owner_id: uuid.UUID) -> None:
    jobs = staff.held(context.work.session, owner_id, context.work.now)
    if not jobs - {StaffRole.AUDITOR}:
        raise BadInput("ownerId is somebody of staff who has a job here; auditors mend nothing.", field="ownerId")


def _open(context: Context, incident: Incident, task: Task) -> None:
    work = context.work
    row = FollowUp(id=new_id(), incident_id=incident.id, owner_id=task.owner_id, opened_at=work.now, due_at=task.due_at)
    work.vault.seal(row, task=task.task)
    work.session.add(row)
    due = int((task.due_at - work.now).total_seconds())
    work.record(
        events.IncidentFollowUpOpened(resource_id=incident.id, subject_id=None, follow_up_id=row.id, due_seconds=due)
    )


def _in(context: Context, follow_up_id: uuid.UUID, action: Action, status: FollowUpStatus) -> FollowUp:
    follow_up = context.access.get(FollowUp, follow_up_id, action, (Action.READ_CONTENT,))  # (1)
    found = follow_ups.lock(context.work.session, follow_up)
    if found is not status:
        raise Conflict(f"This can't be done now: it is {found.value}.")
    return follow_up


def _note(context: Context, follow_up: FollowUp, note: str) -> None:
    """Keep what somebody wrote, sealed, behind what stands there."""
    inputs.text(note, "note", at_most=5_000, at_least=10)
    work = context.work
    before = [] if follow_up.notes is None else work.vault.open(follow_up, "notes")
    work.vault.seal(follow_up, notes=[*before, {"at": work.now.isoformat(), "words": note}])
