"""Staff accounts: opened by whoever runs the server, in jobs that go together, and gone at once when they leave."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from policies.actions import Action
from policies.errors import NotFound
from policies.principals import ANONYMOUS
from resolvers import grants, inputs
from resolvers.context import Asking, Context
from resolvers.errors import BadInput, Conflict
from resolvers.factors import offered
from resolvers.house import House
from storage import accounts, attempts, factors, federation, passkeys, totp
from storage.ids import new_id
from storage.ledger import events
from storage.passwords import hash_password
from storage.sessions import SubjectKind
from storage.staff import RoleAssignment, StaffMember, StaffRole, forget, lock, separation, take_role
from storage.work import UnitOfWork

AUDIT = timedelta(days=90)
"""How long somebody is an auditor where nothing else is said: an examination ends, and so does their access."""
LONGEST_JOB = timedelta(days=366)
"""The longest that a job with an end may be given for."""


@dataclass(frozen=True)
class Hired:
    """A new account of staff, with what its holder signs in with: shown this once."""

    id: uuid.UUID
    password: str
    second_factor: str
    """The otpauth URI that an authenticator app takes in."""


@dataclass(frozen=True)
class Gone:
    """What ended with a member of staff who left: sessions, grants that had begun, jobs."""

    sessions: int
    grants: int
    roles: int


def add(house: House, email: str, roles: list[StaffRole], until: datetime | None = None) -> Hired:
    """Open a staff account with these roles, held until then if that is said, a first password and a second factor.

    Raises `BadInput`, and `Conflict` where the e-mail has an account already or two of the roles exclude one another.
    """
    address = inputs.email(email)
    password = secrets.token_urlsafe(18)
    encoded = hash_password(password)
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("add_staff"):
        work = context.work
        demand_free(work, address)
        member = open_account(work, new_id(), address, encoded)
        for number, role in enumerate(roles):
            give(work, member.id, role, frozenset(roles[:number]), until)
        uri = hand_over(work, member.id, address)
    return Hired(member.id, password, uri)


def demand_free(work: UnitOfWork, address: str) -> None:
    """Raises `Conflict` where somebody has this e-mail here."""
    if accounts.account_by_email(work.session, work.store.keyring.keyed_hashes("email", address)) is not None:
        raise _taken()


def open_account(work: UnitOfWork, staff_id: uuid.UUID, address: str, encoded: str) -> StaffMember:
    """An account of staff without a job; `encoded` is the hash of its first password. Raises `Conflict`."""
    lookups = work.store.keyring.keyed_hashes("email", address)
    member = StaffMember(id=staff_id, email_lookup=lookups[0])
    work.vault.seal(member, email=address, password_hash=encoded)
    try:
        accounts.add_account(work.session, lookups, member)
    except accounts.AlreadyExists:
        raise _taken() from None
    work.record(events.StaffAdded(resource_id=member.id, subject_id=None))
    return member


def _taken() -> Conflict:
    return Conflict("An account with this e-mail exists.", field="email")


def enrol(house: House, email: str) -> str:
    """Give a member of staff another second factor; answers its otpauth URI, shown this once.

    What they had before, passkeys and recovery codes too, is worth nothing any more, and their sessions end. Raises
    `BadInput` where no member of staff has this e-mail.
    """
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("enrol_staff"):
        work, member = context.work, _member(context, email)
        factors.forget(work.session, member.id)
        attempts.forget_addresses(work.session, member.id)
        passkeys.forget(work.session, member.id)
        accounts.revoke_sessions(work.session, member.id)
        return hand_over(work, member.id, inputs.email(email))


def assign(house: House, email: str, role: StaffRole, until: datetime | None = None) -> None:
    """Give a member of staff one job more. Raises `BadInput`, and `Conflict` for one they have, or may not have."""
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("assign_role"):
        member = _member(context, email)
        give(context.work, member.id, role, lock(context.work.session, member), until)


def revoke(house: House, email: str, role: StaffRole) -> None:
    """Take a job from a member of staff, with the grants that they hold in it. Raises `BadInput` and `Conflict`."""
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("revoke_role"):
        _take(context.work, _member(context, email), role)


def take(context: Context, staff_id: uuid.UUID, role: StaffRole) -> int:
    """Take a job from a colleague, at once; answers how many grants of theirs ended that had begun.

    Raises `Forbidden`, `BadInput` for oneself, `NotFound`, and `Conflict` for a job that they do not have.
    """
    return _take(context.work, _colleague(context, staff_id), role)


def dismiss(house: House, email: str) -> Gone:
    """Shut out a member of staff who leaves, by whoever runs the server. Raises `BadInput`."""
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("remove_staff"):
        return _remove(context, _member(context, email))


def remove(context: Context, staff_id: uuid.UUID) -> Gone:
    """Shut out a member of staff who leaves. Raises `Forbidden`, `BadInput` for oneself, and `NotFound`."""
    return _remove(context, _colleague(context, staff_id))


def _colleague(context: Context, staff_id: uuid.UUID) -> StaffMember:
    context.access.check(Action.REMOVE_STAFF)
    if staff_id == context.principal.id:
        raise BadInput("You can't do this to yourself: ask somebody else of security.", field="staffId")
    account = accounts.account_of(context.work.session, SubjectKind.STAFF, staff_id)
    if account is None or not isinstance(account.row, StaffMember):
        raise NotFound("StaffMember", Action.REMOVE_STAFF)
    return account.row


def _take(work: UnitOfWork, member: StaffMember, role: StaffRole) -> int:
    if role not in lock(work.session, member):
        raise Conflict("They do not have this job.", field="role")
    take_role(work.session, member, role)
    ended = grants.end_all_of(work, member.id, role)
    work.record(events.RoleRevoked(resource_id=member.id, subject_id=None, role=role))
    return ended


def _remove(context: Context, member: StaffMember) -> Gone:
    """In one transaction: sessions, and with them all that is followed or fetched; grants, jobs, factor, account."""
    work = context.work
    roles = lock(work.session, member)
    gone = Gone(
        sessions=accounts.revoke_sessions(work.session, member.id),
        grants=grants.end_all_of(work, member.id),
        roles=len(roles),
    )
    factors.forget(work.session, member.id)
    attempts.forget_addresses(work.session, member.id)
    passkeys.forget(work.session, member.id)
    federation.forget(work.session, member.id)
    forget(work.session, member)
    told = events.StaffRemoved(
        resource_id=member.id, subject_id=None, sessions=gone.sessions, grants=gone.grants, roles=gone.roles
    )
    work.record(told)
    return gone


def _member(context: Context, email: str) -> StaffMember:
    lookups = context.house.store.keyring.keyed_hashes("email", inputs.email(email))
    account = accounts.account_by_email(context.work.session, lookups)
    if account is None or not isinstance(account.row, StaffMember):
        raise BadInput("No member of staff has this e-mail.", field="email")
    return account.row


def give(
    work: UnitOfWork, member_id: uuid.UUID, role: StaffRole, held: frozenset[StaffRole], until: datetime | None
) -> None:
    """One job more. Raises `Conflict` where it is held already or excludes one that is, and `BadInput` for its end."""
    demand_apart(held, role, member_id)
    ends = end_of(work.now, role, until)
    work.session.add(RoleAssignment(staff_id=member_id, role=role, ends_at=ends))
    lasts = None if ends is None else int((ends - work.now).total_seconds())
    work.record(events.RoleAssigned(resource_id=member_id, subject_id=None, role=role, lifetime_seconds=lasts))


def demand_apart(held: frozenset[StaffRole], role: StaffRole, member_id: uuid.UUID | None = None) -> None:
    """Raises `Conflict` where somebody with these jobs may not have this one too; the trail keeps it."""
    if role in held:
        raise Conflict("They have this job already.", field="role")
    kept_apart = separation(held, role)
    if kept_apart is not None:
        names = " and ".join(sorted(each.lower() for each in kept_apart.jobs))
        told = f"Nobody holds {names} together: {kept_apart.why}."
        raise Conflict(told, field="role", keep=partial(_tell_refused, member_id, role))


def _tell_refused(member_id: uuid.UUID | None, role: StaffRole, work: UnitOfWork) -> None:
    work.record(events.RoleRefused(resource_id=member_id, subject_id=None, role=role), events.Outcome.DENIED)


def end_of(moment: datetime, role: StaffRole, until: datetime | None) -> datetime | None:
    """When a job given now ends by itself. An auditor's always does. Raises `BadInput` for an end that can't be."""
    if until is None:
        return moment + AUDIT if role is StaffRole.AUDITOR else None
    if until.tzinfo is None or not moment < until <= moment + LONGEST_JOB:
        raise BadInput(f"until lies ahead, within {LONGEST_JOB.days} days, and carries its time zone.", field="until")
    return until


def hand_over(work: UnitOfWork, staff_id: uuid.UUID, address: str) -> str:
    """A second factor in force from the start: whoever has the password alone is nobody yet."""
    factor, secret = offered(work, SubjectKind.STAFF, staff_id)
    factor.confirmed_at = work.now
    work.record(events.SecondFactorEnrolled(resource_id=factor.id, subject_id=None))
    return totp.uri(secret, address, work.store.origin)
