"""When a part of the platform was away, and what staff told everybody about it."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.outages import Component


class OutageBegan(Event):
    """A check of a part of the platform failed, and failed again: `after_seconds` lie between it and this entry."""

    action = "outage.began"
    category = Category.SYSTEM_DECISION
    resource = Resource.OUTAGE

    component: Component
    after_seconds: int


class OutageEnded(Event):
    """The part answers again, or it was found that the whole platform had been away for so long."""

    action = "outage.ended"
    category = Category.SYSTEM_DECISION
    resource = Resource.OUTAGE

    component: Component
    lasted_seconds: int


class MaintenanceAnnounced(Event):
    """Staff announced that a part will be away, so long from now and for so long."""

    action = "maintenance.announced"
    category = Category.ADMIN_ACTION
    resource = Resource.OUTAGE

    component: Component
    begins_in_seconds: int
    lifetime_seconds: int


class OutageExplained(Event):
    """Staff told everybody what caused an outage, or moved the end of maintenance."""

    action = "outage.explained"
    category = Category.ADMIN_ACTION
    resource = Resource.OUTAGE

    component: Component
    end_moved: bool
