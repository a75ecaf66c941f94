"""Incidents as people handle them: look, decide, tell those affected, recover, review, close.

What the sentinel found and did at once stands in the row and in the trail already (agents/sentinel). A notice goes out
when a second person has approved it. Who may do each of these stands in policy.polar.
"""

import uuid
from collections.abc import Collection

from policies.actions import Action
from resolvers import follow_ups, inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from resolvers.follow_ups import Review
from resolvers.notices import TELL_AFFECTED
from storage import incidents, measures
from storage.incidents import Incident, IncidentDecision, IncidentStatus
from storage.ledger import events
from storage.ledger.affected import affected

_OPEN = (IncidentStatus.DETECTED, IncidentStatus.CONTAINED)
_STEPS = {
    IncidentStatus.RECOVERED: (IncidentStatus.CONFIRMED, IncidentStatus.NOTIFIED),
    IncidentStatus.REVIEWED: (IncidentStatus.RECOVERED, IncidentStatus.REVIEWED),
}
"""A step, and from where it is taken. A review that left something out, as they once could, is made anew."""


def triage(context: Context, incident_id: uuid.UUID, decision: IncidentDecision | None, words: str) -> Incident:
    """Acknowledge an incident, and say what it is, if that is known by now. Raises `Conflict` once it was decided."""
    incident = _in(context, incident_id, Action.HANDLE, _OPEN)
    inputs.text(words, "words", at_most=5_000, at_least=10)
    work = context.work
    if incident.acknowledged_at is None:
        incident.acknowledged_at, incident.acknowledged_by = work.now, context.caller_id
        work.record(events.IncidentAcknowledged(resource_id=incident.id, subject_id=None))
    if decision is not None:
        incident.status = IncidentStatus(decision.value)
        incident.decided_at, incident.decided_by = work.now, context.caller_id
        count = len(affected(work.session, incident))
        triaged = events.IncidentTriaged(
            resource_id=incident.id, subject_id=None, decision=decision, affected_count=count
        )
        work.record(triaged)
    elif work.last_event_id is None:
        raise Conflict("Somebody looks after this already. Say what it is: decision.")
    _note(context, incident, words)
    return incident


def whom_it_concerns(context: Context, incident_id: uuid.UUID) -> list[uuid.UUID]:
    """The contributors whose work the actor came to see. Raises `NotFound`, or `Forbidden` to whoever may not know."""
    return affected(context.work.session, context.access.get(Incident, incident_id, Action.READ_CONTENT))


def draft_notice(context: Context, incident_id: uuid.UUID, text: str) -> Incident:
    """Write, or write anew, what those affected will be told. Raises `Conflict` unless it is CONFIRMED, not sent."""
    incident = _in(context, incident_id, Action.HANDLE, (IncidentStatus.CONFIRMED,))
    inputs.text(text, "text", at_most=10_000, at_least=40)
    work = context.work
    work.vault.seal(incident, notice=text)
    incident.notice_drafted_at, incident.notice_drafted_by = work.now, context.caller_id
    count = len(affected(work.session, incident))
    work.record(events.IncidentNoticeDrafted(resource_id=incident.id, subject_id=None, affected_count=count))
    work.session.flush()
    return incident


def notify(context: Context, incident_id: uuid.UUID) -> Incident:
    """Approve a colleague's notice, and send it: to the inbox of everybody affected, and by e-mail where they have it.

    Each has it in their access log from here on, whatever becomes of the e-mail. Raises `Conflict` where there is no
    notice, or nobody to be told.
    """
    incident = _in(context, incident_id, Action.NOTIFY, (IncidentStatus.CONFIRMED,))
    work = context.work
    if incident.notice is None:
        raise Conflict("There is no notice yet: draftIncidentNotice comes first.")
    people = affected(work.session, incident)
    if not people:
        raise Conflict("The trail knows of nobody whose work was seen: there is nobody to tell.")
    for person in people:
        told = events.IncidentNotified(
            resource_id=incident.id, subject_id=person, within_clock=work.now <= incident.clock_until
        )
        work.record(told)
    incident.status, incident.notified = IncidentStatus.NOTIFIED, len(people)
    incident.notice_sent_at, incident.notice_approved_by = work.now, context.caller_id
    work.enqueue(TELL_AFFECTED, incident.id)
    work.session.flush()
    return incident


