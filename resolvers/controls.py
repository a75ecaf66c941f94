"""Controls: what the checks found is kept, as findings with an owner and a date, and told to those whose it is."""

from collections.abc import Sequence
from typing import Any

from resolvers import lists
from resolvers.context import Context
from storage.controls import findings
from storage.controls.findings import Finding, FindingStatus, Kept, Result
from storage.ledger.events import ControlsChecked, FindingClosed, FindingOpened, Identifier, Outcome
from storage.pages import MAX_PAGE, Slice
from storage.work import UnitOfWork


def keep(work: UnitOfWork, results: Sequence[Result]) -> Kept:
    """Enter one run of all checks: a finding opens or closes with the check that makes it, and the trail says so."""
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
    for each in kept.closed:
        work.record(
            FindingClosed(
                resource_id=each.id,
                subject_id=None,
                control=Identifier(each.control),
                found_by=Identifier(each.found_by),
                open_seconds=int((work.now - each.opened_at).total_seconds()),
            )
        )
    failed = sum(1 for each in results if each.amiss)
    ran = ControlsChecked(resource_id=None, subject_id=None, check_count=len(results), failed_count=failed)
    work.record(ran, Outcome.FAILED if failed else Outcome.SUCCESS)
    return kept


def found(context: Context, status: FindingStatus | None) -> list[Finding]:
    """The newest findings that the caller may see, at most 100: all of them, or those that are open, or closed."""
    equal: dict[str, Any] = {} if status is None else {"status": status}
    return lists.page(context, Finding, Slice(limit=MAX_PAGE), **equal).rows
