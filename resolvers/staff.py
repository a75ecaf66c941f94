"""Staff accounts, opened on the command line by whoever runs the server."""

import secrets
import uuid

from policies.principals import ANONYMOUS
from resolvers import inputs
from resolvers.context import Asking, Context
from resolvers.errors import Conflict
from resolvers.house import House
from storage import accounts
from storage.ids import new_id
from storage.ledger import events
from storage.passwords import hash_password
from storage.staff import RoleAssignment, StaffMember, StaffRole


def add(house: House, email: str, roles: list[StaffRole]) -> tuple[uuid.UUID, str]:
    """Open a staff account with these roles; answers its id and a first password, shown this once.

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
    return member.id, password
