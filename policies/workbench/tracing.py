"""A second reading of the policy, about one principal and one row at a time, that remembers why.

oso says yes or no and not by which rule. This says which rules made something true, and for each that did not apply
where it stopped and what it saw there. It decides nothing: `explain` shows it beside what the door decided, tests hold
it against oso, and coverage counts by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.workbench.attempts import Asked, Attempt, Step, Stop
from policies.workbench.bindings import Bindings, Look, Unbound, Undecided, Values, compare
from policies.workbench.terms import Call, Joined, Literal, Operation, Pattern, Rule, Term


class Tracer:
    """One set of rules. `classes` are the names that heads may use; `look` reads a field of a thing."""

    def __init__(self, rules: Sequence[Rule], classes: Mapping[str, Any], look: Look = getattr) -> None:
        self._rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.name, []).append(rule)
        self.values = Values(classes, look)
        self._frames = 0
        self._fit: dict[str, dict[tuple[Any, ...], list[Rule]]] = {}
        self.reached: set[tuple[int, int]] = set()
        """Conditions that were asked, by where their rule begins and their number in it; -1 is its head."""

    def changed(self, old: Rule, new: Sequence[Rule]) -> "Tracer":
        """A tracer of the same rules with `new` in the place of `old`; what is known of the others is shared."""
        other = Tracer((), {}, self.values.look)
        other.values = self.values
        other._rules = {**self._rules, old.name: [rule for rule in self._rules[old.name] if rule is not old]}
        for rule in new:
            other._rules[rule.name] = [*other._rules.get(rule.name, ()), rule]
        alike = {old.name, *(rule.name for rule in new)}
        other._fit = {name: self._fit.setdefault(name, {}) for name in self._rules if name not in alike}
        return other

    def ask(
        self, facts: object, action: str | None, thing: object, candidates: list[Attempt] | None = None
    ) -> list[Asked]:
        """Every way in which `facts` may do `action` (None: anything) to `thing`.

        With `candidates`, every attempt at a rule is written into that list.
        """
        wanted = Unbound(0, "action") if action is None else action
        self._frames = 0
        answers = self._call("allow", [facts, wanted, thing], {}, candidates)
        return [Asked(self.values.known(wanted, bound), steps[0]) for bound, steps in answers]

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
                if all(self.values.is_a(pattern, self.values.known(value, found)) for pattern, value in later):
                    if attempt:
                        attempt.held = True
                    yield found, (Step(rule, below),)

    def _fitting(self, name: str, arguments: list[Any]) -> list[Rule]:
        """The rules whose heads don't rule out arguments of these kinds: few of many."""
        known = self._fit.setdefault(name, {})
        key = tuple([given if isinstance(given, str) else type(given) for given in arguments])
        if key not in known:
            rules = [rule for rule in self._rules.get(name, ()) if len(rule.parameters) == len(arguments)]
            known[key] = [rule for rule in rules if self._could_fit(rule, arguments)]
        return known[key]

    def _could_fit(self, rule: Rule, arguments: list[Any]) -> bool:
        for parameter, given in zip(rule.parameters, arguments, strict=True):
            if isinstance(given, Unbound):
                continue
            if isinstance(parameter.term, Literal) and isinstance(given, str) and parameter.term.value != given:
                return False
            if parameter.pattern is not None and not self.values.is_a(parameter.pattern, given):
                return False
        return True

    def _enter(
        self, rule: Rule, arguments: list[Any], frame: int, bound: Bindings
    ) -> tuple[Bindings, list[Any]] | None:
        """The bindings with which the head fits, and the kinds that can be checked only when the body is done."""
        later = []
        now: Bindings | None = bound
        for parameter, argument in zip(rule.parameters, arguments, strict=True):
            now = self.values.unify(self.values.value(parameter.term, frame, bound), argument, now)
            if now is None:
                return None
            if parameter.pattern is not None:
                value = self.values.known(argument, now)
                if isinstance(value, Unbound):
                    later.append((parameter.pattern, value))
                else:
                    now = self.values.fits(parameter.pattern, value, frame, now)
        return None if now is None else (now, later)

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
            attempt.stops.append(Stop(number, condition, self.values.facts(condition, frame, bound), tried or []))

    # Conditions

    def _holds(self, term: Term, frame: int, bound: Bindings, tried: list[Attempt] | None) -> Iterator[Any]:
        match term:
            case Joined("and", parts, _):
                yield from self._together(parts, frame, bound, tried)
            case Joined(_, parts, _):
                for part in parts:
                    yield from self._holds(part, frame, bound, tried)
            case Call(name, arguments, _, None):
                yield from self._call(name, [self.values.value(each, frame, bound) for each in arguments], bound, tried)
            case Operation("in", left, right, _):
                listed = self.values.value(right, frame, bound)
                for item in listed if isinstance(listed, list | tuple) else ():
                    yield from self._if_same(self.values.value(left, frame, bound), item, bound)
            case Operation("matches", left, Pattern() as pattern, _):
                fitting = self.values.fits(pattern, self.values.value(left, frame, bound), frame, bound)
                if fitting is not None:
                    yield fitting, ()
            case Operation("=" | "==" | ":=", left, right, _):
                yield from self._if_same(
                    self.values.value(left, frame, bound), self.values.value(right, frame, bound), bound
                )
            case Operation(sign, left, right, _):
                if compare(sign, self.values.value(left, frame, bound), self.values.value(right, frame, bound)):
                    yield bound, ()
            case _:
                if self.values.value(term, frame, bound) is True:
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
        found = self.values.unify(left, right, bound)
        if found is not None:
            yield found, ()
