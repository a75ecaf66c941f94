"""API keys: for programs that act for a contributor, and can do less than they can, never more."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.actions import Action
from resolvers import identity, inputs, networks
from resolvers.context import Context
from resolvers.credential_notices import Change, notify_contributor
from resolvers.errors import BadInput, Conflict
from storage.clock import now
from storage.contributors import Contributor
from storage.ids import new_id
from storage.ledger import events
from storage.sessions import ApiKey, count_working_keys

SCOPES = ("export", "read", "write")
MAX_LIFE = timedelta(days=366)
MOST = 50
"""API keys that work at the same time, of one account."""


@dataclass(frozen=True)
class IssuedKey:
    """A key and its secret, which is shown this once."""

    key: ApiKey
    secret: str


def create(context: Context, name: str, scopes: Sequence[str], expires_at: datetime) -> IssuedKey:
    """Issue a key.

    Raises `BadInput` for an unknown scope or an end that has passed or lies more than a year ahead; `StepUpRequired`
    for the scope export without a recent proof of identity; `Conflict` where the account has 50 that work.
    """
    inputs.text(name, "name", at_most=100)
    chosen = sorted(set(scopes))
    if not chosen or not set(chosen) <= set(SCOPES):
        raise BadInput(f"scopes takes one or more of {', '.join(SCOPES)}.", field="scopes")
    if expires_at.tzinfo is None or not now() < expires_at <= now() + MAX_LIFE:
        raise BadInput("expiresAt must lie ahead, within a year, and carry its time zone.", field="expiresAt")
    return _issue(context, name, chosen, expires_at)


def rotate(context: Context, key_id: uuid.UUID) -> IssuedKey:
    """Replace a key by a new one with the same name, scopes and end; the old one stops working at once.

    Raises `Conflict` for a key that has ended: what was revoked does not come back.
    """
    old = context.access.get(ApiKey, key_id, Action.REVOKE)
    if old.revoked_at is not None or old.expires_at <= context.work.now:
        raise Conflict("This key has ended. Create a new one.")
    name, seen_in = context.work.vault.open(old, "name"), networks.known(context.work, old)
    old.revoked_at = context.work.now
    context.work.record(events.ApiKeyRotated(resource_id=old.id, subject_id=old.owner_id))
    return _issue(context, name, old.scopes, old.expires_at, seen_in, Change.API_KEY_ROTATED)


def revoke(context: Context, key_id: uuid.UUID) -> ApiKey:
    """End a key at once."""
    key = context.access.get(ApiKey, key_id, Action.REVOKE)
    if key.revoked_at is None:
        key.revoked_at = context.work.now
        notify_contributor(context.work, key.owner_id, Change.API_KEY_REVOKED)
    context.work.record(events.ApiKeyRevoked(resource_id=key.id, subject_id=key.owner_id))
    context.work.session.flush()
    return key


def _issue(
    context: Context,
    name: str,
    scopes: list[str],
    expires_at: datetime,
    seen_in: Sequence[str] = (),
    change: Change = Change.API_KEY_CREATED,
) -> IssuedKey:
    context.access.get(Contributor, context.caller_id, Action.CREATE_API_KEY)
    if "export" in scopes:  # a key can't step up: whoever gives it this scope does, for all its uses
        context.access.get(Contributor, context.caller_id, Action.EXPORT)
    work = context.work
    if count_working_keys(work.session, context.caller_id, work.now) >= MOST:
        raise Conflict(f"An account has {MOST} API keys at most. Revoke one that is not used.")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id(),
        owner_id=context.caller_id,
        prefix=prefix,
        scopes=scopes,
        expires_at=expires_at,
    )
    work.vault.seal(key, name=name, secret_digest=identity.digest(secret), networks=list(seen_in) or None)
    networks.is_new(work, key, context.asking.ip_address)  # where it is made it was seen
    work.session.add(key)
    notify_contributor(work, key.owner_id, change)
    life = int((expires_at - work.now).total_seconds())
    work.record(
        events.ApiKeyCreated(
            resource_id=key.id, subject_id=key.owner_id, scope_count=len(scopes), lifetime_seconds=life
        )
    )
    work.session.flush()
    row = context.access.get(ApiKey, key.id, Action.READ)
    return IssuedKey(row, f"{identity.API_KEY}{prefix}_{secret}")
