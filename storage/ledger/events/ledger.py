"""The log that the trail is hashed into."""

import enum

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class Discrepancy(enum.StrEnum):
    """Why the log can't go on."""

    ROLLED_BACK = "rolled_back"  # the tree is smaller than a published checkpoint
    FORKED = "forked"  # it is large enough, and another tree
    UNREADABLE = "unreadable"  # what lies outside is no checkpoint signed by this log's key
    DAMAGED = "damaged"  # entries or tiles in the database don't hold together


class LedgerHalted(Event):
    """The database no longer continues what the log had published, so nothing is signed until somebody has looked.

    A restored backup does that, and so does an edit of the tree. Counts are entries: published, and in the database.
    """

    action = "ledger.halted"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    reason: Discrepancy
    published_count: int
    present_count: int
