"""What the unattended loops could not process."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class LoopItemSetAside(Event):
    """An unattended loop could not process an item, set it aside and went on. Recorded once per loop and cause.

    `cause` is the type of the error and the place in the code. Further items with the same cause are only counted.
    """

    action = "loop.item_set_aside"
    category = Category.SECURITY_EVENT
    resource = Resource.SET_ASIDE_ITEM

    loop: Identifier
    cause: Identifier


class LoopStateCorrected(Event):
    """What an unattended loop goes by could not be right, so the loop corrected it and went on from what is certain.

    `cause` says what was wrong: `mark-beyond-log` of a place that the log does not have, `time-ahead` of a time in the
    future. A clock that was wrong leaves such a row; so does somebody who writes to the database.
    """

    action = "loop.state_corrected"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    loop: Identifier
    cause: Identifier
