"""What befalls an account and its owner's choices."""

import uuid

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class ContributorRegistered(Event):
    """Someone opened an account."""

    action = "contributor.registered"
    category = Category.USER_ACTION
    resource = Resource.CONTRIBUTOR


class PreferencesUpdated(Event):
    """A contributor changed what they allow; the details say what holds from now on."""

    action = "preferences.updated"
    category = Category.USER_ACTION
    resource = Resource.PRIVACY_PREFERENCES

    style_learning: bool
    training: bool
    analytics: bool
    strip_metadata: bool
    support_access: bool
    services: tuple[uuid.UUID, ...]
