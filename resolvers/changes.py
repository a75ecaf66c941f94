"""The change register: staff register what is to change of all that runs here, and a second person agrees or does not.

(1) The policy says who may. (2) What runs already is approved as an emergency or not at all, so that no approval can
look as if it had come before. What runs unapproved nobody stops: it is a finding until somebody looked at it.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.actions import Action
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage import changes
from storage.changes import ASSESSED, Change, ChangeEffect, ChangeKind, ChangeStatus, Ran, RunningPart, RunStanding
from storage.ids import new_id
from storage.ledger.events import ChangeApproved, ChangeDenied, ChangeRegistered

SHOWN = 200
"""How many of the newest versions that ran are shown; all of them are in the population DEPLOYMENTS."""
_VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9#._/-]{0,79}")


@dataclass(frozen=True)
class Plan:
    """What is to change; the fields are those of `storage.changes.Change`."""

    kind: ChangeKind
    effect: ChangeEffect
    emergency: bool
    versions: Sequence[tuple[RunningPart, str]]
    ticket: str
    why: str
    tests: str
    notice: uuid.UUID | None
    assessment: str | None = None


def register(context: Context, plan: Plan) -> Change:
    """Register a change that somebody else is to approve.

    Raises Forbidden; `BadInput` for one that brings no version, has no ticket, reason or tests, or concerns
    contributors and names nothing that they were told.
    """
    context.access.check(Action.REGISTER_CHANGE)  # (1)
    work = context.work
    versions = _versions(plan.versions)
    if not _TICKET.fullmatch(plan.ticket):
        raise BadInput("ticket is a short name, such as OPS-17: letters, digits and # . _ / -", field="ticket")
    inputs.text(plan.why, "why", at_most=5_000, at_least=20)
    inputs.text(plan.tests, "tests", at_most=5_000, at_least=10)
    _demand_assessed(plan, versions)
    _demand_told(context, plan)
    change = Change(
        id=new_id(),
        kind=plan.kind,
        effect=plan.effect,
        emergency=plan.emergency,
        versions={part.value: version for part, version in versions.items()},
        ticket=plan.ticket,
        notice_id=plan.notice,
        registered_by=context.caller_id,
        registered_at=work.now,
    )
    work.vault.seal(change, why=plan.why, tests=plan.tests, assessment=plan.assessment)
    work.session.add(change)
    work.record(
        ChangeRegistered(
            resource_id=change.id,
            subject_id=None,
            kind=plan.kind,
            effect=plan.effect,
            emergency=plan.emergency,
            part_count=len(versions),
        )
    )
    work.session.flush()
    return context.access.get(Change, change.id, Action.READ)


def approve(context: Context, change_id: uuid.UUID, note: str) -> Change:
    """Agree to a colleague's change, from which moment on what it brings may begin to run, for 30 days.

    Of an emergency that runs already it says that somebody else has looked at it. Raises `Conflict` for one that is
    decided, and (2) for one that runs already and was no emergency.
    """
    change = context.access.get(Change, change_id, Action.APPROVE)  # (1)
    _demand_open(context, change)
    afterwards = changes.runs_unapproved(context.work.session, change, context.work.now)
    if afterwards and not change.emergency:  # (2)
        raise Conflict("It runs already: deny it, and register it as an emergency, to be looked at afterwards.")
    _decide(context, change, ChangeStatus.APPROVED, note)
    context.work.record(
        ChangeApproved(
            resource_id=change.id, subject_id=None, kind=change.kind, emergency=change.emergency, afterwards=afterwards
        )
    )
    context.work.session.flush()
    return change


def deny(context: Context, change_id: uuid.UUID, note: str) -> Change:
    """Turn a change down, or take back one's own. Raises `Conflict` for one that is decided."""
    change = context.access.get(Change, change_id, Action.DENY)  # (1)
    _demand_open(context, change)
    _decide(context, change, ChangeStatus.DENIED, note)
    own = change.registered_by == context.caller_id
    context.work.record(ChangeDenied(resource_id=change.id, subject_id=None, kind=change.kind, withdrawn=own))
    context.work.session.flush()
    return change


def deployments(context: Context, standing: RunStanding | None) -> list[Ran]:
    """What runs and ran here, newest first, and how each stands to the register; only what stands so. Forbidden."""
    context.access.check(Action.RECONCILE)
    found = changes.reconciled(context.work.session, context.work.now)
    return [each for each in reversed(found) if standing in (None, each.standing)][:SHOWN]


def _versions(given: Sequence[tuple[RunningPart, str]]) -> Mapping[RunningPart, str]:
    found: dict[RunningPart, str] = {}
    for part, version in given:
        if part in found:
            raise BadInput(f"versions names {part.value} twice.", field="versions")
        if not _VERSION.fullmatch(version):
            raise BadInput(
                "versions has what `python -m muniment changes show` prints: a-z, 0-9 and . _ -", field="versions"
            )
        found[part] = version
    if not found:
        raise BadInput("versions is empty: say what is to run, by `python -m muniment changes show`.", field="versions")
    return found


def _demand_assessed(plan: Plan, versions: Mapping[RunningPart, str]) -> None:
    """Raises `BadInput` for a model or an agent without an assessment, or in an emergency: it waits for two people."""
    if plan.assessment is not None:
        inputs.text(plan.assessment, "assessment", at_most=10_000, at_least=40)
    new = [part.value for part in ASSESSED if part in versions]
    if new and plan.assessment is None:
        told = f"{new[0]}: say in an assessment what it means for contributors and their work."
        raise BadInput(told, field="assessment")
    if new and plan.emergency:
        raise BadInput(f"{new[0]} does nothing before somebody has agreed: it is no emergency.", field="emergency")


def _demand_told(context: Context, plan: Plan) -> None:
    if plan.notice is not None and not changes.told(context.work.session, plan.notice):
        raise BadInput("noticeId is the id of no notice that was published.", field="noticeId")
    if plan.notice is None and plan.effect is not ChangeEffect.NONE:
        raise BadInput("It concerns contributors: publish a notice of it, and name it as noticeId.", field="noticeId")


def _demand_open(context: Context, change: Change) -> None:
    if (status := changes.lock(context.work.session, change)) is not ChangeStatus.REGISTERED:
        raise Conflict(f"This can't be done any more: it is {status.value}.")


def _decide(context: Context, change: Change, status: ChangeStatus, note: str) -> None:
    inputs.text(note, "note", at_most=5_000, at_least=10)
    context.work.vault.seal(change, note=note)
    change.status, change.decided_by, change.decided_at = status, context.caller_id, context.work.now
