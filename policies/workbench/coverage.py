"""`policy coverage`: which rules and conditions the scenarios exercise.

One is exercised if the scenarios would notice its absence: some line of a table would come out otherwise without it.
Counted with the tracer, and only over the lines that reach the rule; oso and the door confirm it in the tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from policies.principals import Principal
from policies.workbench.asking import facts_of, reader
from policies.workbench.attempts import Asked
from policies.workbench.mutants import Mutant, mutants
from policies.workbench.scenarios import Cell, Scenarios
from policies.workbench.terms import Document
from policies.workbench.tracing import Tracer
from policies.workbench.weaker import Weakened

_Reached = set[tuple[int, int]]


@dataclass
class Coverage:
    """What was asked, and what of it no scenario noticed."""

    noticed: list[tuple[Mutant, Cell]]
    missed: list[Mutant]

    @property
    def share(self) -> float:
        """The part that is exercised, from 0 to 1."""
        count = len(self.noticed) + len(self.missed)
        return len(self.noticed) / count if count else 1.0


def coverage(document: Document, scenarios: Scenarios) -> Coverage:
    """Change one thing of the policy after another, and see whether a decision of the scenarios changes."""
    trial = Trial(document, scenarios)
    found = Coverage([], [])
    for mutant in mutants(document):
        cell = trial.notices(mutant)
        if cell is None:
            found.missed.append(mutant)
        else:
            found.noticed.append((mutant, cell))
    return found


class Trial:
    """The scenarios, decided once; then asked whether they notice a change."""

    def __init__(self, document: Document, scenarios: Scenarios) -> None:
        self._document = document
        self._asked: dict[Cell, tuple[Principal, object]] = {
            (who, thing): (scenarios.world.people[who], scenarios.world.thing(thing))
            for who, thing in scenarios.decisions
        }
        self._facts = {who: facts_of(principal) for who, principal in scenarios.world.people.items()}
        self._kinds = {cell: (type(self._facts[cell[0]]), type(thing)) for cell, (_, thing) in self._asked.items()}
        """Of whoever asks, and of the thing."""
        self._decided: dict[Cell, set[Any]] = {}
        self._reached: dict[Cell, _Reached] = {}
        self._resting: dict[int, Cell] = {}
        """By where a rule begins: the first line with a decision that there is no way to without it."""
        self._tracer = reader(document)
        for cell in self._asked:
            self._tracer.reached = set()
            answers = self._answers(self._tracer, cell)
            self._decided[cell] = {answer.action for answer in answers}
            self._reached[cell] = self._tracer.reached
            for start in _needed(answers):
                self._resting.setdefault(start, cell)
        self._nearest, self._alike = self._sorted()

    def _sorted(self) -> tuple[dict[int, list[Cell]], dict[str, list[Cell]]]:
        """The lines that came to each rule, by where it begins, the furthest first; and to each name of rules."""
        names = {rule.span.start: rule.name for rule in self._document.rules}
        depths: dict[int, dict[Cell, int]] = {start: {} for start in names}
        for cell, reached in self._reached.items():
            for start, condition in reached:
                depths[start][cell] = max(condition, depths[start].get(cell, -1))
        nearest = {start: sorted(found, key=lambda cell: -found[cell]) for start, found in depths.items()}
        alike: dict[str, list[Cell]] = {name: [] for name in names.values()}
        for start, found in nearest.items():
            alike[names[start]] += found
        return nearest, alike

    def notices(self, mutant: Mutant | Weakened) -> Cell | None:
        """A line that would come out otherwise; None if there is none."""
        if isinstance(mutant, Mutant) and mutant.text is None:
            return self._resting.get(mutant.rule.span.start)
        changed = self._tracer.changed(mutant.rule, mutant.changed(self._document))
        tried: set[Cell] = set()
        for cell in self._likely(mutant):
            if cell in tried:
                continue
            tried.add(cell)
            if self._actions(changed, cell) != self._decided[cell]:
                return cell
        return None

    def _likely(self, mutant: Mutant | Weakened) -> Iterable[Cell]:
        """The lines that could notice, those first in which the rule came nearest to holding; some more than once."""
        start = mutant.rule.span.start
        here = self._nearest[start]
        if not mutant.widens:
            return [cell for cell in here if (start, mutant.condition) in self._reached[cell]]
        if isinstance(mutant, Mutant):  # A wider head lets in others on the same, or the same people on something else.
            people, kinds = {who for who, _ in here}, {self._kinds[cell] for cell in here}
            others = (cell for cell in self._asked if self._kinds[cell] in kinds and cell[0] not in people)
            elsewhere = (cell for cell in self._asked if self._kinds[cell] not in kinds and cell[0] in people)
            in_turn = (cell for pair in zip_longest(others, elsewhere) for cell in pair if cell)
            return chain(in_turn, self._asked)
        # A changed word is asked where the old one was not: first by others, of the same kinds.
        things = {type(self._asked[cell][1]) for cell in here}
        alike = self._alike[mutant.rule.name]
        near = (cell for cell in alike if type(self._asked[cell][1]) in things)
        return chain(here, near, alike, self._asked)

    def _actions(self, tracer: Tracer, cell: Cell) -> set[Any]:
        return {answer.action for answer in self._answers(tracer, cell)}

    def _answers(self, tracer: Tracer, cell: Cell) -> list[Asked]:
        facts = self._facts[cell[0]]
        return [] if facts is None else tracer.ask(facts, None, self._asked[cell][1])


def _needed(answers: list[Asked]) -> set[int]:
    """Where the rules begin that are part of every way to one of the actions. A policy only grants: no way comes anew
    when a rule goes."""
    ways: dict[Any, set[int]] = {}
    for action, proof in answers:
        rules = {rule.span.start for rule in proof.rules()}
        ways[action] = ways.get(action, rules) & rules
    return set().union(*ways.values())


def told(found: Coverage, document: Document, file: str) -> str:
    """What no scenario notices, each with its line, then the share."""
    lines = [
        f"{file}:{mutant.rule.span.line(document.source)}: no scenario notices if {mutant.what} is left out\n"
        f"    {mutant.rule.span.text(document.source)}"
        for mutant in found.missed
    ]
    count = len(found.noticed) + len(found.missed)
    exercised = f"{len(found.noticed)} of {count} rules and conditions are exercised ({found.share:.1%})."
    return "\n".join([*lines, exercised])


def as_data(found: Coverage, document: Document, file: str) -> dict[str, Any]:
    """The same for a program."""
    missed = [
        {
            "file": file,
            "line": mutant.rule.span.line(document.source),
            "left_out": mutant.what,
            "condition": mutant.condition,
        }
        for mutant in found.missed
    ]
    return {"share": found.share, "exercised": len(found.noticed), "missed": missed}
