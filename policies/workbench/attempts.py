"""What a trace remembers: rules that held, and for each that did not, where it stopped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from policies.workbench.terms import Rule, Term


@dataclass(frozen=True)
class Step:
    """A rule that held, and those that its conditions rested on."""

    rule: Rule
    below: tuple["Step", ...]

    def rules(self) -> Iterator[Rule]:
        """This rule and all below it."""
        yield self.rule
        for step in self.below:
            yield from step.rules()


@dataclass
class Stop:
    """The first condition of a rule that did not hold, what it saw, and the rules tried for its sake."""

    number: int
    condition: Term
    facts: dict[str, Any]
    tried: list["Attempt"]


@dataclass
class Attempt:
    """One use of a rule: `stops` are the places where it ended without success, the furthest ones last."""

    rule: Rule
    stops: list[Stop] = field(default_factory=list)
    held: bool = False

    def furthest(self) -> list[Stop]:
        """Where it got to before it failed."""
        best = max((stop.number for stop in self.stops), default=-1)
        return [stop for stop in self.stops if stop.number == best]


class Asked(NamedTuple):
    """An answer: the action allowed (None: any whatever) and the rules that made it so."""

    action: Any
    proof: Step
