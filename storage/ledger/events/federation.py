"""What befalls the tie between an account and an identity of an issuer."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class IdentityLinked(Event):
    """Somebody who had just proven who they are tied their account to an identity of the configured issuer."""

    action = "identity.linked"
    category = Category.SECURITY_EVENT
    resource = Resource.FEDERATED_IDENTITY


class IdentityUnlinked(Event):
    """An account is tied to no identity any more: tokens of the issuer let nobody into it."""

    action = "identity.unlinked"
    category = Category.SECURITY_EVENT
    resource = Resource.FEDERATED_IDENTITY
