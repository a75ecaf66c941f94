"""What befalls an export."""

import enum
import uuid

from storage.exports import ExportScope
from storage.ledger.events.base import Event
from storage.ledger.events.ledger import DeliveryFailure
from storage.ledger.events.values import Category, Resource


class ExportFailure(enum.StrEnum):
    """Why an export came to nothing."""

    CONTENT_DAMAGED = "CONTENT_DAMAGED"
    KEYS_UNAVAILABLE = "KEYS_UNAVAILABLE"
    OVERTAKEN_BY_DELETION = "OVERTAKEN_BY_DELETION"
    PERMISSION_WITHDRAWN = "PERMISSION_WITHDRAWN"
    INTERNAL = "INTERNAL"


class ExportDeletion(enum.StrEnum):
    """Why an archive was destroyed."""

    EXPIRED = "EXPIRED"
    REQUESTED = "REQUESTED"


class ExportRequested(Event):
    """A contributor asked for a copy of what is theirs."""

    action = "export.requested"
    category = Category.USER_ACTION
    resource = Resource.EXPORT

    scope: ExportScope
    project_id: uuid.UUID | None = None
    encrypted: bool = False
    incremental: bool = False


class ExportBuilt(Event):
    """The exports agent wrote the archive and sealed it; the counts are of what is inside."""

    action = "export.built"
    category = Category.AGENT_ACTION
    resource = Resource.EXPORT

    file_count: int
    record_count: int
    byte_size: int


class ExportFailed(Event):
    """The exports agent gave up on an archive; nothing of it was kept."""

    action = "export.failed"
    category = Category.AGENT_ACTION
    resource = Resource.EXPORT

    reason: ExportFailure


class ExportLinkMinted(Event):
    """A contributor got a link to their archive, good for the seconds given."""

    action = "export.link_minted"
    category = Category.USER_ACTION
    resource = Resource.EXPORT

    lifetime_seconds: int


class ExportDownloaded(Event):
    """Someone was about to be sent the archive: written before the first byte leaves."""

    action = "export.downloaded"
    category = Category.USER_ACTION
    resource = Resource.EXPORT

    byte_size: int
    partial: bool


class ExportWithdrawn(Event):
    """A contributor wanted an archive, or the making of it, gone: from here on nobody gets a byte of it."""

    action = "export.withdrawn"
    category = Category.USER_ACTION
    resource = Resource.EXPORT


class ExportAnnounced(Event):
    """Whoever waited for an export was told, at the address they had named, that it ended. FAILED: they were not."""

    action = "export.announced"
    category = Category.AGENT_ACTION
    resource = Resource.EXPORT

    attempts: int
    reason: DeliveryFailure | None = None


class ExportDeleted(Event):
    """An archive was destroyed, because its time was up or because its owner asked for it."""

    action = "export.deleted"
    category = Category.SYSTEM_DECISION
    resource = Resource.EXPORT

    reason: ExportDeletion
