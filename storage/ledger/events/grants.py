"""What befalls an access grant, from the request of staff to its end."""

import uuid

from storage.grants import AccessScope, Decider, GrantVerdict, ReasonCode
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.staff import StaffRole


class AccessGrantRequested(Event):
    """Staff asked to see a contributor's work. `object_id` is what, and empty for a whole account."""

    action = "access_grant.requested"
    category = Category.ADMIN_ACTION
    resource = Resource.ACCESS_GRANT

    role: StaffRole
    scope: AccessScope
    object_id: uuid.UUID | None = None
    reason: ReasonCode
    decider: Decider
    lifetime_seconds: int


class AccessGrantConsented(Event):
    """A contributor agreed: from here on the grant opens what it names."""

    action = "access_grant.consented"
    category = Category.USER_ACTION
    resource = Resource.ACCESS_GRANT

    role: StaffRole
    scope: AccessScope
    reason: ReasonCode


class AccessGrantApproved(Event):
    """A second member of staff agreed where the contributor could not be asked: from here on the grant opens."""

    action = "access_grant.approved"
    category = Category.ADMIN_ACTION
    resource = Resource.ACCESS_GRANT

    role: StaffRole
    scope: AccessScope
    reason: ReasonCode


class AccessGrantDenied(Event):
    """A contributor, or security or privacy in their place, said no. The grant opened nothing."""

    action = "access_grant.denied"
    category = Category.USER_ACTION
    resource = Resource.ACCESS_GRANT

    role: StaffRole
    reason: ReasonCode


class AccessGrantEnded(Event):
    """A grant was given back, taken back, or withdrawn before anybody had agreed. It opens nothing any more."""

    action = "access_grant.ended"
    category = Category.USER_ACTION
    resource = Resource.ACCESS_GRANT

    role: StaffRole
    reason: ReasonCode
    had_begun: bool


class AccessGrantReviewed(Event):
    """Somebody who neither held the grant nor agreed to it looked at the use that was made of it, and found this."""

    action = "access_grant.reviewed"
    category = Category.ADMIN_ACTION
    resource = Resource.ACCESS_GRANT

    role: StaffRole
    reason: ReasonCode
    verdict: GrantVerdict
