"""Plans by tabling: each question about a person is asked once, and its answer put wherever the question comes up.

"Tabling" is the name in logic programming: the answers to a goal are kept, and met again they are looked up. Polar has
none, so oso derives who is a viewer of a project anew for every action on everything in it. Here oso answers about
excerpts of the policy (`policies.excerpts`) that leave such questions open, and each is then a plan of its own.
Without `cut` and `not`, neither of which a policy may use, a rule means the same wherever it is worked out.
"""

from typing import Any

from oso import Oso

from policies import engine
from policies.actions import Action
from policies.columns import Unsupported
from policies.excerpts import OPEN, Excerpts
from policies.facts import Person
from policies.plans import Plan, Row, simplify
from policies.rulings import Impossible, ways
from policies.workbench.parsing import parse
from policies.workbench.terms import Document, Rule
from storage.records import Record

_ACTIONS = frozenset(map(str, Action))


class Circular(Exception):
    """A question whose answer depends on itself; oso would never come to an end. `line` is that of one of the rules."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Tables:
    """One policy's answers so far. Not for several threads at once."""

    def __init__(self, source: str, name: str) -> None:
        """Raises NotPolar for a policy that our own reader can't read; ValueError for one that uses our marks."""
        if any(mark in source for mark in OPEN):
            raise ValueError("the policy has a word that we need")
        self._document: Document = parse(source)
        self._texts = Excerpts(self._document)
        self._name = name
        self._excerpts: dict[type[Record], Oso] = {}
        self._answers: dict[Any, dict[str, list[Any]]] = {}
        self._plans: dict[Any, Plan | None] = {}

    def plans(self, facts: object, model: type[Record]) -> dict[Action, Plan]:
        """A plan per action that whoever is known by `facts` may do to rows of `model`.

        Raises Circular, and what the reading of oso's answers raises: then the policy is no good, or not for tables.
        """
        person = facts if isinstance(facts, Person) else getattr(facts, "person", None)
        found: dict[str, list[Any]] = {}
        for name, expression in engine.answers(self._excerpt(model), "allow", facts, model):
            found.setdefault(name, []).append(expression)
        plans = {name: self._plan(expressions, person, model) for name, expressions in found.items()}
        return {action_of(name): plan for name, plan in plans.items() if plan}

    def _answer(self, person: Person | None, question: str, name: str, model: type[Record]) -> Plan:
        key = (person, question, name, model)
        if key not in self._plans:
            self._plans[key] = None  # being worked out
            self._plans[key] = self._plan(self._asked(person, question, model).get(name, []), person, model)
        plan = self._plans[key]
        if plan is None:
            raise self._circular(question, name, model)
        return plan

    def _asked(self, person: Person | None, question: str, model: type[Record]) -> dict[str, list[Any]]:
        key = (person, question, model)
        if key not in self._answers:
            found: dict[str, list[Any]] = {}
            for name, expression in engine.answers(self._excerpt(model), question, person, model):
                found.setdefault(name, []).append(expression)
            self._answers[key] = found
        return self._answers[key]

    def _plan(self, expressions: list[Any], person: Person | None, model: type[Record]) -> Plan:
        found: set[Row] = set()
        for expression in expressions:
            try:
                found.update(ways(model, expression, lambda *asked: self._answer(person, *asked)))
            except Impossible:
                continue
        return simplify(found)

    def _circular(self, question: str, name: str, model: type[Record]) -> Circular:
        rules = [
            rule for rule in self._document.rules if rule.name == question and _head(rule) == (name, model.__name__)
        ]
        line = rules[-1].span.line(self._document.source) if rules else 1
        return Circular(
            f"“{name}” on {model.__name__} comes from itself: break the circle, so that a fact gives it", line
        )

    def _excerpt(self, model: type[Record]) -> Oso:
        if model not in self._excerpts:
            self._excerpts[model] = engine.load(self._texts.about(model), self._name)
        return self._excerpts[model]


def _head(rule: Rule) -> tuple[object, str]:
    """The name that a rule gives, and the class of the thing."""
    name, thing = rule.parameters[1].term, rule.parameters[2].pattern
    return getattr(name, "value", None), thing.name if thing else ""


def action_of(name: str) -> Action:
    """The action that a rule names. Raises Unsupported for one that does not exist."""
    if name not in _ACTIONS:
        raise Unsupported(f"“{name}” is no action: policies/actions.py has the list", f'"{name}"')
    return Action(name)
