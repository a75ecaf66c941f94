"""What the policy decides stands written down, and every rule of it is needed for that."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from polar.exceptions import OsoError

from policies.reading import Statement, statements
from tests.policies import decisions
from tests.policies.decisions import Cell
from tests.policies.oracle import Oracle

SOURCE = decisions.POLICY.read_text(encoding="utf-8")
CELLS = decisions.cells()
TABLE = decisions.read()


def test_the_policy_decides_as_written_down(policy_path: Path) -> None:
    """A change of any decision shows in `decisions.txt`, where a person reads it."""
    oracle = Oracle(policy_path.read_text(encoding="utf-8"))
    decided = {cell: actions for cell, pair in CELLS.items() if (actions := oracle.actions(*pair))}
    assert decided == TABLE, "if it is meant: python -m tests.policies.decisions, and read the diff"


def mutants() -> Iterator[tuple[str, str]]:
    """The policy without one of its rules, and with one condition less in one of them."""
    for statement in statements(SOURCE):
        text = statement.text(SOURCE)
        if text.startswith(("permissions =", "roles =", "relations =")):
            continue  # declares words, so that oso finds misspelt ones; decides nothing
        yield f"line {statement.line} withheld", statement.withheld(SOURCE)
        head, marker, body = text.partition(" if\n") if " if\n" in text else text.partition(" if ")
        conditions = re.split(r"\s+and\s+", body.strip().removesuffix(";"))
        if not marker or len(conditions) < 2:
            continue
        for number, condition in enumerate(conditions):
            weaker = " and ".join(conditions[:number] + conditions[number + 1 :])
            yield f"line {statement.line} without “{condition}”", _replaced(statement, f"{head} if {weaker};")


def _replaced(statement: Statement, text: str) -> str:
    # oso insists that a variable used once begins with an underscore: that must not be what kills a mutant
    for name in set(re.findall(r"\b[a-z]\w*\b", text)):
        if len(re.findall(rf"\b{name}\b", text)) == 1 and re.search(rf"\b{name}(: [A-Z]|\b *\))", text):
            text = re.sub(rf"\b{name}(: [A-Z])", r"_\1", text)
    return SOURCE[: statement.start] + text + SOURCE[statement.end :]


def _likely_first(source: str) -> list[Cell]:
    """All cells, those first that have to do with where `source` differs from the policy."""
    first = next(place for place, (a, b) in enumerate(zip(SOURCE, source, strict=False)) if a != b)
    block = re.findall(r"^resource (\w+)", SOURCE[:first], re.MULTILINE)[-1:]
    changed = SOURCE[first:].split(";")[0] + "".join(block)

    def related(cell: Cell) -> int:
        principal, thing = CELLS[cell]
        known = TABLE.get(cell, set())
        words = [type(thing).__name__, principal.name, *principal.roles, *principal.scopes, *known]
        return -sum(bool(word) and str(word) in changed for word in words)

    return sorted(CELLS, key=related)


@pytest.mark.parametrize(("change", "source"), list(mutants()), ids=lambda value: value if len(value) < 120 else "")
def test_every_rule_and_condition_is_needed(change: str, source: str) -> None:
    """Without it the policy does not load, or somebody may do more, or less, than is written down."""
    try:
        oracle = Oracle(source)
    except OsoError:
        return
    assert any(oracle.actions(*CELLS[cell]) != TABLE.get(cell, set()) for cell in _likely_first(source)), change
