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
from storage.staff import StaffRole

MOST_SERVICES = 50


def of(context: Context, contributor_id: uuid.UUID) -> PrivacyPreferences | None:
    """What a contributor allows; None where the caller may not see it."""
    try:
        return context.access.get(PrivacyPreferences, contributor_id, Action.READ)
    except NotFound:
        return None


def update(
    context: Context, switches: dict[str, bool | None], services: Sequence[str] | None = None
) -> PrivacyPreferences:
    """Switch optional uses of one's data on or off; None leaves one as it is. It holds from the next operation on.

    `services` are all that may have the caller's work from now on. Raises `BadInput` for one that is not offered here.
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
    event = events.PreferencesUpdated(
        resource_id=row.owner_id, subject_id=row.owner_id, services=len(row.services), **holds
    )
    context.work.record(event)
    context.work.session.flush()
    return row


def _set(row: PrivacyPreferences, name: str, value: bool | None) -> None:
    if name not in SWITCHES:
        raise KeyError(name)
    setattr(row, name, value)


def _allow_services(context: Context, row: PrivacyPreferences, services: Sequence[str]) -> None:
    """Keep the list, each change as a consent of its own. One that is gone meanwhile may stay in it, or leave it."""
    offered = {service.name for service in context.limits.services if service.outside}
    wanted, held = set(services), set(row.services)
    if len(services) > MOST_SERVICES or not wanted <= offered | held:
        there = ", ".join(sorted(offered)) or "none: everything is done on this platform itself"
        raise BadInput(f"services names one that is not used here. Used are: {there}.", field="services")
    for name in sorted(wanted ^ held):
        consent = Consent(owner_id=row.owner_id, preference=f"services:{name}", allowed=name in wanted)
        context.work.session.add(consent)
    row.services = sorted(wanted)


def _show_support_out(context: Context) -> None:
    """Whoever may not ask any more has nothing waiting, and nothing open, that they had asked for."""
    theirs = open_in_job(context.access.select(AccessGrant, Action.END), StaffRole.SUPPORT, context.work.now)
    for grant in pages.fetch(context.work.session, theirs):
        grants.end(context, grant.id)
