"""What contributors ask about their data, and what came of it."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.rights import RightsTopic


class DataCorrected(Event):
    """A contributor corrected what is held about them; what it says now stands nowhere here."""

    action = "contributor.corrected"
    category = Category.USER_ACTION
    resource = Resource.CONTRIBUTOR

    name_changed: bool
    email_changed: bool


class CorrectionRequested(Event):
    """A contributor said that something is wrong which they can't put right themselves."""

    action = "rights.correction_requested"
    category = Category.USER_ACTION
    resource = Resource.RIGHTS_REQUEST

    topic: RightsTopic
    text_length: int


class ComplaintFiled(Event):
    """A contributor complained about what was done with their data."""

    action = "rights.complaint_filed"
    category = Category.USER_ACTION
    resource = Resource.RIGHTS_REQUEST

    topic: RightsTopic
    text_length: int


class RightsRequestAnswered(Event):
    """A privacy officer answered a correction or a complaint, in time or not."""

    action = "rights.answered"
    category = Category.ADMIN_ACTION
    resource = Resource.RIGHTS_REQUEST

    text_length: int
    in_time: bool
