"""What the policy decides stands written down in policies/scenarios, and every rule of it is needed for that.

The door and the tracer are held against the same tables; here oso itself is, which is what policy.polar means.
"""

from functools import cache

import pytest
from polar.exceptions import OsoError

from policies.workbench import scenarios
from policies.workbench.coverage import Trial, coverage
from policies.workbench.mutants import Mutant, mutants
from policies.workbench.parsing import parse
from policies.workbench.scenarios import Cell, Scenarios
from tests.contract.source import ROOT
from tests.policies.oracle import Oracle

SOURCE = (ROOT / "policy.polar").read_text(encoding="utf-8")
DOCUMENT = parse(SOURCE)
MUTANTS = list(mutants(DOCUMENT))


@cache
def written() -> Scenarios:
    """The tables, read when they are first asked for: whoever only collects tests has no need of them."""
    return scenarios.load(ROOT / "policies" / "scenarios")


@cache
def trial() -> Trial:
    """The tables, decided once."""
    return Trial(DOCUMENT, written())


def decided(oracle: Oracle, cell: Cell) -> set[str]:
    """What oso says about one line of one table."""
    return oracle.actions(written().world.people[cell[0]], written().world.thing(cell[1]))


def test_the_policy_decides_as_written_down() -> None:
    """A change of any decision shows in a table, where a person reads it."""
    oracle = Oracle(SOURCE)
    otherwise = {
        str(written().places[cell]): (cell, sorted(found), sorted(decisions))
        for cell, decisions in written().decisions.items()
        if (found := decided(oracle, cell)) != decisions
    }
    assert otherwise == {}, "if it is meant, change the table"


def test_scenarios_exercise_every_rule_and_condition() -> None:
    """Whatever is left out of the policy, a line of a table comes out otherwise: the gate of `policy coverage`."""
    covered = coverage(DOCUMENT, written())
    missed = [f"{mutant.rule.span.line(SOURCE)}: {mutant.what}" for mutant in covered.missed]
    assert missed == []
    assert [mutant for mutant, _ in covered.noticed] == MUTANTS
    assert len(MUTANTS) >= len(DOCUMENT.rules)


@pytest.mark.parametrize(
    "mutant", MUTANTS, ids=[f"{mutant.rule.span.line(SOURCE)} {mutant.what}" for mutant in MUTANTS]
)
def test_oso_misses_it_too(mutant: Mutant) -> None:
    """Without that rule or condition the policy does not load, or oso decides the line that notices it otherwise."""
    cell = trial().notices(mutant)
    assert cell is not None
    try:
        oracle = Oracle(mutant.source(DOCUMENT))
    except OsoError:
        return
    assert decided(oracle, cell) != written().decisions[cell]
