"""What names stand for while a rule is tried: values, what makes two of them the same, and what a condition sees."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from policies.workbench.terms import Document, Items, Literal, Lookup, Pattern, Term, walk
from policies.workbench.terms import Variable as Name


class Unbound(NamedTuple):
    """A name in one use of one rule that stands for nothing yet."""

    frame: int
    name: str


class Undecided(Exception):
    """A condition looks into what is not there; it does not hold."""


Bindings = dict[Unbound, Any]
Look = Callable[[Any, str], Any]


class Values:
    """Reads terms. `classes` are the names that heads may use; `look` reads a field of a thing."""

    def __init__(self, classes: Mapping[str, Any], look: Look) -> None:
        self._classes = classes
        self.look = look

    def value(self, term: Term, frame: int, bound: Bindings) -> Any:
        """What a term stands for. Raises Undecided where it looks into what is not there."""
        match term:
            case Name():
                if term.name == "_":
                    return Unbound(frame, f"_{term.span.start}")
                return self.known(Unbound(frame, term.name), bound)
            case Literal():
                return term.value
            case Lookup():
                thing = self.value(term.of, frame, bound)
                if thing is None or isinstance(thing, Unbound):
                    raise Undecided
                try:
                    return self.look(thing, term.name)
                except AttributeError:
                    raise Undecided from None
            case Items():
                return [self.value(item, frame, bound) for item in term.items]
        raise Undecided

    def known(self, value: Any, bound: Bindings) -> Any:
        """What a name came to stand for; the name itself while it stands for nothing."""
        while isinstance(value, Unbound) and value in bound:
            value = bound[value]
        return value

    def unify(self, left: Any, right: Any, bound: Bindings | None) -> Bindings | None:
        """The bindings under which the two are the same; None if they never are."""
        if bound is None:
            return None
        left, right = self.known(left, bound), self.known(right, bound)
        if isinstance(left, Unbound):
            return bound if left == right else {**bound, left: right}
        if isinstance(right, Unbound):
            return {**bound, right: left}
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return None
            for one, other in zip(left, right, strict=True):
                bound = self.unify(one, other, bound)
            return bound
        return bound if bool(left == right) else None

    def is_a(self, pattern: Pattern, value: Any) -> bool:
        """Whether a value is of a class, by its name."""
        return isinstance(value, self._classes.get(pattern.name, ()))

    def fits(self, pattern: Pattern, value: Any, frame: int, bound: Bindings) -> Bindings | None:
        """The bindings under which a value is of a pattern's class and has its fields; None if it has not."""
        if not self.is_a(pattern, value):
            return None
        now: Bindings | None = bound
        for name, wanted in pattern.fields:
            now = self.unify(self.look(value, name), self.value(wanted, frame, bound), now)
        return now

    def facts(self, condition: Term, frame: int, bound: Bindings) -> dict[str, Any]:
        """What the condition could see: each name and field in it that has a value."""
        seen: dict[str, Any] = {}
        for term in walk(condition):
            if isinstance(term, Lookup | Name):
                try:
                    value = self.value(term, frame, bound)
                except Undecided:
                    value = None
                if not isinstance(value, Unbound) and not (isinstance(term, Name) and term.name == "_"):
                    seen[spelled(term)] = value
        return seen


def spelled(term: Term) -> str:
    """A path as it is written: `asset.project.owner_id`."""
    if isinstance(term, Lookup):
        return f"{spelled(term.of)}.{term.name}"
    return term.name if isinstance(term, Name) else "…"


def classes_of(document: Document, known: Mapping[str, type]) -> dict[str, Any]:
    """`known`, Polar's own kinds, and the unions that blocks declare."""
    unions = {kind: tuple(known[b.name] for b in document.blocks if b.kind == kind.lower() and b.name in known)
              for kind in ("Actor", "Resource")}  # fmt: skip
    kinds = {"String": str, "Integer": int, "Float": float, "Boolean": bool, "List": list, "Dictionary": dict}
    return {**kinds, **known, **unions}


_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def compare(sign: str, left: Any, right: Any) -> bool:
    """Whether the order, or difference, that `sign` asks for is there. Raises Undecided for what has no value yet."""
    if isinstance(left, Unbound) or isinstance(right, Unbound) or sign not in _SIGNS:
        raise Undecided
    if sign != "!=" and (left is None or right is None):
        return False
    return bool(_SIGNS[sign](left, right))
