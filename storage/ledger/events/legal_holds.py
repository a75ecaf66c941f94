"""What befalls a legal hold, and what it defers."""

from storage.deletions import DeletionScope
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.legal_holds import HoldReason


class LegalHoldPlaced(Event):
    """A privacy officer placed a legal hold; it keeps nothing before a second person agrees."""

    action = "legal_hold.placed"
    category = Category.ADMIN_ACTION
    resource = Resource.LEGAL_HOLD

    scope: DeletionScope
    reason: HoldReason


class LegalHoldApproved(Event):
    """A second person agreed: from here on the hold defers deletion and retention. So many deletions wait for it."""

    action = "legal_hold.approved"
    category = Category.ADMIN_ACTION
    resource = Resource.LEGAL_HOLD

    scope: DeletionScope
    reason: HoldReason
    deferred_count: int


class LegalHoldReleased(Event):
    """A privacy officer lifted a hold, or took it back before it began. So many deletions go on."""

    action = "legal_hold.released"
    category = Category.ADMIN_ACTION
    resource = Resource.LEGAL_HOLD

    scope: DeletionScope
    reason: HoldReason
    had_begun: bool
    resumed_count: int


class DeletionDeferred(Event):
    """A legal hold keeps what was to be destroyed; the deletion goes on by itself once no hold does."""

    action = "deletion.deferred"
    category = Category.SYSTEM_DECISION
    resource = Resource.DELETION

    scope: DeletionScope
