"""What a contributor allows: seen, and switched on and off. What is taken back stops at its next step."""

import uuid
from collections.abc import Sequence
from typing import Any

from policies.actions import Action
from policies.errors import NotFound
from resolvers import grants
from resolvers.context import Context
from resolvers.errors import BadInput
from storage import pages
from storage.contributors import Consent, PrivacyPreferences
from storage.grants import AccessGrant, open_in_job
from storage.ledger import events
from storage.preferences import SWITCHES
from storage.runs import forget_style
from storage.services import Service
from storage.staff import StaffRole

MOST_SERVICES = 100


def of(context: Context, contributor_id: uuid.UUID) -> PrivacyPreferences | None:
    """What a contributor allows; None where the caller may not see it."""
    try:
        return context.access.get(PrivacyPreferences, contributor_id, Action.READ)
    except NotFound:
        return None


def update(
    context: Context, switches: dict[str, bool | None], services: Sequence[uuid.UUID] | None = None
) -> PrivacyPreferences:
    """Switch optional uses of one's data on or off; None leaves one as it is. It holds from the next operation on.

    `services`: all those to which one's work may be sent from now on. Raises `NotFound` for one that is none.
    """
    row = context.access.get(PrivacyPreferences, context.caller_id, Action.UPDATE)
    changed = {name: value for name, value in switches.items() if value not in (None, getattr(row, name))}
    for name, value in changed.items():
        _set(row, name, value)
        context.work.session.add(Consent(owner_id=row.owner_id, preference=name, allowed=value))
    if services is not None:
        _allow_services(context, row, services)
    row.updated_at = context.work.now
    if changed.get("style_learning") is False:
        forget_style(context.work.session, row.owner_id)  # it was learned while they allowed it
    if changed.get("support_access") is False:
        _show_support_out(context)
    holds: dict[str, Any] = {name: getattr(row, name) for name in SWITCHES}
    allowed = tuple(sorted(map(uuid.UUID, row.services)))
    event = events.PreferencesUpdated(resource_id=row.owner_id, subject_id=row.owner_id, services=allowed, **holds)
    context.work.record(event)
    context.work.session.flush()
    return row


def _set(row: PrivacyPreferences, name: str, value: bool | None) -> None:
    if name not in SWITCHES:
        raise KeyError(name)
    setattr(row, name, value)


def _allow_services(context: Context, row: PrivacyPreferences, services: Sequence[uuid.UUID]) -> None:
    """Take the list as it is from now on, with an entry of the history for each service that came or went."""
    if len(services) > MOST_SERVICES:
        raise BadInput(f"services names more than {MOST_SERVICES}.", field="services")
    before, after = set(row.services), {str(each) for each in services}
    for each in services:
        if str(each) not in before:
            context.access.get(Service, each, Action.READ)
    for each_changed in sorted(before ^ after):
        chosen = Consent(owner_id=row.owner_id, preference=f"service {each_changed}", allowed=each_changed in after)
        context.work.session.add(chosen)
    row.services = sorted(after)


def _show_support_out(context: Context) -> None:
    """Whoever may not ask any more has nothing waiting, and nothing open, that they had asked for."""
    theirs = open_in_job(context.access.select(AccessGrant, Action.END), StaffRole.SUPPORT, context.work.now)
    for grant in pages.fetch(context.work.session, theirs):
        grants.end(context, grant.id)
