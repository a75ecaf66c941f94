"""Reading the trail, which is itself in the trail."""

import uuid
from collections.abc import Sequence
from typing import Any

from policies.actions import Action
from policies.principals import Kind
from resolvers import investigations
from resolvers.context import Context
from storage.ledger import trail
from storage.ledger.entries import AuditEvent
from storage.pages import Page, Slice


def page(context: Context, part: Slice, **equal: Any) -> Page[AuditEvent]:
    """One page of the entries that the caller may read: a contributor's own, an auditor's all."""
    found = trail.page(context.work.session, context.access.listed(AuditEvent, Action.READ), part, **equal)
    context.charge_for_count(found.total)
    context.trail_read += len(found.rows)
    return found


def access_log(context: Context, part: Slice) -> Page[AuditEvent]:
    """What others did with the caller's work: everybody but themselves, agents included."""
    door = context.access.listed(AuditEvent, Action.READ)
    found = trail.page_by_others(context.work.session, door, part, context.caller_id)
    context.charge_for_count(found.total)
    context.trail_read += len(found.rows)
    return found


def by_id(context: Context, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, AuditEvent]:
    """Those of the entries with these ids that the caller may read, in one statement."""
    found = trail.among(context.work.session, context.access.listed(AuditEvent, Action.READ), ids)
    context.trail_read += len(found)
    return found


def public(context: Context, row: AuditEvent) -> dict[str, Any]:
    """The entry under the names of the published format, as far as the caller may see them.

    Contributors see who did what with their work. Of staff they see the role that acted, not which employee; staff see
    no personal side here (`unmask`).
    """
    personal = trail.personal_of(context.work.session, row)
    form = trail.public_form(row, None if context.principal.kind is Kind.STAFF else personal)
    if form["actorKind"] == Kind.STAFF.value:
        form["userId"] = None
    return form


def unmask(context: Context, rows: Sequence[AuditEvent]) -> dict[uuid.UUID, dict[str, Any]]:
    """Of these entries those that an investigation opens to the caller, by id, with who it was and from where.

    That they were opened is recorded, for each person in them, before the answer leaves.
    """
    found = investigations.covering(context, rows) if context.principal.kind is Kind.STAFF else {}
    opened = {}
    for row in rows:
        if row.id not in found or trail.nameless_form(row.leaf)["actorKind"] == Kind.STAFF.value:
            continue  # colleagues are not what it is into
        context.unmasked[row.id] = found[row.id].id, frozenset(trail.contributors_in(row, row.personal))
        opened[row.id] = trail.public_form(row, row.personal, context.work.vault)
    return opened
