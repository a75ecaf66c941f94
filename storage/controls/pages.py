"""The catalogue as a page for people: `docs/controls.md`, generated from the data.

`python -m storage.controls.pages` writes the page; with `--check` it writes nothing and fails if the page is behind.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from storage.controls.catalogue import CONTROLS, Control, checks
from storage.controls.criteria import Criterion, Reach, in_order
from storage.controls.measures import MEASURES
from storage.generated import keep

PAGE = Path(__file__).parents[2] / "docs" / "controls.md"

_HEAD = """\
# Controls, and what remains with the operator

What is to hold, which Trust Services Criteria it bears on, what enforces it, which tests of this release show it, and
which checks look every day whether it holds in an installation. Generated from `storage/controls/`; run
`python -m storage.controls.pages` after changing it.

**What this is not.** Nothing here says that anybody has passed an examination. Whether controls are suitable and work
is the opinion of an independent auditor about an operator: people, machines and contracts included. What stands here,
and what checks find, is the operator's own evidence for it. The criteria are named by their ids with words of our own;
their text is the AICPA's, and counts.

`python -m muniment evidence check` runs the checks now and ends with 1 if anything is amiss; the agents run them once a
day. What a check finds is a finding, with an owner and a date, until the check finds it no more: `findings` lists them
for staff and auditors, and the trail has `finding.opened` and `finding.closed`. `controls` answers this catalogue.

What can't be mended in time somebody may answer for (`acceptFinding`): security or privacy, never whoever's it is to
mend, with a reason that staff and auditors read, for half a year at most. After that date it is open again, and late.
"""

_REACH = {
    Reach.SYSTEM: "shown by the running system",
    Reach.PARTLY: "shown in part",
    Reach.PEOPLE: "people alone",
}


def page() -> str:
    """The page as it should stand."""
    return "".join((_HEAD, *_controls(), *_checks(), *_criteria()))


def _controls() -> Iterator[str]:
    yield "\n## The controls\n"
    for each in CONTROLS:
        rows = {
            "criteria": ", ".join(each.criteria),
            "who answers for it": each.owner,
            "enforced by": each.enforced,
            "shown by": ", ".join(f"`{test}`" for test in each.shown_by),
            "checked by": ", ".join(f"`{check}`" for check in each.checks) or "the tests alone",
            "to be mended within": f"{each.days} days",
        }
        lines = "".join(f"| {name} | {said} |\n" for name, said in rows.items())
        yield f"\n### `{each.id}`\n\n{each.statement}\n\n|   |   |\n|---|---|\n{lines}"


def _checks() -> Iterator[str]:
    yield "\n## The checks\n\n| check | fails on | control |\n|---|---|---|\n"
    for name, control in sorted(checks().items()):
        measure = MEASURES.get(name)
        fails_on = f"{measure.amiss}; {measure.remedy}" if measure else "what `python -m muniment doctor` finds amiss"
        yield f"| `{name}` | {fails_on} | `{control.id}` |\n"


def _criteria() -> Iterator[str]:
    yield (
        "\n## Criterion by criterion, and what the operator must still do\n\n"
        "Where no control is named the system shows nothing: the operator's own record is all there is.\n\n"
        "| criterion | about | how far the system reaches | controls here | what remains with the operator |\n"
        "|---|---|---|---|---|\n"
    )
    for each in in_order():
        named = ", ".join(f"`{control.id}`" for control in bearing_on(each)) or "none"
        yield f"| {each.id} | {each.about} | {_REACH[each.reach]} | {named} | {each.remains} |\n"


def bearing_on(criterion: Criterion) -> list[Control]:
    """The controls that bear on a criterion."""
    return [control for control in CONTROLS if criterion.id in control.criteria]


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` compare it; answers the exit code."""
    return keep(PAGE, page(), "storage.controls.pages", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
