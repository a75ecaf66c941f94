"""A second reading of the policy, about one principal and one row at a time, that remembers why.

oso says yes or no and not by which rule. This says which rules made something true, and for each that did not apply
where it stopped and what it saw there. It decides nothing: `explain` shows it beside what the door decided, tests hold
it against oso, and coverage counts by it.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from policies.workbench.terms import (
    Call,
    Document,
    Items,
    Joined,
    Literal,
    Lookup,
    Operation,
    Pattern,
    Rule,
    Term,
    walk,
)
from policies.workbench.terms import Variable as Name


class Unbound(NamedTuple):
    """A name in one use of one rule that stands for nothing yet."""

    frame: int
    name: str


class Undecided(Exception):
    """A condition looks into what is not there; it does not hold."""


Bindings = dict[Unbound, Any]
Look = Callable[[Any, str], Any]


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
    under_way: dict[int, list["Attempt"]] = field(default_factory=dict)

    def furthest(self) -> list[Stop]:
        """Where it got to before it failed."""
        best = max((stop.number for stop in self.stops), default=-1)
        return [stop for stop in self.stops if stop.number == best]


class Asked(NamedTuple):
    """An answer: the action allowed (None: any whatever) and the rules that made it so."""

    action: Any
    proof: Step


class Tracer:
    """One set of rules. `classes` are the names that heads may use; `look` reads a field of a thing."""

    def __init__(self, rules: Sequence[Rule], classes: Mapping[str, Any], look: Look = getattr) -> None:
        self._rules: dict[tuple[str, int], list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault((rule.name, len(rule.parameters)), []).append(rule)
        self._classes = classes
        self._look = look
        self._frames = 0
        self._fit: dict[tuple[Any, ...], list[Rule]] = {}
        self.reached: set[tuple[int, int]] = set()
        """Conditions that were asked, by where their rule begins and their number in it; -1 is its head."""

    def ask(
        self, facts: object, action: str | None, thing: object, candidates: list[Attempt] | None = None
    ) -> list[Asked]:
        """Every way in which `facts` may do `action` (None: anything) to `thing`.

        With `candidates`, every attempt at a rule is written into that list.
        """
        wanted = Unbound(0, "action") if action is None else action
        self._frames = 0
        answers = self._call("allow", [facts, wanted, thing], {}, candidates)
        return [Asked(self._known(wanted, bound), steps[0]) for bound, steps in answers]

    def actions(self, facts: object, thing: object) -> set[Any]:
        """Everything that `facts` may do to `thing`."""
        return {asked.action for asked in self.ask(facts, None, thing)}

    # Rules

    def _call(self, name: str, arguments: list[Any], bound: Bindings, tried: list[Attempt] | None) -> Iterator[Any]:
        for rule in self._fitting(name, arguments):
            self._frames += 1
            frame = self._frames
            entered = self._enter(rule, arguments, frame, bound)
            if entered is None:
                continue
            inside, later = entered
            self.reached.add((rule.span.start, -1))
            attempt = None
            if tried is not None:
                tried.append(attempt := Attempt(rule))
            for found, below in self._conditions(rule, 0, frame, inside, attempt):
                if all(self._is(pattern, self._known(value, found)) for pattern, value in later):
                    if attempt:
                        attempt.held = True
                    yield found, (Step(rule, below),)

    def _fitting(self, name: str, arguments: list[Any]) -> list[Rule]:
        """The rules whose heads don't rule out arguments of these kinds: few of many."""
        key = (name, *(given if isinstance(given, str) else type(given) for given in arguments))
        if key not in self._fit:
            rules = self._rules.get((name, len(arguments)), ())
            self._fit[key] = [rule for rule in rules if self._could_fit(rule, arguments)]
        return self._fit[key]

    def _could_fit(self, rule: Rule, arguments: list[Any]) -> bool:
        for parameter, given in zip(rule.parameters, arguments, strict=True):
            if isinstance(given, Unbound):
                continue
            if isinstance(parameter.term, Literal) and isinstance(given, str) and parameter.term.value != given:
                return False
            if parameter.pattern is not None and not self._is(parameter.pattern, given):
                return False
        return True

    def _enter(
        self, rule: Rule, arguments: list[Any], frame: int, bound: Bindings
    ) -> tuple[Bindings, list[Any]] | None:
        """The bindings with which the head fits, and the kinds that can be checked only when the body is done."""
        later = []
        now: Bindings | None = bound
        for parameter, argument in zip(rule.parameters, arguments, strict=True):
            now = self._unify(self._value(parameter.term, frame, bound), argument, now)
            if now is None:
                return None
            if parameter.pattern is not None:
                value = self._known(argument, now)
                if isinstance(value, Unbound):
                    later.append((parameter.pattern, value))
                elif not self._is(parameter.pattern, value):
                    return None
                else:
                    for name, wanted in parameter.pattern.fields:
                        now = now and self._unify(self._look(value, name), self._value(wanted, frame, now), now)
                        if now is None:
                            return None
        return now or {}, later

    def _conditions(
        self, rule: Rule, number: int, frame: int, bound: Bindings, attempt: Attempt | None
    ) -> Iterator[Any]:
        conditions = rule.conditions()
        if number == len(conditions):
            yield bound, ()
            return
        self.reached.add((rule.span.start, number))
        condition, held = conditions[number], False
        tried: list[Attempt] | None = None if attempt is None else []
        try:
            for found, below in self._holds(condition, frame, bound, tried):
                held = True
                for end, rest in self._conditions(rule, number + 1, frame, found, attempt):
                    yield end, below + rest
        except Undecided:
            held = False
        if attempt is not None and not held:
            attempt.stops.append(Stop(number, condition, self._facts(condition, frame, bound), tried or []))

    # Conditions

    def _holds(self, term: Term, frame: int, bound: Bindings, tried: list[Attempt] | None) -> Iterator[Any]:
        match term:
            case Joined("and", parts, _):
                yield from self._together(parts, frame, bound, tried)
            case Joined(_, parts, _):
                for part in parts:
                    yield from self._holds(part, frame, bound, tried)
            case Call(name, arguments, _, None):
                yield from self._call(name, [self._value(each, frame, bound) for each in arguments], bound, tried)
            case Operation("in", left, right, _):
                listed = self._value(right, frame, bound)
                for item in listed if isinstance(listed, list | tuple) else ():
                    yield from self._if_same(self._value(left, frame, bound), item, bound)
            case Operation("matches", left, Pattern() as pattern, _):
                if self._is(pattern, self._value(left, frame, bound)):
                    yield bound, ()
            case Operation("=" | "==" | ":=", left, right, _):
                yield from self._if_same(self._value(left, frame, bound), self._value(right, frame, bound), bound)
            case Operation(sign, left, right, _):
                if _compare(sign, self._value(left, frame, bound), self._value(right, frame, bound)):
                    yield bound, ()
            case _:
                if self._value(term, frame, bound) is True:
                    yield bound, ()

    def _together(
        self, parts: Sequence[Term], frame: int, bound: Bindings, tried: list[Attempt] | None
    ) -> Iterator[Any]:
        if not parts:
            yield bound, ()
            return
        for found, below in self._holds(parts[0], frame, bound, tried):
            for end, rest in self._together(parts[1:], frame, found, tried):
                yield end, below + rest

    def _if_same(self, left: Any, right: Any, bound: Bindings) -> Iterator[Any]:
        found = self._unify(left, right, bound)
        if found is not None:
            yield found, ()

    # Values

    def _value(self, term: Term, frame: int, bound: Bindings) -> Any:
        match term:
            case Literal(value, _):
                return value
            case Name("_", span):
                return Unbound(frame, f"_{span.start}")
            case Name(name, _):
                return self._known(Unbound(frame, name), bound)
            case Items(items, _):
                return [self._value(item, frame, bound) for item in items]
            case Lookup(of, name, _):
                thing = self._value(of, frame, bound)
                if thing is None or isinstance(thing, Unbound):
                    raise Undecided
                try:
                    return self._look(thing, name)
                except AttributeError:
                    raise Undecided from None
        raise Undecided

    def _known(self, value: Any, bound: Bindings) -> Any:
        while isinstance(value, Unbound) and value in bound:
            value = bound[value]
        return value

    def _unify(self, left: Any, right: Any, bound: Bindings | None) -> Bindings | None:
        if bound is None:
            return None
        left, right = self._known(left, bound), self._known(right, bound)
        if isinstance(left, Unbound):
            return bound if left == right else {**bound, left: right}
        if isinstance(right, Unbound):
            return {**bound, right: left}
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return None
            for one, other in zip(left, right, strict=True):
                bound = self._unify(one, other, bound)
            return bound
        return bound if bool(left == right) else None

    def _is(self, pattern: Pattern, value: Any) -> bool:
        return isinstance(value, self._classes.get(pattern.name, ()))

    def _facts(self, condition: Term, frame: int, bound: Bindings) -> dict[str, Any]:
        """What the condition could see: each name and field in it that has a value."""
        seen: dict[str, Any] = {}
        for term in walk(condition):
            if isinstance(term, Lookup | Name):
                try:
                    value = self._value(term, frame, bound)
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


def _compare(sign: str, left: Any, right: Any) -> bool:
    if isinstance(left, Unbound) or isinstance(right, Unbound) or sign not in _SIGNS:
        raise Undecided
    if sign != "!=" and (left is None or right is None):
        return False
    return bool(_SIGNS[sign](left, right))
