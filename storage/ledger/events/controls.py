"""What the checks of controls came to."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class ControlsChecked(Event):
    """The live checks of all controls were run, on their schedule or by whoever runs the server."""

    action = "controls.checked"
    category = Category.SYSTEM_DECISION
    resource = Resource.PLATFORM

    check_count: int
    failed_count: int


class FindingOpened(Event):
    """A check of a control found something amiss that was not known before. Its owner has until its date to mend it."""

    action = "finding.opened"
    category = Category.SECURITY_EVENT
    resource = Resource.FINDING

    control: Identifier
    found_by: Identifier
    amiss_count: int
    due_seconds: int


class FindingClosed(Event):
    """A check that had found something amiss found it no more."""

    action = "finding.closed"
    category = Category.SYSTEM_DECISION
    resource = Resource.FINDING

    control: Identifier
    found_by: Identifier
    open_seconds: int
