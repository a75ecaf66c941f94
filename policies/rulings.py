"""From oso's partial results to plans: one conjunction at a time, checked against the models, never widened.

oso answers a query for an unknown resource with one expression per way to be allowed: `Isa`, `Unify`, `Neq`, `Lt`, …,
`In` over dotted paths that start at `_this` or at an element of a relation. Whatever is not surely the same in SQL is
refused with `Unsupported`, which says what to write instead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from polar.expression import Expression, Pattern
from polar.partial import dot_path
from polar.variable import Variable

from policies.columns import Unsupported, bound_to, comparable, ordered, value_for
from policies.engine import CLASSES
from policies.excerpts import OPEN
from policies.facts import Slot
from policies.plans import Bound, Compare, Operator, Outer, Plan, Row, Values
from policies.resources import mapper_of
from storage.records import Record

_OPERATORS: dict[str, Operator] = {
    "Unify": "=", "Eq": "=", "Neq": "!=", "Lt": "<", "Leq": "<=", "Gt": ">", "Geq": ">=",
}  # fmt: skip
_FLIPPED: dict[Operator, Operator] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


Answered = Callable[[str, str, type[Record]], Plan]
"""The answer to a question left open: `has_role`, the role's name, and the model of the thing that has the mark."""


class Impossible(Exception):
    """A way that no row can ever take: it asks for a thing of another kind."""


@dataclass(eq=False)
class _Node:
    """A row being built. `outer` is the row whose relation leads here."""

    model: type[Record]
    outer: "_Node | None" = None
    conditions: set[Compare] = field(default_factory=set)
    single: dict[str, "_Node"] = field(default_factory=dict)
    elements: list[tuple[str, "_Node"]] = field(default_factory=list)
    open: set[tuple[str, str]] = field(default_factory=set)

    def step(self, name: str) -> "_Node":
        """The one row that a to-one relation leads to; every path over the relation shares it."""
        if name not in self.single:
            self.single[name] = _Node(_target(self.model, name, many=False), self)
        return self.single[name]

    def distance_to(self, other: "_Node") -> int | None:
        """How many relations further out `other` stands; None if it does not stand on the way out."""
        node: _Node | None = self
        steps = 0
        while node is not None:
            if node is other:
                return steps
            node, steps = node.outer, steps + 1
        return None

    def frozen(self, answered: Answered) -> Iterator[Row]:
        """This row, once for every combination of answers to what was left open about it and what it leads to."""
        related = [
            [Row(related=frozenset({(name, row)})) for row in node.frozen(answered)]
            for name, node in (*self.single.items(), *self.elements)
        ]
        for parts in product(*related, *(answered(question, name, self.model) for question, name in self.open)):
            conditions = self.conditions.union(*(part.conditions for part in parts))
            yield Row(frozenset(conditions), frozenset[tuple[str, Row]]().union(*(part.related for part in parts)))


def ways(model: type[Record], expression: Any, answered: Answered) -> Iterator[Row]:
    """One of oso's expressions over `_this`, a `model`, as ways: one, if it leaves no question open.

    Raises Unsupported; Impossible.
    """
    root = _Node(model)
    rows: dict[str, _Node] = {"_this": root}
    parts = list(_conjuncts(expression))
    _enter_relations(rows, parts)
    for part in parts:
        if part.operator == "Isa":
            _check_kind(rows, part)
        elif part.operator in _OPERATORS:
            _compare(rows, part)
        elif part.operator != "In":
            raise Unsupported(f"“{part.operator}” has no counterpart in SQL: compare plain columns", part.operator)
    return root.frozen(answered)


def _conjuncts(expression: Any) -> Iterator[Expression]:
    """The parts that must all hold."""
    if expression.operator != "And":
        yield expression
        return
    for part in expression.args:
        yield from _conjuncts(part)


def _enter_relations(rows: dict[str, _Node], parts: list[Expression]) -> None:
    """One element row per variable that runs over a relation, outer ones first."""
    waiting = [part.args for part in parts if part.operator == "In"]
    while waiting:
        ready = [args for args in waiting if (path := dot_path(args[1])) and path[0] in rows]
        if not ready:
            raise Unsupported("“in” works over a relation of the row, or over a list written out", "in")
        for args in ready:
            waiting.remove(args)
            variable, path = args[0], dot_path(args[1])
            if path[-1] in OPEN and isinstance(variable, str) and not isinstance(variable, Variable):
                _row(rows, path[:-1]).open.add((OPEN[path[-1]], variable))
                continue
            if not isinstance(variable, Variable) or len(path) < 2:
                raise Unsupported("“in” over a relation takes a new name: `member in project.members and …`", "in")
            owner = _row(rows, path[:-1])
            node = _Node(_target(owner.model, path[-1], many=True), owner)
            owner.elements.append((path[-1], node))
            rows[variable] = node


