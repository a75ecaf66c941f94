"""Room for files: what did not fit, and limits that hold for one contributor alone."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class QuotaHit(Event):
    """Files did not fit into the room of whose they would have been; nothing of them was kept.

    `attempted` is what somebody was about: an announcement, a transfer, an import.
    """

    action = "quota.exceeded"
    category = Category.SYSTEM_DECISION
    resource = Resource.QUOTA

    attempted: Identifier
    byte_size: int
    file_count: int


class QuotaGranted(Event):
    """Whoever runs the server set how much room this contributor has. What is not said is what everybody has."""

    action = "quota.granted"
    category = Category.ADMIN_ACTION
    resource = Resource.QUOTA

    most_bytes: int | None = None
    most_files: int | None = None


class QuotasRecounted(Event):
    """Whoever runs the server had it counted anew how much room files take. `corrected` were not as counted."""

    action = "quota.recounted"
    category = Category.ADMIN_ACTION
    resource = Resource.QUOTA

    corrected: int
