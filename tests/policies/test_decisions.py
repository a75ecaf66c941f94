"""What the policy decides stands written down in policies/scenarios, and every rule of it is needed for that.

The door and the tracer are held against the same tables; here oso itself is, which is what policy.polar means.
"""

from functools import cache

from polar.exceptions import OsoError

from policies.workbench import scenarios
from policies.workbench.coverage import Coverage, coverage
from policies.workbench.mutants import Mutant, mutants
from policies.workbench.parsing import parse
from policies.workbench.scenarios import Cell, Scenarios
from tests.contract.source import ROOT
from tests.policies.oracle import Oracle, shared

SOURCE = (ROOT / "policy.polar").read_text(encoding="utf-8")
DOCUMENT = parse(SOURCE)


@cache
def written() -> Scenarios:
    """The tables, read when they are first asked for: whoever only collects tests has no need of them."""
    return scenarios.load(ROOT / "policies" / "scenarios")


@cache
def covered() -> Coverage:
    """Each mutant of the policy with the line of a table that notices it, looked for once."""
    return coverage(DOCUMENT, written())


def decided(oracle: Oracle, cell: Cell) -> set[str]:
    """What oso says about one line of one table."""
    return oracle.actions(written().world.people[cell[0]], written().world.thing(cell[1]))


def test_the_policy_decides_as_written_down() -> None:
    """A change of any decision shows in a table, where a person reads it."""
    oracle = shared(SOURCE)
    otherwise = {
        str(written().places[cell]): (cell, sorted(found), sorted(decisions))
        for cell, decisions in written().decisions.items()
        if (found := decided(oracle, cell)) != decisions
    }
    assert otherwise == {}, "if it is meant, change the table"


def test_scenarios_exercise_every_rule_and_condition() -> None:
    """Whatever is left out of the policy, a line of a table comes out otherwise: the gate of `policy coverage`."""
    tried = list(mutants(DOCUMENT))
    assert [_called(mutant) for mutant in covered().missed] == []
    assert [mutant for mutant, _ in covered().noticed] == tried
    assert len(tried) >= len(DOCUMENT.rules)


def test_oso_misses_it_too() -> None:
    """Without any rule or condition the policy does not load, or oso decides the line that notices it otherwise."""
    oracle = Oracle(SOURCE)
    assert [_called(mutant) for mutant, cell in covered().noticed if not _misses(oracle, mutant, cell)] == []
    assert len(covered().noticed) >= len(DOCUMENT.rules)


def _misses(oracle: Oracle, mutant: Mutant, cell: Cell) -> bool:
    try:
        oracle.take(mutant.source(DOCUMENT))
    except OsoError:
        return True
    return decided(oracle, cell) != written().decisions[cell]


def _called(mutant: Mutant) -> str:
    """The line of the policy, and what of it is left out."""
    return f"{mutant.rule.span.line(SOURCE)}: {mutant.what}"
