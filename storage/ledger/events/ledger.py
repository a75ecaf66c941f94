"""The log that the trail is hashed into."""

import enum

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class Discrepancy(enum.StrEnum):
    """Why the log can't go on."""

    ROLLED_BACK = "rolled_back"  # the tree is smaller than a published checkpoint
    FORKED = "forked"  # it is large enough, and another tree
    UNREADABLE = "unreadable"  # what lies outside is no checkpoint signed by this log's key
    UNREACHABLE = "unreachable"  # the directory or object store outside can't be read or written
    DAMAGED = "damaged"  # entries or tiles in the database don't hold together


class LogDamage(enum.StrEnum):
    """In which way entries in the database are not what was hashed into the log."""

    ALTERED = "altered"  # an entry has another hash than the tree
    HASHES = "hashes"  # hashes of the tree contradict one another, or the published root
    MISSING = "missing"  # an entry has its place in the tree, and is not there
    STRAY = "stray"  # an entry is there, and neither has a place nor waits for one


class DeliveryFailure(enum.StrEnum):
    """Why a webhook or a letter was not received."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"  # the address leads into our own network
    ADDRESS_UNUSABLE = "ADDRESS_UNUSABLE"  # a mail server refused the address for good
    MESSAGE_REFUSED = "MESSAGE_REFUSED"  # a mail server refused the letter for good
    NO_ANSWER = "NO_ANSWER"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    SERVICE_NOT_APPROVED = "SERVICE_NOT_APPROVED"  # something in the register of services is not in order


class WitnessFailure(enum.StrEnum):
    """Why a witness did not cosign a checkpoint."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"  # the address leads into our own network
    NO_ANSWER = "NO_ANSWER"
    NOT_ACCEPTED = "NOT_ACCEPTED"  # it does not know this log or its key, or answers something else
    NOT_COSIGNED = "NOT_COSIGNED"  # its answer holds no signature by its key, or a wrong one
    AHEAD = "AHEAD"  # it has seen more entries than there are: the log was rolled back
    CONTRADICTED = "CONTRADICTED"  # what it has seen does not begin this log


class LedgerHalted(Event):
    """The database no longer continues what the log had published, so nothing is signed until somebody has looked.

    A restored backup does that, and so does an edit of the tree. Counts are entries: published, and in the database; 0
    where they are not known.
    """

    action = "ledger.halted"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    reason: Discrepancy
    published_count: int
    present_count: int


class LogDamaged(Event):
    """Entries in the database are not what was hashed into the log: somebody wrote there past this program.

    `entry_count` entries from place `first_index` on; none for entries that have no place.
    """

    action = "ledger.damaged"
    category = Category.SECURITY_EVENT
    resource = Resource.AUDIT_EVENT

    damage: LogDamage
    first_index: int | None
    entry_count: int


class TrailAnonymised(Event):
    """The personal sides of entries that have reached their age were destroyed; the entries and their proofs stay."""

    action = "trail.anonymised"
    category = Category.AGENT_ACTION
    resource = Resource.AUDIT_EVENT

    event_count: int


class TrailArchived(Event):
    """Old entries left the database, after they had been written to the archive, signed for there, and verified.

    `archived_count` is how many entries the archive holds in all: those before that place in the log.
    """

    action = "trail.archived"
    category = Category.AGENT_ACTION
    resource = Resource.AUDIT_EVENT

    event_count: int
    archived_count: int


class WitnessFailed(Event):
    """A witness did not cosign a checkpoint. Once per outage; `witness` is the id in its verifier key.

    Where the quorum is not met without it, nothing is published until it is.
    """

    action = "witness.failed"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    witness: Identifier
    reason: WitnessFailure


class WebhookFailed(Event):
    """The operator's webhook did not receive an entry; it is sent again until it does. Once per outage."""

    action = "webhook.failed"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    reason: DeliveryFailure
