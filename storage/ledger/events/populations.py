"""What auditors asked for."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class EvidenceCollected(Event):
    """An auditor asked for a population, or for a sample of one; or whoever runs the server did, as one."""

    action = "evidence.collected"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    population: Identifier
    row_count: int
    handed_count: int
    period_seconds: int


class EvidencePacked(Event):
    """Whoever runs the server made a signed pack of all populations and of what checks of controls found."""

    action = "evidence.packed"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    population_count: int
    failed_count: int
