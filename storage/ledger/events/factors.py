"""What befalls a second factor."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class SecondFactorOffered(Event):
    """Somebody began to enrol an authenticator app. It proves nothing before its first code."""

    action = "second_factor.offered"
    category = Category.SECURITY_EVENT
    resource = Resource.SECOND_FACTOR


class SecondFactorEnrolled(Event):
    """An authenticator app is in force: confirmed by its first code, or handed to staff by whoever runs the server.

    What was in force before it is not any more.
    """

    action = "second_factor.enrolled"
    category = Category.SECURITY_EVENT
    resource = Resource.SECOND_FACTOR


class SecondFactorRemoved(Event):
    """A contributor does without an authenticator app from here on."""

    action = "second_factor.removed"
    category = Category.SECURITY_EVENT
    resource = Resource.SECOND_FACTOR


class RecoveryCodeUsed(Event):
    """A recovery code stood in for a second factor, and is used up."""

    action = "recovery_code.used"
    category = Category.SECURITY_EVENT
    resource = Resource.RECOVERY_CODE

    left: int
