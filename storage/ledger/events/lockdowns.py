"""When the platform was locked down, and when it was open again."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.lockdowns import LockdownEnding


class LockdownBegun(Event):
    """The platform was locked down: from here on only reading, exporting and deleting of one's own goes on.

    `at_the_machine` says that nobody signed in did it, but whoever runs the server, at its command line.
    """

    action = "lockdown.begun"
    category = Category.SECURITY_EVENT
    resource = Resource.LOCKDOWN

    lifetime_seconds: int
    at_the_machine: bool


class LockdownEnded(Event):
    """The lock-down ended: by a second person, at the machine, or because its time was up."""

    action = "lockdown.ended"
    category = Category.SECURITY_EVENT
    resource = Resource.LOCKDOWN

    ending: LockdownEnding
    lasted_seconds: int