def step(
    context: Context, incident_id: uuid.UUID, status: IncidentStatus, words: str, review: Review | None = None
) -> Incident:
    """Go a step on: RECOVERED, or REVIEWED with what it harmed, what caused it and what follows.

    Raises `Conflict` where that is not the next one, and `BadInput` for a review that leaves something out.
    """
    incident = _in(context, incident_id, Action.HANDLE, _STEPS.get(status, ()))
    inputs.text(words, "words", at_most=5_000, at_least=10)
    if (status is IncidentStatus.REVIEWED) is (review is None):
        raise BadInput("`review` says what it harmed, what caused it and what follows: at REVIEWED.", field="review")
    if incident.status is IncidentStatus.REVIEWED and incident.root_cause is not None:
        raise Conflict("This can't be done now: it is REVIEWED.")
    work = context.work
    if status is IncidentStatus.RECOVERED:
        if incident.status is IncidentStatus.CONFIRMED and affected(work.session, incident):
            raise Conflict("People are affected: notifyAffected comes first.")
        incident.recovered_at = work.now
    else:
        incident.reviewed_at = work.now
    if review is not None:
        follow_ups.enter(context, incident, review)
    incident.status = status
    work.record(events.IncidentStepRecorded(resource_id=incident.id, subject_id=None, status=status))
    _note(context, incident, words)
    return incident


def lift(context: Context, incident_id: uuid.UUID, words: str) -> Incident:
    """Let an API key do again what a measure keeps it from, for a reason. Its owner can release its exports without us.

    Sessions and grants that ended are begun anew by whoever may. Raises `Conflict` where no key is kept from anything.
    """
    incident = _in(context, incident_id, Action.HANDLE, tuple(IncidentStatus))
    inputs.text(words, "words", at_most=5_000, at_least=10)
    work = context.work
    if incident.actor_kind != "API_KEY" or incident.actor_id is None:
        raise Conflict("This incident is about no API key.")
    owner = measures.lift(work.session, incident.actor_id)
    if owner is None:
        raise Conflict("No measure keeps that key from anything (any more).")
    work.record(events.IncidentMeasureLifted(resource_id=incident.id, subject_id=owner))
    _note(context, incident, words)
    return incident


def close(context: Context, incident_id: uuid.UUID) -> Incident:
    """Close what was none, or what has been reviewed; its follow-ups go on. Raises `Conflict` before that."""
    incident = _in(context, incident_id, Action.HANDLE, (IncidentStatus.FALSE_POSITIVE, IncidentStatus.REVIEWED))
    if incident.status is IncidentStatus.REVIEWED:
        follow_ups.demand_entered(incident)
    incident.status, incident.closed_at = IncidentStatus.CLOSED, context.work.now
    context.work.record(events.IncidentClosed(resource_id=incident.id, subject_id=None))
    context.work.session.flush()
    return incident


def _in(context: Context, incident_id: uuid.UUID, action: Action, states: Collection[IncidentStatus]) -> Incident:
    incident = context.access.get(Incident, incident_id, action)
    found = incidents.lock(context.work.session, incident)
    if found not in states:
        raise Conflict(f"This can't be done now: it is {found.value}.")
    return incident


def _note(context: Context, incident: Incident, words: str) -> None:
    """Keep what somebody wrote, sealed, behind what stands there."""
    work = context.work
    before = [] if incident.words is None else work.vault.open(incident, "words")
    work.vault.seal(incident, words=[*before, {"at": work.now.isoformat(), "words": words}])
    work.session.flush()
