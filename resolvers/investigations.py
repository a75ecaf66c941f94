"""Investigations: security opens, for a reason and a bounded time, whom a part of the trail is about."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from policies.actions import Action
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage.clock import now
from storage.investigations import Investigation, InvestigationStatus, live
from storage.ledger import events, trail
from storage.ledger.entries import AuditEvent

LONGEST = timedelta(days=90)
"""How long an investigation may last; another one can follow, with another reason."""
_MOST_PEOPLE = 100


def open_one(
    context: Context, person_id: uuid.UUID | None, correlation_id: str | None, reason: str, expires_at: datetime
) -> Investigation:
    """Open an investigation into a person, or into the call that `correlation_id` ties together.

    (1) The caller may open one at all. (2) It says why, and ends. (3) It is about something that the trail knows.
    (4) Everybody in it is told, by an event of their own. Raises Forbidden and `BadInput`.
    """
    context.access.check(Action.OPEN_INVESTIGATION)  # (1)
    inputs.text(reason, "reason", at_most=2000, at_least=10)  # (2)
    if expires_at.tzinfo is None or not now() < expires_at <= now() + LONGEST:
        raise BadInput("expiresAt must lie ahead, within 90 days, and carry its time zone.", field="expiresAt")
    work = context.work
    call, people = _concerned(context, person_id, correlation_id)  # (3)
    opened = Investigation(
        person_id=person_id, correlation_id=call, opened_by=context.principal.id, expires_at=expires_at
    )
    work.vault.seal(opened, reason=reason)
    work.session.add(opened)
    for person in sorted(people, key=str):  # (4)
        work.record(
            events.InvestigationOpened(
                resource_id=opened.id,
                subject_id=person,
                whole_person=person_id is not None,
                lifetime_seconds=int((expires_at - work.now).total_seconds()),
            )
        )
    work.session.flush()
    return context.access.get(Investigation, opened.id, Action.READ)


def close(context: Context, investigation_id: uuid.UUID) -> Investigation:
    """End an investigation: from here on nothing is opened for it. Raises `Conflict` where its time was up before."""
    row = context.access.get(Investigation, investigation_id, Action.CLOSE)
    if row.expires_at <= context.work.now:
        raise Conflict("This investigation has ended by itself.")
    row.status, row.ended_at = InvestigationStatus.CLOSED, context.work.now
    context.work.record(
        events.InvestigationEnded(resource_id=row.id, subject_id=row.person_id, reason=events.InvestigationEnd.CLOSED)
    )
    context.work.session.flush()
    return row


def _concerned(
    context: Context, person_id: uuid.UUID | None, correlation_id: str | None
) -> tuple[uuid.UUID | None, set[uuid.UUID]]:
    if (person_id is None) == (correlation_id is None):
        raise BadInput("Pass personId or correlationId: an investigation is into one of the two.", field="personId")
    session = context.work.session
    if person_id is not None:
        if not trail.remembered(session, person_id):
            raise BadInput("No entry of the trail is about this person.", field="personId")
        return None, {person_id}
    try:
        call = uuid.UUID(correlation_id)
    except ValueError:
        raise BadInput("correlationId is not one; copy it from an entry.", field="correlationId") from None
    people = trail.people_of(session, call)
    if not people:
        raise BadInput("No entry of this call is about anybody who is still remembered.", field="correlationId")
    if len(people) > _MOST_PEOPLE:
        raise BadInput("This call is about more than 100 people: open one for each.", field="correlationId")
    return call, people


def covering(context: Context, rows: Sequence[AuditEvent]) -> dict[uuid.UUID, Investigation]:
    """Of these entries those whose personal side the caller may open at this moment, each with its investigation.

    The door decides by the investigations' state; that its time is not up is asked here, of the clock.
    """
    openable = [row for row in rows if Action.READ_CONTENT.value in row.decisions and row.personal is not None]
    if not openable:
        return {}
    people = {each: trail.contributors_in(each, each.personal) for each in openable}
    found = live(context.work.session, set().union(*people.values()), {row.correlation_id for row in openable})
    by_person = {each.person_id: each for each in found if each.person_id}
    by_call = {each.correlation_id: each for each in found if each.correlation_id}
    matched = {
        row.id: by_call.get(row.correlation_id)
        or next((by_person[who] for who in people[row] if who in by_person), None)
        for row in openable
    }
    return {event_id: investigation for event_id, investigation in matched.items() if investigation is not None}
