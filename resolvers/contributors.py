"""Accounts of contributors, and what each allows."""

import uuid
from collections.abc import Sequence
from typing import Any

from policies.actions import Action
from policies.errors import NotFound
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from resolvers.sessions import Issued, open_session
from storage import accounts
from storage.contributors import Consent, Contributor, PrivacyPreferences
from storage.ids import new_id
from storage.keys.names import contributor_keyset
from storage.ledger import events
from storage.passwords import hash_password
from storage.runs import forget_style
from storage.services import Service
from storage.sessions import SubjectKind

_MOST_SERVICES = 100
PREFERENCES = ("style_learning", "training", "analytics", "strip_metadata", "support_access")


def register(context: Context, email: str, password: str, display_name: str) -> tuple[Contributor, Issued]:
    """Open an account with keys of its own, and sign in.

    Raises `BadInput`, or `Conflict` where the e-mail has an account already.
    """
    address = inputs.email(email)
    encoded = hash_password(inputs.password(password))
    name = inputs.text(display_name, "displayName", at_most=100)
    keyring = context.house.store.keyring
    lookups = keyring.keyed_hashes("email", address)
    contributor = Contributor(id=new_id(), email_lookup=lookups[0])
    with context.glance() as work:
        if accounts.account_by_email(work.session, lookups) is not None:
            raise Conflict("An account with this e-mail exists. Sign in instead.", field="email")
    keyset = contributor_keyset(contributor.id)
    keyring.create(keyset, owner=contributor.id)
    try:
        work = context.work
        work.vault.seal(contributor, email=address, display_name=name, password_hash=encoded)
        accounts.add_account(work.session, lookups, contributor, PrivacyPreferences(owner_id=contributor.id))
        issued = open_session(context, SubjectKind.CONTRIBUTOR, contributor.id)
        work.record(events.ContributorRegistered(resource_id=contributor.id, subject_id=contributor.id))
        work.session.flush()
    except accounts.AlreadyExists:
        keyring.destroy(keyset)
        raise Conflict("An account with this e-mail exists. Sign in instead.", field="email") from None
    except BaseException:
        keyring.destroy(keyset)
        raise
    return context.access.get(Contributor, contributor.id, Action.READ), issued


def preferences_or_none(context: Context, contributor_id: uuid.UUID) -> PrivacyPreferences | None:
    """What a contributor allows; None where the caller may not see it."""
    try:
        return context.access.get(PrivacyPreferences, contributor_id, Action.READ)
    except NotFound:
        return None


def update_preferences(
    context: Context, changes: dict[str, bool], services: Sequence[uuid.UUID] | None = None
) -> PrivacyPreferences:
    """Switch optional uses of one's data on or off. It holds from the next operation on, queued work included.

    `services`: all those to which one's work may be sent from now on. Raises `NotFound` for one that is none.
    """
    row = context.access.get(PrivacyPreferences, context.caller_id, Action.UPDATE)
    if services is not None:
        _allow_services(context, row, services)
    changed: dict[str, Any] = {
        name: value for name, value in changes.items() if name in PREFERENCES and getattr(row, name) != value
    }
    for name, value in changed.items():
        setattr(row, name, value)
        context.work.session.add(Consent(owner_id=row.owner_id, preference=name, allowed=value))
    row.updated_at = context.work.now
    if changed.get("style_learning") is False:
        forget_style(context.work.session, row.owner_id)  # it was learned while they allowed it
    now_allowed = {name: getattr(row, name) for name in PREFERENCES}
    allowed = tuple(sorted(map(uuid.UUID, row.services)))
    context.work.record(
        events.PreferencesUpdated(resource_id=row.owner_id, subject_id=row.owner_id, services=allowed, **now_allowed)
    )
    context.work.session.flush()
    return row


def _allow_services(context: Context, row: PrivacyPreferences, services: Sequence[uuid.UUID]) -> None:
    """Take the list as it is from now on, with an entry of the history for each service that came or went."""
    if len(services) > _MOST_SERVICES:
        raise BadInput(f"services names more than {_MOST_SERVICES}.", field="services")
    before, after = set(row.services), {str(each) for each in services}
    for each in services:
        if str(each) not in before:
            context.access.get(Service, each, Action.READ)
    for each_changed in sorted(before ^ after):
        chosen = Consent(owner_id=row.owner_id, preference=f"service {each_changed}", allowed=each_changed in after)
        context.work.session.add(chosen)
    row.services = sorted(after)
