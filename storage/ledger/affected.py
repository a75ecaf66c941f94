"""Whom an incident concerns: asked of the trail, which knows who came to see what is whose. No seal is opened."""

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from storage.clock import now
from storage.incidents import Incident
from storage.ledger import leaves
from storage.ledger.entries import AuditEvent, AuditPersonal

READS = ("content.downloaded", "content.read", "export.downloaded", "trail.opened")
"""The actions by which somebody comes to see what is somebody else's."""

OF_THINGS = {"D05": ("content.damaged",), "D19": ("preference.bypassed",)}
"""Of detections that find things and no actor: the actions whose entries say whose things they are."""

BEFORE = timedelta(hours=1)
"""How long before the first entry that was found it is looked for others: the longest window of a detection."""


def affected(session: Session, incident: Incident) -> list[uuid.UUID]:
    """Whose work the credential came to see, from an hour before it began until people decided, or until now.

    Its own holder's too, as far as files and archives were fetched with it: if it was not they, it concerns them.
    Of what nobody in particular did, as damage is, whose the things are that were found.
    """
    about = incident.detection in OF_THINGS
    if incident.actor_id is None and not about:
        return []
    found = _entries(incident, AuditPersonal.subject_id).where(
        AuditEvent.action.in_(OF_THINGS[incident.detection]) if about else _reads(incident)
    )
    return sorted((each for each in session.scalars(found.distinct()) if each is not None), key=str)


def of_person(session: Session, incident: Incident, person: uuid.UUID) -> Counter[str]:
    """How many things of this person's it was, by their kind in the trail (`asset`, `prompt`)."""
    about = incident.detection in OF_THINGS
    found = _entries(incident, AuditEvent.leaf).where(
        AuditPersonal.subject_id == person,
        AuditEvent.action.in_(OF_THINGS[incident.detection]) if about else _reads(incident),
    )
    counts: Counter[str] = Counter()
    for leaf in session.scalars(found):
        record = leaves.read(leaf)
        counts[record["resource"]] += record["details"].get("objectCount", 1)
    return counts


def _entries(incident: Incident, what: Any) -> Select[Any]:
    until = incident.decided_at or now()
    return (
        select(what)
        .join_from(AuditPersonal, AuditEvent, AuditEvent.id == AuditPersonal.event_id)
        .where(AuditEvent.timestamp >= incident.began_at - BEFORE, AuditEvent.timestamp <= until)
    )


def _reads(incident: Incident) -> ColumnElement[bool]:
    return (AuditPersonal.actor_id == incident.actor_id) & AuditEvent.action.in_(READS)
