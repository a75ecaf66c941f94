"""The keys that everything is sealed with."""

import enum

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class RotatedKeys(enum.StrEnum):
    """Which keys."""

    KEK = "kek"  # the key-encryption key, under which keysets lie
    KEYSETS = "keysets"  # what seals fields, and wraps the keys of blobs
    LOOKUPS = "lookups"  # what accounts are found by, and words of sealed texts
    SESSIONS = "sessions"  # what sessions, tickets and repeated requests are known by
    SIGNING = "signing"  # what signs checkpoints, manifests and certificates


class KeysRotationStarted(Event):
    """An operator began to rotate keys, or took up again a rotation that was interrupted."""

    action = "keys.rotation_started"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    keys: RotatedKeys


class KeysRotated(Event):
    """A rotation came to its end: the old keys are destroyed, or for a key-encryption key no longer needed.

    `held_count` counts keysets that keep their old keys, because something under them does not open.
    """

    action = "keys.rotated"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    keys: RotatedKeys
    keyset_count: int
    value_count: int
    held_count: int


class KeysUsed(Event):
    """How often one process fetched and unwrapped a key within an hour. Which keys is not recorded."""

    action = "keys.used"
    category = Category.SYSTEM_DECISION
    resource = Resource.PLATFORM

    load_count: int


class KeysOverused(Event):
    """A process fetched keys more than five times as often within an hour as its like usually does.

    `usual_count` is the median of what the same component recorded within the last week.
    """

    action = "keys.overused"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    load_count: int
    usual_count: int
