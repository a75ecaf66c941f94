"""What a run may spend of the model: calls and time, for each of its variations; and what runs usually spend.

More than it may have a run does not get: the step that would go beyond fails, and so do those after it. More than is
usual it gets, and somebody looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from storage.ledger.events import RunBudget

CALLS = 12
"""Of the model, for one variation: each is asked for four times at most, and anew after a lock-down."""
SECONDS = 3_600.0
"""Of listening to the model, for one variation."""
TIMES = 3
"""How many times as long as usual is unusual, ..."""
LEAST_SECONDS = 60.0
"""... from so long on for one variation, ..."""
RUNS = 20
"""... once so many runs say what is usual."""
USUAL = timedelta(days=7)


class OverBudget(Exception):
    """The run has spent what it may."""

    code = "RUN_OVER_BUDGET"


@dataclass
class Spent:
    """What one run has spent since its process took it up. A process that ends takes the count with it."""

    variations: int = 1
    calls: int = 0
    seconds: float = 0.0
    over: RunBudget | None = None

    @property
    def is_long(self) -> bool:
        """Whether it listened so long that what is usual matters."""
        return self.seconds >= LEAST_SECONDS * self.variations

    def call(self) -> None:
        """One more call of the model. Raises OverBudget before one that is too many."""
        if self.calls >= CALLS * self.variations:
            self.over = RunBudget.CALLS
        elif self.seconds >= SECONDS * self.variations:
            self.over = RunBudget.SECONDS
        if self.over is not None:
            raise OverBudget
        self.calls += 1

    def listen(self, seconds: float) -> None:
        """So much more time with the model. Raises OverBudget when it is too much."""
        self.seconds += seconds
        if self.seconds >= SECONDS * self.variations:
            self.over = RunBudget.SECONDS
            raise OverBudget


@dataclass(frozen=True)
class Verdict:
    """What was spent too much: of what, how much, and how much there was to spend, or is usual."""

    budget: RunBudget
    spent: int
    allowed: int


def judge(spent: Spent, usual: Sequence[Mapping[str, Any]]) -> Verdict | None:
    """Whether a run spent more than it may, or far longer than usual: what the runs of the last week said at their end.

    Pure. None: it is in order.
    """
    variations = spent.variations
    if spent.over is RunBudget.CALLS:
        return Verdict(spent.over, spent.calls, CALLS * variations)
    if spent.over is RunBudget.SECONDS:
        return Verdict(spent.over, int(spent.seconds), int(SECONDS) * variations)
    known = [each["modelSeconds"] / each["asked"] for each in usual if "modelSeconds" in each and each["asked"]]
    if len(known) < RUNS or not spent.is_long:
        return None
    allowed = TIMES * median(known) * variations
    return Verdict(RunBudget.USUAL, int(spent.seconds), int(allowed)) if spent.seconds > allowed else None
