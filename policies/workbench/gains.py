"""How differences are told: what each role gains and loses, what of it is approved, and the entry to write if not."""

from collections.abc import Sequence
from typing import Any

from policies.workbench.approvals import Approval
from policies.workbench.differences import Difference


def unapproved(found: Sequence[Difference], approvals: Sequence[Approval]) -> list[Difference]:
    """The gains that no approval names."""
    return [each for each in found if each.change.gained and _approval(each, approvals) is None]


def told(found: Sequence[Difference], approvals: Sequence[Approval]) -> str:
    """The differences as a person reads them."""
    if not found:
        return "Nobody gains or loses anything."
    lines: list[str] = []
    for each in found:
        change = each.change
        verb = "gains" if change.gained else "loses"
        lines.append(f"{'+' if change.gained else '-'} {change.role} {verb} {change.action} on {change.resource}")
        lines += [f"      where {way}" for way in change.ways]
        lines.append(f"      today {each.rows} row{'' if each.rows == 1 else 's'} among the people looked at")
        lines += [f"        {example}" for example in each.examples]
        if approval := _approval(each, approvals):
            lines.append(f"      approved by {approval.approved_by}: {approval.because}")
    waiting = unapproved(found, approvals)
    if waiting:
        lines += [
            "",
            f"{len(waiting)} of these gains are not approved. If they are meant, add to policies/approvals.yaml:",
        ]
        for each in waiting:
            change = each.change
            lines += [
                f"- change: {change.digest}",
                f"  role: “{change.role}”".replace("“", '"').replace("”", '"'),
                f"  resource: {change.resource}",
                f"  action: {change.action}",
                "  because:",
                "  approved_by:",
            ]
    return "\n".join(lines)


def as_data(each: Difference, approvals: Sequence[Approval]) -> dict[str, Any]:
    """One difference for a program."""
    change, approval = each.change, _approval(each, approvals)
    return {
        "change": change.digest,
        "role": change.role,
        "resource": change.resource,
        "action": str(change.action),
        "gained": change.gained,
        "ways": list(change.ways),
        "rows": each.rows,
        "examples": list(each.examples),
        "approvedBy": approval.approved_by if approval else None,
    }


def _approval(each: Difference, approvals: Sequence[Approval]) -> Approval | None:
    return next((approval for approval in approvals if approval.covers(each.change)), None)
