"""What befalls the register of services, and what was not sent to one."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.services import Assurance, Objection, Risk, ServiceKind


class ServiceRegistered(Event):
    """A privacy officer proposed a service, or other terms with one; nothing is sent before a second person agrees.

    The house itself registers, and approves, what runs in it.
    """

    action = "service.registered"
    category = Category.ADMIN_ACTION
    resource = Resource.SERVICE

    kind: ServiceKind
    category_count: int
    region_count: int
    retention_days: int
    trains_on_inputs: bool


class ServiceAssessed(Event):
    """The risk of a service to contributors' privacy was assessed, and the report that vouches for it looked at."""

    action = "service.assessed"
    category = Category.ADMIN_ACTION
    resource = Resource.SERVICE

    risk: Risk
    assurance: Assurance
    assessment_lifetime_seconds: int
    assurance_lifetime_seconds: int


class ServiceEnabled(Event):
    """A second person approved a service. Something may be sent to it once the notice period is over."""

    action = "service.enabled"
    category = Category.ADMIN_ACTION
    resource = Resource.SERVICE

    kind: ServiceKind
    notice_seconds: int


class ServiceDisabled(Event):
    """A service, or a proposal of one, was retired. Nothing is sent to it from this moment on."""

    action = "service.disabled"
    category = Category.ADMIN_ACTION
    resource = Resource.SERVICE

    kind: ServiceKind
    had_begun: bool


class EgressBlocked(Event):
    """Something was about to be sent to a service with which not all was in order; not one byte of it was.

    The subject is the contributor whose it was, if anybody's; the resource is the service, if it is registered at all.
    """

    action = "egress.blocked"
    category = Category.SECURITY_EVENT
    resource = Resource.SERVICE

    objection: Objection
