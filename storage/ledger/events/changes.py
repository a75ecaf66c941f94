"""What befalls the change register, and what began to run."""

from storage.changes import ChangeEffect, ChangeKind, RunningPart, RunStanding
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class ChangeRegistered(Event):
    """Staff registered a change of what runs. Nothing of it should run before a second person approves it.

    In an emergency it may, and is looked at afterwards.
    """

    action = "change.registered"
    category = Category.ADMIN_ACTION
    resource = Resource.CHANGE

    kind: ChangeKind
    effect: ChangeEffect
    emergency: bool
    part_count: int


class ChangeApproved(Event):
    """A second person approved a change; `afterwards`: some of it had run before, in an emergency."""

    action = "change.approved"
    category = Category.ADMIN_ACTION
    resource = Resource.CHANGE

    kind: ChangeKind
    emergency: bool
    afterwards: bool


class ChangeDenied(Event):
    """A change was turned down, or taken back by whoever had registered it. What runs of it runs unregistered."""

    action = "change.denied"
    category = Category.ADMIN_ACTION
    resource = Resource.CHANGE

    kind: ChangeKind
    withdrawn: bool


class VersionBegan(Event):
    """A process began to run with another version of a part than its like had before, or with the first of all.

    It is what the program says of itself. `standing` is how it stood to the change register at that moment.
    """

    action = "version.began"
    category = Category.SYSTEM_DECISION
    resource = Resource.DEPLOYMENT

    part: RunningPart
    version: Identifier
    number: int
    standing: RunStanding
