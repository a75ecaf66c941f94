"""A rulebook: policy.polar inside oso, asked once for everything a shape of principal may do.

oso is asked under one lock, and not for a known shape: what it answered then became a plan.
"""

import re
import threading
from contextlib import suppress
from typing import Any

from oso import Oso
from polar.exceptions import OsoError

from policies import reading
from policies.actions import Action
from policies.columns import Unsupported
from policies.engine import Wildcard, answers, line_of, load, plain
from policies.errors import PolicyError
from policies.facts import Observed, Shape
from policies.plans import Plan, Row, simplify
from policies.resources import PLATFORM, PROTECTED
from policies.rulings import Impossible, ways
from policies.tabling import Circular, Tables, action_of
from policies.workbench.tokens import NotPolar
from storage.records import Record

_FAULTS = (Unsupported, Observed, OsoError, Wildcard)


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
        self._oso = load(source, name)
        self._tables = _tables(source, name)

    def plans(self, shape: Shape, model: type[Record]) -> dict[Action, Plan]:
        """What a principal of `shape` may do with rows of `model`: a plan per action that has any way.

        Raises PolicyError with file and line, for a rule that can't be decided in SQL.
        """
        if shape.facts() is None:
            return {}
        with self._lock:
            if (tabled := self._tabled(shape, model)) is not None:
                return tabled
            try:
                return self._plans(self._oso, shape, model)
            except _FAULTS as problem:
                raise self._error(problem, lambda oso: self._plans(oso, shape, model)) from problem

    def platform_actions(self, shape: Shape) -> frozenset[Action]:
        """What a principal of `shape` may do on the platform itself. Raises PolicyError."""
        if shape.facts() is None:
            return frozenset()
        with self._lock:
            try:
                return self._platform_actions(self._oso, shape)
            except _FAULTS as problem:
                raise self._error(problem, lambda oso: self._platform_actions(oso, shape)) from problem

    def demand_names(self) -> None:
        """Raise PolicyError, with file and line, for a rule that allows something to whoever asks, known or not.

        The door never asks for a stranger; a rule that would let one in is a mistake, or meant for others to find.
        """
        with self._lock:
            try:
                self._no_strangers(self._oso)
            except (_Anybody, *_FAULTS) as problem:
                raise self._error(problem, self._no_strangers) from problem

    def _no_strangers(self, oso: Oso) -> None:
        for thing in (*PROTECTED, PLATFORM):
            for name, _ in answers(oso, "allow", _Stranger(), thing):
                raise _Anybody(
                    f"“{name}” is allowed to anybody at all, who has not signed in included: name in the head who may, "
                    "such as `person: Person`"
                )

    def _tabled(self, shape: Shape, model: type[Record]) -> dict[Action, Plan] | None:
        """The same, worked out faster; None for a policy that does not let itself be taken apart."""
        if self._tables is None:
            return None
        try:
            return self._tables.plans(shape.facts(), model)
        except Circular as problem:
            raise PolicyError(f"{self._name}:{problem.line}: {problem}") from problem
        except (Impossible, PolicyError, *_FAULTS):
            return None

    def _plans(self, oso: Oso, shape: Shape, model: type[Record]) -> dict[Action, Plan]:
        found: dict[Action, set[Row]] = {}
        for name, expression in answers(oso, "allow", shape.facts(), model):
            with suppress(Impossible):
                found.setdefault(action_of(name), set()).update(ways(model, expression, _nothing_open))
        return {action: simplify(rows) for action, rows in found.items() if rows}

    def _platform_actions(self, oso: Oso, shape: Shape) -> frozenset[Action]:
        return frozenset(action_of(name) for name, _ in answers(oso, "allow", shape.facts(), PLATFORM))

    def _error(self, problem: Exception, attempt: Any) -> PolicyError:
        """`problem` in the words of a policy author, with the line of the rule that causes it."""

        def complaint(source: str) -> str | None:
            try:
                attempt(load(source, self._name))
            except Exception as found:
                return re.sub(r"\d+", "", str(found))
            return None

        line = line_of(problem) or reading.blame(self._source, complaint, getattr(problem, "word", ""))
        return PolicyError(f"{self._name}:{line or 1}: {plain(problem)}")


def _tables(source: str, name: str) -> Tables | None:
    try:
        return Tables(source, name)
    except (NotPolar, ValueError):
        return None


def _nothing_open(question: str, name: str, model: type[Record]) -> Plan:
    raise Unsupported(f"“{question}” is asked of {model.__name__} in a way that can't be followed", name)
