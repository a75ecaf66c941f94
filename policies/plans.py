"""A plan: the ways in which an action on one model is allowed, free of oso and of SQL.

A way is a `Row`: a row of the model for which all conditions hold and each related row exists. Ways are alternatives.
Plans are values: equal plans are the same decision.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Bound:
    """The value of one of the principal's slots."""

    parameter: str


@dataclass(frozen=True)
class Values:
    """Literals from the policy, already of the column's type; more than one is any of them (with `=` only)."""

    any_of: tuple[Any, ...]


@dataclass(frozen=True)
class Outer:
    """A column of the row itself (`up` = 0), or of the row that many relations further out."""

    up: int
    column: str


@dataclass(frozen=True)
class Compare:
    """One condition on a column. `=` and `!=` mean what Python means by them, also for NULL."""

    column: str
    operator: Operator
    operand: Bound | Values | Outer


@dataclass(frozen=True)
class Row:
    """All of these hold for one row, and under each relation there is a row for which all of its own hold."""

    conditions: frozenset[Compare] = frozenset()
    related: frozenset[tuple[str, "Row"]] = frozenset()


Plan = frozenset[Row]
"""The ways to be allowed. The empty plan allows nothing; a way without conditions allows every row."""


def simplify(ways: Iterable[Row]) -> Plan:
    """The same decision in fewer ways: literals merged, and ways dropped that another already covers."""
    plan = set(ways)
    while (merged := _merge_once(plan)) is not None:
        plan = merged
    return frozenset(way for way in plan if not any(other != way and _covers(other, way) for other in plan))


def _covers(wider: Row, narrower: Row) -> bool:
    return wider.conditions <= narrower.conditions and wider.related <= narrower.related


def _merge_once(plan: set[Row]) -> set[Row] | None:
    """One pair of ways that differ in a single literal made one; None when there is no such pair."""
    seen: dict[Row, tuple[Row, Row, tuple[Any, ...]]] = {}
    for way in plan:
        for hole, compare, values in _holes(way):
            if hole not in seen:
                seen[hole] = (way, hole, values)
                continue
            other, _, others = seen[hole]
            if other == way:
                continue
            both = tuple(sorted(set(values) | set(others), key=repr))
            return (plan - {way, other}) | {_fill(hole, compare, both)}
    return None


_HOLE = Values(("?",))


def _holes(way: Row) -> Iterator[tuple[Row, Compare, tuple[Any, ...]]]:
    """Each literal of `way` in turn: the way with a hole in its place, the comparison, and the literal's values."""
    for compare in way.conditions:
        if compare.operator == "=" and isinstance(compare.operand, Values) and None not in compare.operand.any_of:
            emptied = replace(compare, operand=_HOLE)
            yield replace(way, conditions=way.conditions - {compare} | {emptied}), emptied, compare.operand.any_of
    for relation, row in way.related:
        for hole, compare, values in _holes(row):
            yield replace(way, related=way.related - {(relation, row)} | {(relation, hole)}), compare, values


def _fill(hole: Row, emptied: Compare, values: tuple[Any, ...]) -> Row:
    """`hole` with `values` put where `_holes` took them out."""
    conditions = frozenset(replace(c, operand=Values(values)) if c == emptied else c for c in hole.conditions)
    related = frozenset((relation, _fill(row, emptied, values)) for relation, row in hole.related)
    return Row(conditions, related)
