"""A rulebook: policy.polar inside oso, asked once for everything a shape of principal may do.

oso is asked here and nowhere else, under one lock, and not for a known shape: what it answered then became a plan.
Its own SQLAlchemy adapter is not used, since it joins relations INNER also under OR.
"""

import re
import threading
from typing import Any

from oso import Oso
from polar.exceptions import OsoError
from polar.partial import TypeConstraint
from polar.variable import Variable

from policies import reading
from policies.actions import Action
from policies.columns import Unsupported
from policies.errors import PolicyError
from policies.facts import FACTS, Observed, Shape
from policies.plans import Plan, Row, simplify
from policies.resources import PLATFORM, PROTECTED, RELATED, Platform, fields_of
from policies.rulings import Impossible, way
from storage.records import Record

_ACTIONS = frozenset(map(str, Action))
_LINE = re.compile(r"at line (\d+)")


class _Wildcard(Exception):
    """A rule allows every action."""


class _Anybody(Exception):
    """A rule allows something to whoever asks."""


class _Stranger:
    """Somebody about whom nothing is known, as rules would see them. No rule can name this class."""


class Rulebook:
    """One version of the policy. `name` is how messages call the file."""

    def __init__(self, source: str, name: str) -> None:
        self._source = source
        self._name = name
        self._lock = threading.Lock()
        self._classes: dict[str, type] = {model.__name__: model for model in (*PROTECTED, *RELATED)}
        for line, word, advice in reading.forbidden_words(source):
            raise PolicyError(f"{name}:{line}: “{word}” can't be compiled to SQL; {advice}")
        for line in reading.backward_orders(source):
            raise PolicyError(
                f"{name}:{line}: an order is compared the other way round, or with no number: write the column first, "
                "then `<`, `<=`, `>` or `>=`, then a number"
            )
        for line, told in reading.lost_equalities(source):
            raise PolicyError(
                f"{name}:{line}: {told}, and oso would forget it: write `thing.one = thing.other`, with `or`"
            )
        self._oso = self._load(source)

    def plans(self, shape: Shape, model: type[Record]) -> dict[Action, Plan]:
        """What a principal of `shape` may do with rows of `model`: a plan per action that has any way.

        Raises PolicyError with file and line, for a rule that can't be decided in SQL.
        """
        with self._lock:
            try:
                return self._plans(self._oso, shape, model)
            except (Unsupported, Observed, OsoError, _Wildcard) as problem:
                raise self._error(problem, lambda oso: self._plans(oso, shape, model)) from problem

    def platform_actions(self, shape: Shape) -> frozenset[Action]:
        """What a principal of `shape` may do on the platform itself. Raises PolicyError."""
        with self._lock:
            try:
                return self._platform_actions(self._oso, shape)
            except (Observed, OsoError, _Wildcard) as problem:
                raise self._error(problem, lambda oso: self._platform_actions(oso, shape)) from problem

    def demand_names(self) -> None:
        """Raise PolicyError, with file and line, for a rule that allows something to whoever asks, known or not.

        The door never asks for a stranger; a rule that would let one in is a mistake, or meant for others to find.
        """
        with self._lock:
            try:
                self._no_strangers(self._oso)
            except (_Anybody, Observed, OsoError, Unsupported, _Wildcard) as problem:
                raise self._error(problem, self._no_strangers) from problem

    def _no_strangers(self, oso: Oso) -> None:
        for model in PROTECTED:
            thing = Variable("thing")
            self._none(_ask(oso, _Stranger(), thing, {"thing": TypeConstraint(thing, model.__name__)}))
        self._none(_ask(oso, _Stranger(), PLATFORM, {}))

    def _none(self, answers: list[tuple[Action, dict[str, Any]]]) -> None:
        if answers:
            raise _Anybody(
                f"“{answers[0][0]}” is allowed to anybody at all, who has not signed in included: name in the head who "
                "may, such as `person: Person`"
            )

    def _load(self, source: str) -> Oso:
        oso = Oso()
        oso.ffi_polar.set_message_enricher(self._no_warnings)
        for known in (*FACTS, Platform):
            oso.register_class(known)
        for model in (*PROTECTED, *RELATED):
            oso.register_class(model, fields=fields_of(model))
        try:
            oso.load_str(source)
        except OsoError as problem:
            raise PolicyError(f"{self._name}:{_line_of(problem) or 1}: {_plain(problem)}") from problem
        return oso

    def _no_warnings(self, message: str) -> str:
        """oso would print what it warns of; a policy that deserves a warning is not loaded."""
        if message.startswith("[warning]"):
            raise PolicyError(f"{self._name}:{_line_of(message) or 1}: {_plain(message.removeprefix('[warning] '))}")
        return message

    def _plans(self, oso: Oso, shape: Shape, model: type[Record]) -> dict[Action, Plan]:
        ways: dict[Action, set[Row]] = {}
        thing = Variable("thing")
        constraint = TypeConstraint(thing, model.__name__)
        for action, answer in _ask(oso, shape.facts(), thing, {"thing": constraint}):
            try:
                ways.setdefault(action, set()).add(way(model, answer["thing"], self._classes))
            except Impossible:
                continue
        return {action: simplify(found) for action, found in ways.items() if found}

    def _platform_actions(self, oso: Oso, shape: Shape) -> frozenset[Action]:
        return frozenset(action for action, _ in _ask(oso, shape.facts(), PLATFORM, {}))

    def _error(self, problem: Exception, attempt: Any) -> PolicyError:
        """`problem` in the words of a policy author, with the line of the rule that causes it."""

        def complaint(source: str) -> str | None:
            try:
                attempt(self._load(source))
            except Exception as found:
                return re.sub(r"\d+", "", str(found))
            return None

        line = _line_of(problem) or reading.blame(self._source, complaint, getattr(problem, "word", ""))
        return PolicyError(f"{self._name}:{line or 1}: {_plain(problem)}")


def _ask(oso: Oso, facts: object, thing: Any, bindings: dict[str, Any]) -> list[tuple[Action, dict[str, Any]]]:
    if facts is None:
        return []
    results = oso.query_rule("allow", facts, Variable("action"), thing, bindings=bindings, accept_expression=True)
    answers = []
    for result in results:
        action = result["bindings"]["action"]
        if isinstance(action, Variable) or not isinstance(action, str):
            raise _Wildcard("a rule allows every action: name the actions it is about")
        if action not in _ACTIONS:
            raise Unsupported(f"“{action}” is no action: policies/actions.py has the list", f'"{action}"')
        answers.append((Action(action), result["bindings"]))
    return answers


def _line_of(problem: Exception | str) -> int | None:
    """The innermost line that oso names; its own message counts from 1, as we do."""
    found = _LINE.findall(str(problem))
    return int(found[-1]) if found else None


def _plain(problem: Exception | str) -> str:
    """oso's message without its trace, its excerpt, its place and its advertisement."""
    lines = str(problem).split("\n\tGet help")[0].splitlines() or [type(problem).__name__]
    told = next((line for line in lines if line.startswith("Application error: ")), lines[0])
    return re.sub(r" at line \d+, column \d+:?$", "", told.removeprefix("Application error: "))
