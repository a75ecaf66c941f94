"""Rules that no statement of a reasonable length decides: they rest on themselves, or open up too much."""

from collections.abc import Iterator

from policies.workbench.problems import Problem
from policies.workbench.reachability import BROADEST, COUNTED_TO, DEEPEST, Reached
from policies.workbench.terms import Document


def check(document: Document, reached: Reached) -> Iterator[Problem]:
    """Every condition that leads back to the rule it stands in or too far away, and every rule of too many ways."""
    for condition in sorted(reached.circular, key=lambda call: call.span.start):
        yield Problem(
            "recursion", f"“{condition.span.text(document.source)}” leads back to this rule", condition.span,
            "what a rule rests on can't rest on the rule: SQL would never come to an end",
            "the role or permission that it begins with",
        )  # fmt: skip
    for condition in sorted(reached.deep - reached.circular, key=lambda call: call.span.start)[-1:]:
        yield Problem(
            "too-deep", f"more than {DEEPEST} rules rest on one another below this one", condition.span,
            "neither a person nor a database follows them", "what the last of them asks for",
        )  # fmt: skip
    for rule, ways in reached.broad.items():
        count = f"{ways:,}" if ways < COUNTED_TO else f"more than {COUNTED_TO:,}"
        yield Problem(
            "too-many-ways", f"this rule holds in {count} ways", rule.span,
            f"alternatives multiply, and each becomes a condition in SQL: {BROADEST:,} are the most",
            "`in [\"…\", \"…\"]` for values of one column, and fewer alternatives side by side",
        )  # fmt: skip
