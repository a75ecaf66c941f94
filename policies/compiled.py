"""A policy, compiled: for each shape of principal and each model, the SQL that decides."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Self

from sqlalchemy import ColumnElement, Select, false, select, true

from policies.actions import Action
from policies.errors import PolicyError
from policies.facts import Shape
from policies.plans import Plan
from policies.principals import AgentName, Kind, Scope
from policies.resources import PROTECTED, protected
from policies.rulebooks import Rulebook
from policies.sql import predicate
from storage.pages import DECISION
from storage.records import Record
from storage.staff import StaffRole

AFTER_STEP_UP = "after_step_up"
"""Label of the column that says whether the action would be allowed after a step-up."""

FORESEEN: tuple[Shape, ...] = (
    Shape(Kind.ANONYMOUS),
    Shape(Kind.DEPARTING),
    *(Shape(Kind.CONTRIBUTOR, stepped_up=stepped_up) for stepped_up in (False, True)),
    *(Shape(Kind.API_KEY, scopes=frozenset({scope})) for scope in Scope),
    Shape(Kind.API_KEY, scopes=frozenset(Scope)),
    *(Shape(Kind.AGENT, name=name, delegated=True) for name in AgentName),
    *(Shape(Kind.STAFF, roles=frozenset({role}), mfa=mfa) for role, mfa in product(StaffRole, (False, True))),
)
"""The shapes compiled when a policy loads. Others pass the same checks on first use, into a bounded cache."""

_UNFORESEEN_AT_MOST = 2048


@dataclass
class Decisions:
    """What one shape may do with one model's rows: as values (`plans`), and as statements that await the ids."""

    model: type[Record]
    plans: dict[Action, Plan]
    after_step_up: dict[Action, Plan]
    _statements: dict[tuple[Any, ...], Select[Any]] = field(default_factory=dict)

    def listing(self, action: Action, also: Iterable[Action]) -> Select[Any]:
        """Rows that may be `action`ed, with a decision column for it, for reading content and for each of `also`."""
        key = ("list", action, frozenset(also))
        if key not in self._statements:
            plan = self._plan(action)
            columns = self._columns(action, key[2], plan)
            self._statements[key] = self._select(columns).where(self._predicate(plan))
        return self._statements[key]

    def one(self, action: Action, also: Iterable[Action]) -> Select[Any]:
        """Rows that may be read, with the same decision columns, and whether a step-up would allow `action`."""
        key = ("one", action, frozenset(also))
        if key not in self._statements:
            readable = self._plan(Action.READ)
            columns = self._columns(action, key[2] | {Action.READ}, readable)
            later = self.after_step_up.get(action, frozenset())
            differs = later != self._plan(action)
            columns.append((self._predicate(later) if differs else false()).label(AFTER_STEP_UP))
            self._statements[key] = self._select(columns).where(self._predicate(readable))
        return self._statements[key]

    def _plan(self, action: Action) -> Plan:
        return self.plans.get(action, frozenset())

    def _columns(self, action: Action, also: frozenset[Action], given: Plan) -> list[ColumnElement[bool]]:
        """A labelled boolean per action; what follows from the condition that every row meets is not asked twice."""
        actions = sorted({action, Action.READ_CONTENT, *also})
        plans = ((name, self._plan(name)) for name in actions)
        return [
            (true() if plan == given and plan else self._predicate(plan)).label(DECISION + name) for name, plan in plans
        ]

    def _select(self, columns: list[ColumnElement[bool]]) -> Select[Any]:
        entities: tuple[Any, ...] = (self.model, *columns)
        return select(*entities).select_from(self.model)

    def _predicate(self, plan: Plan) -> ColumnElement[bool]:
        return predicate(self.model, plan)


class Policy:
    """policy.polar, parsed, checked and compiled. It never changes, and threads may share it."""

    version: str
    """The first 16 hex digits of the SHA-256 of the file: what audit events name."""

    def __init__(self, source: bytes, name: str) -> None:
        self.version = hashlib.sha256(source).hexdigest()[:16]
        try:
            text = source.decode()
        except UnicodeDecodeError as problem:
            raise PolicyError(f"{name}:1: the file is not UTF-8") from problem
        self._rulebook = Rulebook(text, name)
        self._lock = threading.Lock()
        self._unforeseen: OrderedDict[tuple[Shape, type[Record]], Decisions] = OrderedDict()
        self._plans = {
            (shape, model): self._rulebook.plans(shape, model) for shape, model in product(FORESEEN, PROTECTED)
        }
        self._foreseen = {(shape, model): self._decisions(shape, model) for shape, model in self._plans}
        self._platform = {shape: self._rulebook.platform_actions(shape) for shape in FORESEEN}

    @classmethod
    def load(cls, path: Path) -> Self:
        """The policy in the file at `path`. Raises PolicyError with file and line, if any of it can't be used."""
        try:
            source = path.read_bytes()
        except OSError as problem:
            raise PolicyError(f"{path}: can't be read") from problem
        return cls(source, path.name)

    def decisions(self, shape: Shape, model: type[Record]) -> Decisions:
        """What `shape` may do with rows of `model`. Raises PolicyError for a model that the policy has no block for."""
        found = self._foreseen.get((shape, model))
        return found if found is not None else self._on_first_use(shape, protected(model))

    def platform_actions(self, shape: Shape) -> frozenset[Action]:
        """What `shape` may do on no row."""
        found = self._platform.get(shape)
        return found if found is not None else self._rulebook.platform_actions(shape)

    def _on_first_use(self, shape: Shape, model: type[Record]) -> Decisions:
        with self._lock:
            if (shape, model) in self._unforeseen:
                self._unforeseen.move_to_end((shape, model))
            else:
                self._unforeseen[shape, model] = self._decisions(shape, model)
                if len(self._unforeseen) > _UNFORESEEN_AT_MOST:
                    self._unforeseen.popitem(last=False)
            return self._unforeseen[shape, model]

    def _decisions(self, shape: Shape, model: type[Record]) -> Decisions:
        return Decisions(model, self._plans_for(shape, model), self._plans_for(shape.after_step_up(), model))

    def _plans_for(self, shape: Shape, model: type[Record]) -> dict[Action, Plan]:
        found = self._plans.get((shape, model))
        return found if found is not None else self._rulebook.plans(shape, model)
