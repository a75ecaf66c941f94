"""Tokens of a configured issuer (OpenID Connect): whose account they are for, and how an account is tied to one.

An account is found by issuer and subject, and never by an e-mail that a token holds: whoever may choose an address at
the issuer would be whoever has it here. The tie is made by somebody who has just proven both.
"""

import uuid

from resolvers.context import Context
from resolvers.errors import Conflict
from resolvers.factors import stepped_up
from resolvers.house import House
from resolvers.issuers import Issuer, Verified
from storage import accounts, federation
from storage.federation import FederatedIdentity
from storage.ids import new_id
from storage.ledger import events
from storage.sessions import Session, SubjectKind


def looks_like_one(token: str) -> bool:
    """Whether this is of the shape of a signed token (JWS compact serialization), and none of ours."""
    return token.count(".") == 2


def lookups(house: House, said: Verified) -> tuple[bytes, ...]:
    """What the identity may be written down as."""
    name = federation.named(said.issuer, said.subject)
    return tuple(house.store.keyring.keyed_hashes(federation.PURPOSE, name))


def link(context: Context, token: str) -> FederatedIdentity:
    """Tie the account of the session that asks to the identity that a token of the issuer is about.

    Raises `Unauthenticated` for no session and for a token that is not good, `StepUpRequired`, and `Conflict` where
    there is no issuer, the account is tied already, or the identity is.
    """
    session, work = stepped_up(context), context.work
    said = _issuer(context).verified(token)
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
    work.record(events.IdentityLinked(resource_id=row.id, subject_id=_subject(session)))
    return row


def unlink(context: Context) -> None:
    """Untie the account of the session that asks. Raises as `link` does, and `Conflict` where there is no tie."""
    session, work = stepped_up(context), context.work
    row = federation.of_account(work.session, session.subject_id)
    if row is None:
        raise Conflict("This account is tied to no identity.")
    federation.forget(work.session, session.subject_id)
    work.record(events.IdentityUnlinked(resource_id=row.id, subject_id=_subject(session)))


def _issuer(context: Context) -> Issuer:
    if context.house.issuer is None:
        raise Conflict("This installation takes tokens of no issuer.")
    return context.house.issuer


def _subject(session: Session) -> uuid.UUID | None:
    return session.subject_id if session.kind is SubjectKind.CONTRIBUTOR else None
