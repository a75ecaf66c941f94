"""What befalls notices, from their publication to their being read."""

import uuid

from storage.ledger.events.base import Event
from storage.ledger.events.ledger import DeliveryFailure
from storage.ledger.events.values import Category, Resource
from storage.notices import Channel, Delivery, NoticeKind


class NoticePublished(Event):
    """Staff published a notice. `service_id` is whose contributors it is for; without one, it is for everybody."""

    action = "notice.published"
    category = Category.ADMIN_ACTION
    resource = Resource.PUBLISHED_NOTICE

    kind: NoticeKind
    takes_effect_in_seconds: int
    service_id: uuid.UUID | None = None


class NoticeIssued(Event):
    """A notice was put into a contributor's inbox."""

    action = "notice.issued"
    category = Category.AGENT_ACTION
    resource = Resource.NOTICE

    kind: NoticeKind


class NoticeDelivered(Event):
    """A notice was brought to its contributor on one way, or not, for good: muted, or given up after `attempts`."""

    action = "notice.delivered"
    category = Category.AGENT_ACTION
    resource = Resource.NOTICE

    channel: Channel
    state: Delivery
    attempts: int
    reason: DeliveryFailure | None = None


class NoticeRead(Event):
    """A contributor said that they have read a notice."""

    action = "notice.read"
    category = Category.USER_ACTION
    resource = Resource.NOTICE


class NoticeSettingsUpdated(Event):
    """A contributor changed how they are told beside their inbox; the details say how it is from now on."""

    action = "notice_settings.updated"
    category = Category.USER_ACTION
    resource = Resource.NOTICE_SETTINGS

    product_emails: bool
    webhook: bool
