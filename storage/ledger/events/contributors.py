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
    """A contributor changed what they allow; the details say what holds from now on, and how many services it is."""

    action = "preferences.updated"
    category = Category.USER_ACTION
    resource = Resource.PRIVACY_PREFERENCES

    style_learning: bool
    training: bool
    analytics: bool
    strip_metadata: bool
    support_access: bool
    services: tuple[uuid.UUID, ...]


class StyleCorrected(Event):
    """A contributor put right what was learned of their style. `corrections` is how many measures now go by them."""

    action = "style_profile.corrected"
    category = Category.USER_ACTION
    resource = Resource.STYLE_PROFILE

    corrections: int


class StyleForgotten(Event):
    """A contributor had what was learned of their style deleted."""

    action = "style_profile.forgotten"
    category = Category.USER_ACTION
    resource = Resource.STYLE_PROFILE
