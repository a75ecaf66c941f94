"""Who runs the platform."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.staff import StaffRole


class StaffAdded(Event):
    """An employee got an account. What it may do is said by `role.assigned`."""

    action = "staff.added"
    category = Category.ADMIN_ACTION
    resource = Resource.STAFF_MEMBER


class RoleAssigned(Event):
    """An employee was given a role, for so long, or until it is taken."""

    action = "role.assigned"
    category = Category.ADMIN_ACTION
    resource = Resource.STAFF_MEMBER

    role: StaffRole
    lifetime_seconds: int | None


class RoleRefused(Event):
    """An employee was to be given a role that excludes one that they have. They were not."""

    action = "role.refused"
    category = Category.SECURITY_EVENT
    resource = Resource.STAFF_MEMBER

    role: StaffRole


class RoleRevoked(Event):
    """An employee has a role no more. The grants that they held in it have ended."""

    action = "role.revoked"
    category = Category.ADMIN_ACTION
    resource = Resource.STAFF_MEMBER

    role: StaffRole


class StaffRemoved(Event):
    """An employee left: with this entry their account, jobs, second factor, sessions and grants are gone or ended."""

    action = "staff.removed"
    category = Category.ADMIN_ACTION
    resource = Resource.STAFF_MEMBER

    sessions: int
    grants: int
    roles: int


class AppointmentRequested(Event):
    """Staff, or the identity provider, asked that somebody is to have so many jobs. They have none by that."""

    action = "appointment.requested"
    category = Category.ADMIN_ACTION
    resource = Resource.APPOINTMENT

    opens_account: bool
    job_count: int


class AppointmentApproved(Event):
    """A second person agreed to an appointment. What was given by that, `role.assigned` says in the same call."""

    action = "appointment.approved"
    category = Category.ADMIN_ACTION
    resource = Resource.APPOINTMENT

    opens_account: bool
    job_count: int


class AppointmentDenied(Event):
    """An appointment was turned down, or taken back by whoever had asked for it."""

    action = "appointment.denied"
    category = Category.ADMIN_ACTION
    resource = Resource.APPOINTMENT

    withdrawn: bool
