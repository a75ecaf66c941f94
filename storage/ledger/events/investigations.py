"""Who was investigated, and what was opened for it."""

import enum
import uuid

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class InvestigationEnd(enum.StrEnum):
    """Why an investigation ended."""

    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"


class InvestigationOpened(Event):
    """Security opened an investigation. One event for each person in it, who reads it in their access log."""

    action = "investigation.opened"
    category = Category.SECURITY_EVENT
    resource = Resource.INVESTIGATION

    whole_person: bool
    lifetime_seconds: int


class InvestigationEnded(Event):
    """An investigation ended; from here on nothing is opened for it, and nothing kept."""

    action = "investigation.ended"
    category = Category.SECURITY_EVENT
    resource = Resource.INVESTIGATION

    reason: InvestigationEnd


class TrailOpened(Event):
    """Security was about to see who some entries are about, and from where they acted: the subject is that person."""

    action = "trail.opened"
    category = Category.SECURITY_EVENT
    resource = Resource.INVESTIGATION

    event_count: int
    event_ids: tuple[uuid.UUID, ...]
