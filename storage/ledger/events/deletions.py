"""What befalls a deletion, from the request to the count of what is left."""

import uuid

from storage.deletions import DeletionScope
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class DeletionRequested(Event):
    """A contributor asked for something to be destroyed. `object_id` is what, and empty for a whole account."""

    action = "deletion.requested"
    category = Category.USER_ACTION
    resource = Resource.DELETION

    scope: DeletionScope
    object_id: uuid.UUID | None = None


class DeletionStarted(Event):
    """The erasures agent began to destroy; from here on there is no way back."""

    action = "deletion.started"
    category = Category.AGENT_ACTION
    resource = Resource.DELETION

    scope: DeletionScope


class DeletionErased(Event):
    """The erasures agent destroyed keys, records and files; the counts are of what went."""

    action = "deletion.erased"
    category = Category.AGENT_ACTION
    resource = Resource.DELETION

    scope: DeletionScope
    record_count: int
    blob_count: int
    keysets_destroyed: int


class DeletionVerified(Event):
    """Another agent than the one that destroyed counted what is left; a deletion is complete when that is nothing."""

    action = "deletion.verified"
    category = Category.AGENT_ACTION
    resource = Resource.DELETION

    scope: DeletionScope
    remaining: int


class CopiesRecalled(Event):
    """Providers of models were asked to delete what they keep of something destroyed here; the counts are of answers.

    `waiting`: some have not confirmed yet, and are asked again.
    """

    action = "copies.recalled"
    category = Category.AGENT_ACTION
    resource = Resource.DELETION

    deleted: int
    not_there: int
    refused: int
    unreachable: int
    kept_back: int
    waiting: bool


class DeletionSupplemented(Event):
    """The verifier signed what providers answered since the certificate; `unconfirmed` answers they did not confirm."""

    action = "deletion.supplemented"
    category = Category.AGENT_ACTION
    resource = Resource.DELETION

    unconfirmed: int


class AccountErased(Event):
    """An account is gone: its keys, records and files, and its name in this trail."""

    action = "account.erased"
    category = Category.AGENT_ACTION
    resource = Resource.CONTRIBUTOR

    record_count: int
    blob_count: int
    keysets_destroyed: int
