"""What a benchmark answers, and how it is told: at a terminal, and in docs/benchmarks.md."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured value. `goal` is the work's number in the design (P1 to P10), `wanted` what it should reach."""

    goal: str
    what: str
    value: str
    spread: str = ""
    wanted: str = ""


def figure(
    goal: str, what: str, values: Sequence[float], unit: str, *, wanted: str = "", digits: int = 2, scale: float = 1
) -> Figure:
    """The median of `values`, times `scale`, in `unit`; the spread is from the first quartile to the third."""
    told = sorted(value * scale for value in values)
    low, _, high = statistics.quantiles(told, n=4) if len(told) > 1 else (told[0],) * 3
    spread = f"{low:,.{digits}f} to {high:,.{digits}f}" if len(told) > 1 else ""
    return Figure(goal, what, f"{statistics.median(told):,.{digits}f} {unit}", spread, wanted)


def table(title: str, figures: Sequence[Figure]) -> Table:
    """For a terminal."""
    found = Table("", title, "median", "quartiles", "goal")
    for each in figures:
        found.add_row(each.goal, each.what, each.value, each.spread, each.wanted)
    return found


def page(figures: Sequence[Figure]) -> str:
    """For a page."""
    lines = ["| | what | median | quartiles | goal |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {f.goal} | {f.what} | {f.value} | {f.spread} | {f.wanted} |" for f in figures)])
