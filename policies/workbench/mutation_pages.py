"""docs/policy-mutants.md: the score of the mutation run, and what it was run over."""

import hashlib
from pathlib import Path

from policies.workbench.mutation import EQUIVALENTS, HEADINGS, Score, changes
from policies.workbench.parsing import parse

PAGE = Path("docs/policy-mutants.md")
_MARK = "Run over "

_ABOUT = """# Would a slip of the pen be noticed?

Every rule and condition of [policy.polar](../policy.polar) is left out, and every role, action, scope, id and
comparison in it is written as another, one at a time. Each such change must make a line of
[the scenarios](../policies/scenarios) come out otherwise, or be refused by `policy check`. `make mutants` runs all of
them and writes this page; the tests run a part of them each time.
"""


def page(found: Score, root: Path = Path()) -> str:
    """The page for a full run."""
    rows = [(heading, found.counts(heading)) for heading in HEADINGS]
    totals = tuple(map(sum, zip(*(counts for _, counts in rows), strict=True)))
    lines = [_ABOUT, "| what was changed | tried | noticed | refused | changes nothing | missed |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for heading, counts in [*rows, ("**all**", totals)]:
        lines.append(f"| {heading} | {' | '.join(f'{count:,}' for count in (sum(counts), *counts))} |")
    killed, count = totals[0] + totals[1], sum(totals) - totals[2]
    lines += ["", f"**Score: {killed:,} of {count:,}** ({killed / count:.1%}) of the changes that change anything.", ""]
    lines += ["## What changes nothing", "", f"From [{EQUIVALENTS}](../{EQUIVALENTS}):", ""]
    lines += [f"- {change.what} in `{change.rule}`: {because}" for change, because in found.equivalent]
    return "\n".join([*lines, "", fingerprint(root), ""])


def fingerprint(root: Path = Path()) -> str:
    """The line that says what a run was over: the policy, its scenarios, the equivalents, and how many changes."""
    files = [root / "policy.polar", root / EQUIVALENTS, *sorted((root / "policies" / "scenarios").glob("*.yaml"))]
    digest = hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files))
    count = sum(1 for _ in changes(parse(files[0].read_text(encoding="utf-8"))))
    return f"{_MARK}{count:,} changes of the policy and scenarios with digest `{digest.hexdigest()[:16]}`."
