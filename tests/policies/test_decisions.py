"""What the policy decides stands written down in policies/scenarios, and every rule of it is needed for that.

The door and the tracer are held against the same tables; here oso itself is, which is what policy.polar means.
"""

import pytest
from polar.exceptions import OsoError

from policies.workbench import scenarios
from policies.workbench.coverage import coverage
from policies.workbench.mutants import Mutant
from policies.workbench.parsing import parse
from policies.workbench.scenarios import Cell
from tests.contract.source import ROOT
from tests.policies.oracle import Oracle

SOURCE = (ROOT / "policy.polar").read_text(encoding="utf-8")
DOCUMENT = parse(SOURCE)
WRITTEN = scenarios.load(ROOT / "policies" / "scenarios")
COVERED = coverage(DOCUMENT, WRITTEN)


def decided(oracle: Oracle, cell: Cell) -> set[str]:
    """What oso says about one line of one table."""
    return oracle.actions(WRITTEN.world.people[cell[0]], WRITTEN.world.thing(cell[1]))


def test_the_policy_decides_as_written_down() -> None:
    """A change of any decision shows in a table, where a person reads it."""
    oracle = Oracle(SOURCE)
    otherwise = {
        str(WRITTEN.places[cell]): (cell, sorted(found), sorted(written))
        for cell, written in WRITTEN.decisions.items()
        if (found := decided(oracle, cell)) != written
    }
    assert otherwise == {}, "if it is meant, change the table"


def test_scenarios_exercise_every_rule_and_condition() -> None:
    """Whatever is left out of the policy, a line of a table comes out otherwise: the gate of `policy coverage`."""
    missed = [f"{mutant.rule.span.line(SOURCE)}: {mutant.what}" for mutant in COVERED.missed]
    assert missed == []
    assert len(COVERED.noticed) >= len(DOCUMENT.rules)


@pytest.mark.parametrize(
    ("mutant", "cell"),
    COVERED.noticed,
    ids=[f"{mutant.rule.span.line(SOURCE)} {mutant.what}" for mutant, _ in COVERED.noticed],
)
def test_oso_misses_it_too(mutant: Mutant, cell: Cell) -> None:
    """Without that rule or condition the policy does not load, or oso decides that line otherwise."""
    try:
        oracle = Oracle(mutant.source(DOCUMENT))
    except OsoError:
        return
    assert decided(oracle, cell) != WRITTEN.decisions[cell]
