"""Appointments: one person asks that somebody is to work here, or do one job more; a second person agrees or does not.

(1) The policy says who may ask, and who may agree: never whoever asked, nor whom it is about. (2) Nobody asks for
themselves. (3) Jobs that exclude one another are refused when they are asked for, and again when they are given. (4) Of
a new account whoever asked is shown the first password, and whoever agreed the second factor: neither of them alone
can be the new member. To shut somebody out takes one person, and no request: `resolvers.staff`.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.actions import Action
from policies.errors import NotFound
from resolvers import inputs, staff
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage import accounts, appointments
from storage.appointments import Appointment, AppointmentStatus
from storage.ids import new_id
from storage.ledger.events import AppointmentApproved, AppointmentDenied, AppointmentRequested
from storage.passwords import hash_password
from storage.sessions import SubjectKind
from storage.staff import StaffMember, StaffRole, lock

_OPENING = "a second person agreed to it"


@dataclass(frozen=True)
class Asked:
    """An appointment that was asked for, with the first password of a new account: shown this once."""

    row: Appointment
    password: str


@dataclass(frozen=True)
class Agreed:
    """An appointment that was agreed to, with the second factor of a new account: shown this once."""

    row: Appointment
    second_factor: str | None


def add(context: Context, email: str, roles: Sequence[StaffRole], until: datetime | None, why: str) -> Asked:
    """Ask that somebody gets an account of staff with these jobs. There is none before a second person agrees.

    Raises Forbidden; `BadInput`; `Conflict` where the e-mail has an account, or is asked for already, or two of the
    jobs exclude one another.
    """
    context.access.check(Action.APPOINT)  # (1)
    address = inputs.email(email)
    _demand_sound(roles, until, why, context.work.now)
    for number, role in enumerate(roles):  # (3)
        staff.demand_apart(frozenset(roles[:number]), role)
    staff.demand_free(context.work, address)
    _demand_unasked(context, address)
    password = secrets.token_urlsafe(18)
    row = _row(context, new_id(), roles, until, opens_account=True)
    context.work.vault.seal(row, email=address, password_hash=hash_password(password), why=why)
    return Asked(_asked(context, row), password)  # (4)


def assign(context: Context, staff_id: uuid.UUID, role: StaffRole, until: datetime | None, why: str) -> Appointment:
    """Ask that a colleague does one job more. Raises Forbidden, NotFound, `BadInput` for oneself (2), `Conflict`."""
    context.access.check(Action.APPOINT)  # (1)
    if staff_id == context.caller_id:
        raise BadInput("Nobody asks for a job of their own: a colleague does.", field="staffId")  # (2)
    member = _member(context, staff_id)
    if member is None:
        raise NotFound("StaffMember", Action.APPOINT)
    _demand_sound([role], until, why, context.work.now)
    staff.demand_apart(lock(context.work.session, member), role)  # (3)
    row = _row(context, staff_id, [role], until, opens_account=False)
    context.work.vault.seal(row, why=why)
    return _asked(context, row)


def approve(context: Context, appointment_id: uuid.UUID) -> Agreed:
    """Agree to what a colleague asked for: the account is there, and the jobs are held, from now on.

    Raises Forbidden for what one asked for oneself, or is about oneself; `Conflict` for one that is decided, whose end
    has passed, or that can't be any more: an e-mail that was taken meanwhile, jobs that exclude one another.
    """
    row = context.access.get(Appointment, appointment_id, Action.APPROVE)  # (1)
    work = context.work
    _demand_open(context, row)
    if row.ends_at is not None and row.ends_at <= work.now:
        raise Conflict("The end that it names has passed: deny it, and ask anew.")
    member, address = _member(context, row.staff_id), None
    if row.opens_account:
        address = work.vault.open_as_system(row, "email", reason=_OPENING)
        encoded = work.vault.open_as_system(row, "password_hash", reason=_OPENING)
        member = staff.open_account(work, row.staff_id, address, encoded)
    if member is None:
        raise Conflict("They do not work here any more: deny it.")
    held = lock(work.session, member)
    for role in row.jobs:
        staff.give(work, member.id, role, held, row.ends_at)  # (3)
        held |= {role}
    uri = None if address is None else staff.hand_over(work, member.id, address)  # (4)
    _decide(context, row, AppointmentStatus.APPROVED)
    work.record(
        AppointmentApproved(
            resource_id=row.id, subject_id=None, opens_account=row.opens_account, job_count=len(row.roles)
        )
    )
    work.session.flush()
    return Agreed(row, uri)


def deny(context: Context, appointment_id: uuid.UUID) -> Appointment:
    """Turn an appointment down, or take back what one asked for. Raises `Conflict` for one that is decided."""
    row = context.access.get(Appointment, appointment_id, Action.DENY)  # (1)
    _demand_open(context, row)
    own = row.requested_by == context.caller_id
    _decide(context, row, AppointmentStatus.DENIED)
    context.work.record(AppointmentDenied(resource_id=row.id, subject_id=None, withdrawn=own))
    context.work.session.flush()
    return row


def _row(
    context: Context, staff_id: uuid.UUID, roles: Sequence[StaffRole], until: datetime | None, *, opens_account: bool
) -> Appointment:
    return Appointment(
        id=new_id(),
        staff_id=staff_id,
        opens_account=opens_account,
        roles=[each.value for each in roles],
        ends_at=until,
        requested_by=context.caller_id,
        requested_at=context.work.now,
    )


def _asked(context: Context, row: Appointment) -> Appointment:
    context.work.session.add(row)
    context.work.record(
        AppointmentRequested(
            resource_id=row.id, subject_id=None, opens_account=row.opens_account, job_count=len(row.roles)
        )
    )
    context.work.session.flush()
    return context.access.get(Appointment, row.id, Action.READ)


def _decide(context: Context, row: Appointment, status: AppointmentStatus) -> None:
    """Decided, and with that its address and first password forgotten: the account has them, or nobody."""
    row.email = row.password_hash = None
    row.status, row.decided_by, row.decided_at = status, context.caller_id, context.work.now


def _demand_open(context: Context, row: Appointment) -> None:
    if (status := appointments.lock(context.work.session, row)) is not AppointmentStatus.REQUESTED:
        raise Conflict(f"This can't be done any more: it is {status.value}.")


def _demand_sound(roles: Sequence[StaffRole], until: datetime | None, why: str, moment: datetime) -> None:
    if not roles or len(set(roles)) != len(roles):
        raise BadInput("roles names each job once, and at least one.", field="roles")
    inputs.text(why, "why", at_most=2_000, at_least=10)
    staff.end_of(moment, roles[0], until)


def _demand_unasked(context: Context, address: str) -> None:
    """Raises `Conflict` while somebody else's decision about the same address is awaited; they are never many."""
    vault = context.work.vault
    for each in appointments.waiting(context.work.session):
        if each.opens_account and vault.open_as_system(each, "email", reason="asked for once") == address:
            raise Conflict("An account with this e-mail is asked for already: approveAppointment, or denyAppointment.")


def _member(context: Context, staff_id: uuid.UUID) -> StaffMember | None:
    account = accounts.account_of(context.work.session, SubjectKind.STAFF, staff_id)
    return account.row if account is not None and isinstance(account.row, StaffMember) else None
