"""Decisions as columns: the statements in which a plan reaches the database."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, false, select, true

from policies.actions import Action
from policies.plans import Plan
from policies.resources import mapper_of, opening
from policies.sql import keys, predicate
from storage.pages import DECISION, Keys
from storage.records import Record

AFTER_STEP_UP = "after_step_up"
"""Label of the column that says whether the action would be allowed after a step-up."""
_MOST_STATEMENTS = 64
"""Of one shape and model."""


@cache
def keys_of(model: type[Record]) -> tuple[str, ...]:
    """The parameters by which `Decisions.one` is told the key: one for each of its columns."""
    return tuple(f"key_{column.name}" for column in mapper_of(model).primary_key)


@dataclass
class Decisions:
    """What one shape may do with one model's rows: as values (`plans`), and as statements that await the ids."""

    model: type[Record]
    plans: dict[Action, Plan]
    after_step_up: dict[Action, Plan]
    _statements: dict[tuple[Any, ...], Select[Any]] = field(default_factory=dict)
    _keys: dict[Action, Keys | None] = field(default_factory=dict)

    def listing(self, action: Action, also: Iterable[Action]) -> Select[Any]:
        """Rows that may be `action`ed, with decision columns for it, for what opens something sealed, for `also`."""
        key = ("list", action, frozenset(also))
        found = self._statements.get(key)
        if found is None:
            plan = self._plan(action)
            columns = self._columns(action, key[2], plan)
            found = self._kept(key, self._select(columns).where(self._predicate(plan)))
        return found

    def keys(self, action: Action) -> Keys | None:
        """The keys of the rows of `listing`; None where that may be all."""
        if action not in self._keys:
            self._keys[action] = keys(self.model, self._plan(action))
        return self._keys[action]

    def one(self, action: Action, also: Iterable[Action]) -> Select[Any]:
        """The row with the key that is bound, if it may be read; with the same decision columns, and whether a step-up
        would allow `action`."""
        key = ("one", action, frozenset(also))
        found = self._statements.get(key)
        if found is None:
            readable = self._plan(Action.READ)
            columns = self._columns(action, key[2] | {Action.READ}, readable)
            later = self.after_step_up.get(action, frozenset())
            differs = later != self._plan(action)
            columns.append((self._predicate(later) if differs else false()).label(AFTER_STEP_UP))
            # The key is part of it, so that the statement stays one object and SQLAlchemy remembers what it is made of.
            key_columns = zip(mapper_of(self.model).primary_key, keys_of(self.model), strict=True)
            named = [column == bindparam(name) for column, name in key_columns]
            found = self._kept(key, self._select(columns).where(self._predicate(readable), *named))
        return found

    def _kept(self, key: tuple[Any, ...], statement: Select[Any]) -> Select[Any]:
        """The statement, kept for the next time; a caller chooses which actions are asked about, so not without end."""
        if len(self._statements) >= _MOST_STATEMENTS:
            self._statements = {}
        return self._statements.setdefault(key, statement)

    def _plan(self, action: Action) -> Plan:
        return self.plans.get(action, frozenset())

    def _columns(self, action: Action, also: frozenset[Action], given: Plan) -> list[ColumnElement[bool]]:
        """A labelled boolean per action; what follows from the condition that every row meets is not asked twice."""
        actions = sorted({action, *opening(self.model), *also})
        plans = ((name, self._plan(name)) for name in actions)
        return [
            (true() if plan == given and plan else self._predicate(plan)).label(DECISION + name) for name, plan in plans
        ]

    def _select(self, columns: list[ColumnElement[bool]]) -> Select[Any]:
        entities: tuple[Any, ...] = (self.model, *columns)
        return select(*entities).select_from(self.model)

    def _predicate(self, plan: Plan) -> ColumnElement[bool]:
        return predicate(self.model, plan)
