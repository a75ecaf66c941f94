"""Accounts of contributors, and what each allows."""

from policies.actions import Action
from resolvers import attempts, inputs
from resolvers.context import Context
from resolvers.errors import Conflict
from resolvers.sessions import Issued, open_session
from storage import accounts
from storage.contributors import Contributor, PrivacyPreferences
from storage.ids import new_id
from storage.keys.names import contributor_keyset
from storage.ledger import events
from storage.passwords import hash_password
from storage.sessions import SubjectKind


def register(context: Context, email: str, password: str, display_name: str) -> tuple[Contributor, Issued]:
    """Open an account with keys of its own, and sign in.

    Raises `BadInput`, `Conflict` where the e-mail has an account already, and `RateLimited` where the caller's address
    has opened, or tried to open, as many as one may.
    """
    address, chosen = inputs.email(email), inputs.password(password)
    name = inputs.text(display_name, "displayName", at_most=100)
    attempts.at_registration(context)
    encoded = hash_password(chosen)
    keyring = context.house.store.keyring
    lookups = keyring.keyed_hashes("email", address)
    contributor = Contributor(id=new_id(), email_lookup=lookups[0])
    with context.glance() as work:
        if accounts.account_by_email(work.session, lookups) is not None:
            raise Conflict("An account with this e-mail exists. Sign in instead.", field="email")
    keyset = contributor_keyset(contributor.id)
    work = context.work
    work.on_rollback(lambda: keyring.destroy(keyset))
    keyring.create(keyset, owner=contributor.id)
    try:
        work.vault.seal(contributor, email=address, display_name=name, password_hash=encoded)
        accounts.add_account(work.session, lookups, contributor, PrivacyPreferences(owner_id=contributor.id))
        issued = open_session(context, SubjectKind.CONTRIBUTOR, contributor.id)
        work.record(events.ContributorRegistered(resource_id=contributor.id, subject_id=contributor.id))
        work.session.flush()
    except accounts.AlreadyExists:
        raise Conflict("An account with this e-mail exists. Sign in instead.", field="email") from None
    return context.access.get(Contributor, contributor.id, Action.READ), issued