def _row(rows: dict[str, _Node], path: tuple[str, ...]) -> _Node:
    """The row at the end of a path over to-one relations."""
    start = path[0]
    if start not in rows:
        raise Unsupported("a name stands for nothing that the row leads to", "")
    node = rows[start]
    for name in path[1:]:
        node = node.step(name)
    return node


def _target(model: type[Record], name: str, *, many: bool) -> type[Record]:
    relation = mapper_of(model).relationships.get(name)
    if relation is None:
        raise Unsupported(f"{model.__name__} has no relation “{name}”", name)
    if bool(relation.uselist) is not many:
        hint = f"`one in thing.{name}`" if relation.uselist else f"`thing.{name}.column`"
        raise Unsupported(f"{model.__name__}.{name} is followed as {hint}", name)
    plain = f"{model.__name__}.{name} must join by equal columns alone"
    if relation.secondary is not None or relation.order_by:
        raise Unsupported(plain, name)
    joined = {
        frozenset(map(str, pair)) for pair in relation.local_remote_pairs or ()
    }  # `==` of columns compares nothing
    compared = {frozenset((str(b.left), str(b.right))) for b in _equalities(relation.primaryjoin)}
    if joined != compared:
        raise Unsupported(plain, name)
    target: type[Record] = relation.mapper.class_
    return target


def _equalities(clause: Any) -> list[Any]:
    return list(clause.clauses) if hasattr(clause, "clauses") else [clause]


def _check_kind(rows: dict[str, _Node], part: Expression) -> None:
    subject, pattern = part.args
    if not isinstance(pattern, Pattern) or pattern.fields:
        raise Unsupported("a pattern's fields are compared one by one: `thing.column = value`", "matches")
    path = dot_path(subject)
    if not path:
        raise Unsupported("a type can be asked of the row and of what its relations lead to", "matches")
    if not issubclass(_row(rows, path).model, CLASSES[pattern.tag]):
        raise Impossible


def _compare(rows: dict[str, _Node], part: Expression) -> None:
    left, right = part.args
    operator = _OPERATORS[part.operator]
    if len(dot_path(left)) < 2:
        left, right, operator = right, left, _FLIPPED[operator]
    path = dot_path(left)
    if len(path) < 2:
        raise Unsupported("a comparison needs a column of the row on one side at least", "")
    node, name = _row(rows, path[:-1]), path[-1]
    column = comparable(node.model, name)
    if operator not in ("=", "!="):
        ordered(node.model, name, column)
    if isinstance(right, Variable | Expression):
        _compare_columns(rows, node, name, operator, dot_path(right))
        return
    if isinstance(right, Slot):
        bound_to(node.model, name, column)
        operand: Bound | Values = Bound(right.parameter)
    else:
        operand = Values((value_for(node.model, name, column, right, operator),))
    node.conditions.add(Compare(str(column.key), operator, operand))


def _compare_columns(rows: dict[str, _Node], node: _Node, name: str, operator: Operator, path: tuple[str, ...]) -> None:
    if len(path) < 2:
        raise Unsupported(f"“{name}” is compared with something that is no column", name)
    other, other_name = _row(rows, path[:-1]), path[-1]
    mine, theirs = comparable(node.model, name), comparable(other.model, other_name)
    if type(mine.type) is not type(theirs.type):
        raise Unsupported(f"“{name}” and “{other_name}” are of different types and never equal", name)
    if (up := node.distance_to(other)) is not None:
        node.conditions.add(Compare(str(mine.key), operator, Outer(up, str(theirs.key))))
    elif (up := other.distance_to(node)) is not None:
        other.conditions.add(Compare(str(theirs.key), _FLIPPED[operator], Outer(up, str(mine.key))))
    else:
        raise Unsupported(f"“{name}” and “{other_name}” belong to rows that neither leads to the other", name)
