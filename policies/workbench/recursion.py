"""Rules that rest on themselves: no statement of a fixed length decides them, and oso would try for ever."""

from collections.abc import Iterator

from policies.workbench.problems import Problem
from policies.workbench.reachability import reach
from policies.workbench.terms import Document


def check(document: Document) -> Iterator[Problem]:
    """Every condition that leads back to the rule it stands in."""
    for condition in sorted(reach(document).circular, key=lambda call: call.span.start):
        yield Problem(
            "recursion", f"“{condition.span.text(document.source)}” leads back to this rule", condition.span,
            "what a rule rests on can't rest on the rule: SQL would never come to an end",
            "the role or permission that it begins with",
        )  # fmt: skip
