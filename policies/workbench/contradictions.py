"""Conditions of one rule that can never hold together: a rule, or one of its alternatives, that matches nobody.

Followed are equalities, `in` over a list written out, `!=`, and orders against numbers. What only two rules together
make impossible is found by `policy coverage`: no scenario would miss such a rule.
"""

import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from policies.workbench.names import Known, kind_of, kinds
from policies.workbench.problems import Problem
from policies.workbench.terms import Document, Items, Joined, Literal, Lookup, Operation, Rule, Term, Variable
from policies.workbench.vocabularies import LISTED

_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_Key = tuple[str, object]
"""A path by its spelling, or a value; equal keys are the same thing."""


def check(document: Document) -> Iterator[Problem]:
    """The condition of each impossible rule or alternative with which it becomes impossible. They warn."""
    for rule in document.rules:
        if rule.block is None and rule.body is not None:
            line = rule.span.line(document.source)
            for vain, alone in _vain(rule.body, list(_demanded(rule)), kinds(rule)):
                said = vain.span.text(document.source)
                told = f"“{said}” never holds" if alone else f"“{said}” can't hold with what stands before it"
                yield Problem(
                    "impossible-condition", told, vain.span, f"the rule of line {line} can never hold this way",
                    "conditions that can hold together, or remove the rule", error=False,
                )  # fmt: skip


def _demanded(rule: Rule) -> Iterator[Operation]:
    """What the head demands of fields: `Agent{name: "exports"}`."""
    for parameter in rule.parameters:
        if parameter.pattern is not None:
            for name, value in parameter.pattern.fields:
                span = parameter.pattern.span
                yield Operation("=", Lookup(parameter.term, name, span), value, span)


def _vain(body: Term, given: list[Operation], known: Known) -> Iterator[tuple[Operation, bool]]:
    """Each operation that contradicts those before it, or, true, itself; one for every alternative."""
    parts = list(_parts(body))
    here = [part for part in parts if isinstance(part, Operation)]
    together = given + here
    if not _possible(together, known):
        end = next(end for end in range(1, len(together) + 1) if not _possible(together[:end], known))
        culprit = together[end - 1]
        yield culprit, not _possible([culprit], known)
        return
    for part in parts:
        if isinstance(part, Joined) and part.operator == "or":
            for alternative in part.parts:
                yield from _vain(alternative, together, known)


def _parts(term: Term) -> Iterator[Term]:
    """What must hold all together."""
    if isinstance(term, Joined) and term.operator == "and":
        for part in term.parts:
            yield from _parts(part)
    else:
        yield term


@dataclass
class _Held:
    """What is demanded of one thing."""

    values: set[_Key] = field(default_factory=set)
    among: set[_Key] | None = None
    bounds: set[tuple[str, float]] = field(default_factory=set)

    def possible(self) -> bool:
        """Whether something could meet all of it."""
        left = self.values if self.among is None else self.among & self.values if self.values else self.among
        if len(self.values) > 1 or ((self.values or self.among is not None) and not left):
            return False
        if left:
            return any(key[0] != "number" or self._within(float(str(key[1]))) for key in left)
        limits = sorted({limit for _, limit in self.bounds})
        between = [(one + other) / 2 for one, other in pairwise(limits)]
        beyond = [limits[0] - 1, limits[-1] + 1] if limits else []
        return not limits or any(map(self._within, [*limits, *between, *beyond]))

    def _within(self, number: float) -> bool:
        return all(_ORDERS[sign](number, limit) for sign, limit in self.bounds)


def _possible(operations: Iterable[Operation], known: Known) -> bool:
    same: dict[_Key, _Key] = {}

    def root(key: _Key) -> _Key:
        while key in same:
            key = same[key]
        return key

    pairs = [(each, _key(each.left), _key(each.right)) for each in operations]
    for each, left, right in pairs:
        if each.operator in ("=", "==", ":=") and left and right and root(left) != root(right):
            same[root(left)] = root(right)
    held: dict[_Key, _Held] = {}
    for _, left, right in pairs:
        for key in (left, right):
            if key is not None:
                about = held.setdefault(root(key), _Held())
                about.values |= {key} if key[0] != "path" else set()
    for each, left, right in pairs:
        if left is None:
            continue
        about = held[root(left)]
        if each.operator == "in" and (listed := _listed(each.right, known)) is not None:
            about.among = listed if about.among is None else about.among & listed
        elif each.operator == "!=" and right is not None and root(left) == root(right):
            return False
        elif each.operator[0] in "<>" and right is not None and right[0] == "number":
            about.bounds.add((each.operator, float(str(right[1]))))
    return all(about.possible() for about in held.values())


def _listed(term: Term, known: Known) -> set[_Key] | None:
    if isinstance(term, Items):
        keys = [_key(item) for item in term.items]
        return {key for key in keys if key is not None} if all(keys) else None
    if isinstance(term, Lookup) and (of := kind_of(term.of, known)):
        words = LISTED.get((of, term.name))
        return {("str", word) for word in words} if words is not None else None
    return None


def _key(term: Term) -> _Key | None:
    match term:
        case Literal(value, _):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return ("number", float(value)) if number else (type(value).__name__, value)
        case Variable(name, _) if name != "_":
            return ("path", name)
        case Lookup(of, name, _):
            above = _key(of)
            return ("path", f"{above[1]}.{name}") if above and above[0] == "path" else None
    return None
