"""Controls: what the checks found is kept, as findings with an owner and a date, and told to those whose it is.

What can't be mended for the time being somebody may answer for: never whoever's it is to mend, never for ever.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from policies.actions import Action
from policies.errors import Forbidden
from resolvers import inputs, lists
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage.controls import findings
from storage.controls.findings import Finding, FindingStatus, Kept, Result
from storage.ledger.events import (
    ControlsChecked,
    FindingAccepted,
    FindingClosed,
    FindingOpened,
    FindingReopened,
    Identifier,
    Outcome,
)
from storage.pages import MAX_PAGE, Slice
from storage.work import UnitOfWork

LONGEST = timedelta(days=180)
"""For so long a risk may be accepted at most; then somebody has to look again."""


def keep(work: UnitOfWork, results: Sequence[Result]) -> Kept:
    """Enter one run of all checks: a finding opens or closes with the check that makes it, and the trail says so."""
    kept = _kept(work, results)
    failed = sum(1 for each in results if each.amiss)
    ran = ControlsChecked(resource_id=None, subject_id=None, check_count=len(results), failed_count=failed)
    work.record(ran, Outcome.FAILED if failed else Outcome.SUCCESS)
    return kept


def keep_one(work: UnitOfWork, result: Result) -> Kept:
    """Enter what one check found between two runs of all."""
    return _kept(work, [result])


def _kept(work: UnitOfWork, results: Sequence[Result]) -> Kept:
    kept = findings.keep(work.session, results, work.now)
    for each in kept.opened:
        work.record(
            FindingOpened(
                resource_id=each.id,
                subject_id=None,
                control=Identifier(each.control),
                found_by=Identifier(each.found_by),
                amiss_count=each.amiss,
                due_seconds=int((each.due_at - each.opened_at).total_seconds()),
            )
        )
    _tell_closed(work, kept.closed)
    for each in kept.reopened:
        work.record(
            FindingReopened(
                resource_id=each.id,
                subject_id=None,
                control=Identifier(each.control),
                found_by=Identifier(each.found_by),
            )
        )
    return kept


def mend(work: UnitOfWork, about: uuid.UUID) -> None:
    """Close what was found about one thing that somebody other than whose it was has just seen done."""
    _tell_closed(work, findings.mend(work.session, about, work.now))


def found(context: Context, status: FindingStatus | None) -> list[Finding]:
    """The newest findings that the caller may see, at most 100: all of them, or those that are open, or closed."""
    equal: dict[str, Any] = {} if status is None else {"status": status}
    return list(lists.page(context, Finding, Slice(limit=MAX_PAGE), **equal).rows)


def accept(context: Context, number: str, reason: str, until: datetime) -> Finding:
    """Answer for a finding that is open, until a date after which it is open again. (1) The policy says who may.

    (2) Nobody answers for what is theirs to mend. Raises `NotFound`, `Forbidden`, `BadInput` without a reason or for a
    date that does not lie within half a year, and `Conflict` for one that is mended, or accepted already.
    """
    work = context.work
    finding = context.access.get(Finding, _id(number), Action.ACCEPT, (Action.READ_CONTENT,))  # (1)
    mine = {context.policy.roles[role].owner for role in context.principal.roles if role in context.policy.roles}
    if finding.owner in mine:  # (2): of a second job too
        raise Forbidden("Finding", Action.ACCEPT)
    words = inputs.text(reason, "reason", at_most=2_000, at_least=20)
    if until.tzinfo is None or not work.now < until <= work.now + LONGEST:
        raise BadInput(f"until lies ahead, within {LONGEST.days} days, and carries its time zone.", field="until")
    findings.lock(work.session, finding)
    if finding.status is not FindingStatus.OPEN or finding.accepted(work.now):
        raise Conflict("This can't be done now: it is mended, or somebody answers for it already.")
    work.vault.seal(finding, acceptance=words)
    finding.accepted_at, finding.accepted_by, finding.accepted_until = work.now, context.caller_id, until
    accepted = FindingAccepted(
        resource_id=finding.id,
        subject_id=None,
        control=Identifier(finding.control),
        found_by=Identifier(finding.found_by),
        amiss_count=finding.amiss,
        lifetime_seconds=int((until - work.now).total_seconds()),
    )
    work.record(accepted)
    work.session.flush()
    return finding


def _tell_closed(work: UnitOfWork, closed: Iterable[Finding]) -> None:
    for each in closed:
        work.record(
            FindingClosed(
                resource_id=each.id,
                subject_id=None,
                control=Identifier(each.control),
                found_by=Identifier(each.found_by),
                open_seconds=int((work.now - each.opened_at).total_seconds()),
            )
        )


def _id(number: str) -> uuid.UUID:
    try:
        return uuid.UUID(number)
    except ValueError:
        raise BadInput("number is a finding's own, as `findings` tells it.", field="number") from None
