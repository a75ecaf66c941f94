"""Tokens of a configured issuer (OpenID Connect): whose account they are for, and how an account is tied to one.

An account is found by issuer and subject, and never by an e-mail that a token holds: whoever may choose an address at
the issuer would be whoever has it here. The tie is made by somebody who has just proven both.
"""

import uuid
from datetime import timedelta

from resolvers import credential_notices
from resolvers.context import Context
from resolvers.credential_notices import Change
from resolvers.errors import Conflict, MfaRequired, Unauthenticated
from resolvers.factors import stepped_up
from resolvers.house import House
from resolvers.issuers import Issuer, Verified
from storage import accounts, factors, federation, passkeys
from storage.clock import now
from storage.database import Transaction
from storage.federation import FederatedIdentity
from storage.ids import new_id
from storage.ledger import events
from storage.sessions import Session, SubjectKind

LINK_WITHIN = timedelta(minutes=10)
"""How old a token may be by which an identity is linked, and how long ago its person may have signed in."""


def looks_like_one(token: str) -> bool:
    """Whether this is of the shape of a signed token (JWS compact serialization), and none of ours."""
    return token.count(".") == 2


def lookups(house: House, said: Verified) -> tuple[bytes, ...]:
    """What the identity may be written down as."""
    name = federation.named(said.issuer, said.subject)
    return tuple(house.store.keyring.keyed_hashes(federation.PURPOSE, name))


def link(context: Context, token: str) -> FederatedIdentity:
    """Tie the account of the session that asks to the identity that a token of the issuer is about.

    Raises `Unauthenticated` for no session, for a token that is not good, and for one that was issued or whose person
    proved who they are too long ago; `MfaRequired` where the account has a second factor and the token none;
    `StepUpRequired`; and `Conflict` where there is no issuer, the account is tied already, or the identity is.
    """
    if context.asking.session_id is None or not context.principal.stepped_up:
        stepped_up(context)  # raises
    said = _issuer(context).verified(token)  # before the transaction begins: keys may have to be waited for
    session, work = stepped_up(context), context.work
    _check_fresh(said)
    if not said.mfa and has_second_factor(work.session, session.kind, session.subject_id):
        told = "This account has a second factor: sign in at the provider with one, and send that token."
        raise MfaRequired(told, field="token")
    if federation.of_account(work.session, session.subject_id) is not None:
        raise Conflict("This account is tied to an identity already. Call unlinkIdentity first.")
    found = lookups(context.house, said)
    if federation.by_name(work.session, found) is not None:
        raise Conflict("This identity is tied to another account.", field="token")
    row = FederatedIdentity(id=new_id(), kind=session.kind, subject_id=session.subject_id, name_lookup=found[0])
    work.vault.seal(row, name=federation.named(said.issuer, said.subject))
    try:
        accounts.add_unique(work.session, row)
    except accounts.AlreadyExists:
        raise Conflict("This identity, or this account, has just been tied.", field="token") from None
    credential_notices.notify(work, session, Change.IDENTITY_LINKED)
    work.record(events.IdentityLinked(resource_id=row.id, subject_id=_subject(session)))
    return row


def unlink(context: Context) -> None:
    """Untie the account of the session that asks. Raises as `link` does, and `Conflict` where there is no tie."""
    session, work = stepped_up(context), context.work
    row = federation.of_account(work.session, session.subject_id)
    if row is None:
        raise Conflict("This account is tied to no identity.")
    federation.forget(work.session, session.subject_id)
    credential_notices.notify(work, session, Change.IDENTITY_UNLINKED)
    work.record(events.IdentityUnlinked(resource_id=row.id, subject_id=_subject(session)))


def has_second_factor(reading: Transaction, kind: SubjectKind, subject: uuid.UUID) -> bool:
    """Whether an account has a second factor: an authenticator app, or a passkey, one that was copied too."""
    return factors.in_force(reading, kind, subject) is not None or bool(passkeys.of_account(reading, kind, subject))


def _check_fresh(said: Verified) -> None:
    """Raises `Unauthenticated` for an access token, and for a token that may have been found lying about."""
    if said.scopes is not None:
        raise Unauthenticated("Send an ID token: an access token does not say who has just signed in.", field="token")
    oldest = now().timestamp() - LINK_WITHIN.total_seconds()
    if said.issued_at < oldest or (said.authenticated_at is not None and said.authenticated_at < oldest):
        minutes = int(LINK_WITHIN.total_seconds() // 60)
        told = f"This token is too old: sign in at the provider again, and link within {minutes} minutes."
        raise Unauthenticated(told, field="token")


def _issuer(context: Context) -> Issuer:
    if context.house.issuer is None:
        raise Conflict("No OpenID Connect issuer is configured.")
    return context.house.issuer


def _subject(session: Session) -> uuid.UUID | None:
    return session.subject_id if session.kind is SubjectKind.CONTRIBUTOR else None
