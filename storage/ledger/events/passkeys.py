"""What befalls passkeys."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.passkeys import PasskeyUse


class PasskeyAsked(Event):
    """A challenge was handed out for a passkey to sign: to register one, to sign in, or to step up."""

    action = "passkey.asked"
    category = Category.SECURITY_EVENT
    resource = Resource.PASSKEY_CHALLENGE

    use: PasskeyUse


class PasskeyEnrolled(Event):
    """An account has one passkey more. Synced: its provider may copy it to other devices of the same person."""

    action = "passkey.enrolled"
    category = Category.SECURITY_EVENT
    resource = Resource.PASSKEY

    synced: bool


class PasskeyRemoved(Event):
    """An account does without a passkey from here on."""

    action = "passkey.removed"
    category = Category.SECURITY_EVENT
    resource = Resource.PASSKEY


class PasskeyCopied(Event):
    """A passkey's count of signatures went back, so that two devices have its key. It proves nothing any more."""

    action = "passkey.copied"
    category = Category.SECURITY_EVENT
    resource = Resource.PASSKEY
