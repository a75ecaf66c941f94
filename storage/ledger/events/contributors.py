"""What befalls an account and its owner's choices."""

import enum
import uuid

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class Used(enum.StrEnum):
    """What was used without a wish."""

    SERVICE = "service"  # work was sent to a service that its owner had not allowed
    STYLE = "style"  # a style was learned, or kept, that its owner did not want learned


class ContributorRegistered(Event):
    """Someone opened an account."""

    action = "contributor.registered"
    category = Category.USER_ACTION
    resource = Resource.CONTRIBUTOR


class PreferencesUpdated(Event):
    """A contributor changed what they allow; the details say what holds from now on, and how many services it is.

    By the imports agent: what protects them is on, as it was where their archive comes from.
    """

    action = "preferences.updated"
    category = Category.USER_ACTION
    resource = Resource.PRIVACY_PREFERENCES

    style_learning: bool
    training: bool
    analytics: bool
    strip_metadata: bool
    support_access: bool
    services: tuple[uuid.UUID, ...]


class PreferenceBypassed(Event):
    """Something of a contributor's was used as they had not allowed, found when uses were held against wishes.

    The resource is the output that was made of it, if there is one.
    """

    action = "preference.bypassed"
    category = Category.SECURITY_EVENT
    resource = Resource.OUTPUT

    used: Used


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
