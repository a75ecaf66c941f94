"""What is wrong with a policy, and how it is told: where, the text underlined, what it means, what to write instead."""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from policies.workbench.terms import Span

_WIDEST = 200
"""Columns of a line that are shown."""


@dataclass(frozen=True)
class Problem:
    """One finding. An `error` keeps the policy from being loaded; a `warning` is loaded, and most likely not meant."""

    kind: str
    message: str
    span: Span
    meaning: str = ""
    advice: str = ""
    error: bool = True


def told(problem: Problem, source: str, file: str) -> str:
    """The finding as a person reads it at a terminal."""
    grade = "error" if problem.error else "warning"
    advice = _shown(problem.advice.removeprefix("write "))
    message = _shown(problem.message)
    if not source:
        return "\n".join([f"{grade}[{problem.kind}]: {message}", *([f" = write: {advice}"] if advice else [])])
    starts = [0, *(place + 1 for place, letter in enumerate(source) if letter == "\n")]
    row = bisect.bisect_right(starts, problem.span.start) - 1
    column = problem.span.start - starts[row]
    line = source[starts[row] :].split("\n", 1)[0]
    length = max(1, min(problem.span.end, starts[row] + len(line)) - problem.span.start)
    line, from_left, length = _window(line, column, length)
    margin = " " * len(str(row + 1))
    parts = [
        f"{grade}[{problem.kind}]: {message}",
        f"{margin}--> {file}:{row + 1}:{column + 1}",
        f"{margin} |",
        f"{row + 1} | {''.join(letter if letter.isprintable() else ' ' for letter in line)}",
        f"{margin} | {' ' * from_left}{'^' * length}",
    ]
    parts += [f"{margin} = {problem.meaning}"] if problem.meaning else []
    parts += [f"{margin} = write: {advice}"] if advice else []
    return "\n".join(parts)


def _window(line: str, column: int, length: int) -> tuple[str, int, int]:
    """As much of a very long line as helps, where the underlined words begin in it, and how far they reach."""
    if len(line) <= _WIDEST:
        return line, column, length
    start = max(0, min(column - _WIDEST // 4, len(line) - _WIDEST))
    return line[start : start + _WIDEST], column - start, min(length, _WIDEST - (column - start))


def _shown(words: str) -> str:
    """`words` for a terminal: what would move its cursor, or worse, is spelled out."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in words)


def as_data(problem: Problem, source: str, file: str) -> dict[str, Any]:
    """The finding for a program: an editor that underlines it, for one. Lines and columns count from 1."""
    end = max(problem.span.end, problem.span.start + 1)
    return {
        "file": file,
        "line": problem.span.line(source),
        "column": _column(source, problem.span.start),
        "endLine": Span(end, end).line(source),
        "endColumn": _column(source, end),
        "severity": "error" if problem.error else "warning",
        "kind": problem.kind,
        "message": problem.message,
        "meaning": problem.meaning,
        "advice": problem.advice,
    }


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By place; each thing said once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.span.start, problem.kind))


def _column(source: str, offset: int) -> int:
    return offset - (source.rfind("\n", 0, offset) + 1) + 1
