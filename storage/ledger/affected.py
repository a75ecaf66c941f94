"""Whom an incident concerns: asked of the trail, which knows who came to see what is whose. No seal is opened."""

import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.clock import now
from storage.incidents import Incident
from storage.ledger.entries import AuditEvent, AuditPersonal

READS = ("content.downloaded", "content.read", "export.downloaded", "trail.opened")
"""The actions by which somebody comes to see what is somebody else's."""

BEFORE = timedelta(hours=1)
"""How long before the first entry that was found it is looked for others: the longest window of a detection."""


def affected(session: Session, incident: Incident) -> list[uuid.UUID]:
    """Whose work the credential came to see, from an hour before it began until people decided, or until now.

    Its own holder's too, as far as files and archives were fetched with it: if it was not they, it concerns them.
    """
    if incident.actor_id is None:
        return []
    until = incident.decided_at or now()
    found = (
        select(AuditPersonal.subject_id)
        .join(AuditEvent, AuditEvent.id == AuditPersonal.event_id)
        .where(AuditPersonal.actor_id == incident.actor_id, AuditEvent.action.in_(READS))
        .where(AuditEvent.timestamp >= incident.began_at - BEFORE, AuditEvent.timestamp <= until)
        .distinct()
    )
    return sorted((each for each in session.scalars(found) if each is not None), key=str)
