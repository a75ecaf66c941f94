"""Staff accounts, opened on the command line by whoever runs the server."""

import secrets
import uuid
from dataclasses import dataclass

from policies.principals import ANONYMOUS
from resolvers import inputs
from resolvers.context import Asking, Context
from resolvers.errors import BadInput, Conflict
from resolvers.factors import offered
from resolvers.house import House
from storage import accounts, factors, totp
from storage.ids import new_id
from storage.ledger import events
from storage.passwords import hash_password
from storage.sessions import SubjectKind
from storage.staff import RoleAssignment, StaffMember, StaffRole
from storage.work import UnitOfWork


@dataclass(frozen=True)
class Hired:
    """A new account of staff, with what its holder signs in with: shown this once."""

    id: uuid.UUID
    password: str
    second_factor: str
    """The otpauth URI that an authenticator app takes in."""


def add(house: House, email: str, roles: list[StaffRole]) -> Hired:
    """Open a staff account with these roles, a first password and a second factor.

    Raises `BadInput`, or `Conflict` where the e-mail has an account already.
    """
    address = inputs.email(email)
    password = secrets.token_urlsafe(18)
    encoded = hash_password(password)
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("add_staff"):
        work = context.work
        keyring = house.store.keyring
        lookups = keyring.keyed_hashes("email", address)
        member = StaffMember(id=new_id(), email_lookup=lookups[0])
        if accounts.account_by_email(work.session, lookups) is not None:
            raise Conflict("An account with this e-mail exists.", field="email")
        work.vault.seal(member, email=address, password_hash=encoded)
        try:
            accounts.add_account(work.session, lookups, member)
        except accounts.AlreadyExists:
            raise Conflict("An account with this e-mail exists.", field="email") from None
        work.record(events.StaffAdded(resource_id=member.id, subject_id=None))
        for role in roles:
            work.session.add(RoleAssignment(staff_id=member.id, role=role))
            work.record(events.RoleAssigned(resource_id=member.id, subject_id=None, role=role))
        uri = _hand_over(work, member.id, address)
    return Hired(member.id, password, uri)


def enrol(house: House, email: str) -> str:
    """Give a member of staff another second factor; answers its otpauth URI, shown this once.

    What they had before, recovery codes too, is worth nothing any more, and their sessions end. Raises `BadInput`
    where no member of staff has this e-mail.
    """
    address = inputs.email(email)
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("enrol_staff"):
        work = context.work
        account = accounts.account_by_email(work.session, house.store.keyring.keyed_hashes("email", address))
        if account is None or account.kind is not SubjectKind.STAFF:
            raise BadInput("No member of staff has this e-mail.", field="email")
        factors.forget(work.session, account.row.id)
        accounts.revoke_sessions(work.session, account.row.id)
        return _hand_over(work, account.row.id, address)


def _hand_over(work: UnitOfWork, staff_id: uuid.UUID, address: str) -> str:
    """A second factor in force from the start: whoever has the password alone is nobody yet."""
    factor, secret = offered(work, SubjectKind.STAFF, staff_id)
    factor.confirmed_at = work.now
    work.record(events.SecondFactorEnrolled(resource_id=factor.id, subject_id=None))
    return totp.uri(secret, address, work.store.origin)
