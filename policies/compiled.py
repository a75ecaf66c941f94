"""A policy, compiled: for each shape of principal and each model, the SQL that decides."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, Self, TypeVar

from policies.actions import Action
from policies.decisions import Decisions
from policies.errors import PolicyError
from policies.facts import Shape
from policies.plans import Plan
from policies.principals import AgentName, Kind, Scope
from policies.resources import PROTECTED, protected
from policies.rulebooks import Rulebook
from policies.workbench.roles import Statement, stated
from storage.records import Record
from storage.staff import StaffRole

Answer = TypeVar("Answer")

FORESEEN: tuple[Shape, ...] = (
    Shape(Kind.ANONYMOUS),
    Shape(Kind.DEPARTING),
    *(Shape(Kind.CONTRIBUTOR, stepped_up=stepped_up) for stepped_up in (False, True)),
    *(Shape(Kind.API_KEY, scopes=frozenset({scope})) for scope in Scope),
    Shape(Kind.API_KEY, scopes=frozenset(Scope)),
    *(Shape(Kind.AGENT, name=name, delegated=True) for name in AgentName),
    *(
        Shape(Kind.STAFF, roles=frozenset({role}), mfa=mfa, stepped_up=stepped_up)
        for role, (mfa, stepped_up) in product(StaffRole, ((False, False), (True, False), (True, True)))
    ),
)
"""The shapes compiled when a policy is loaded for the first time. Others pass the same checks on first use, into a
bounded cache."""
_FORESEEN = frozenset(FORESEEN)

_UNFORESEEN_AT_MOST = 2048

AT_MOST_BYTES = 1024 * 1024
"""What is longer is refused before it is read as a policy."""


def hash_of(source: bytes) -> str:
    """What a policy is known by for certain: the SHA-256 of its file, in hex."""
    return hashlib.sha256(source).hexdigest()


def version_of(policy_hash: str) -> str:
    """What audit events call the policy of this hash."""
    return policy_hash[:16]


class Remembered:
    """Answers that are worked out once, by one thread, and kept while they are among the last asked for."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Any, Any] = OrderedDict()

    def get(self, question: Any, work_out: Callable[[], Answer]) -> Answer:
        """The answer to `question`, by `work_out` if it is not remembered. What raises is not remembered."""
        with self._lock:
            if question not in self._answers:
                self._answers[question] = work_out()
                if len(self._answers) > self._at_most:
                    self._answers.popitem(last=False)
            self._answers.move_to_end(question)
            answer: Answer = self._answers[question]
            return answer


class Policy:
    """policy.polar, parsed, checked and compiled. It never changes, and threads may share it."""

    hash: str
    """The SHA-256 of the file, in hex."""
    version: str
    """Its first 16 digits: what audit events name."""
    source: str
    """The file's text, for those who explain it."""
    name: str
    """What messages call the file."""
    roles: dict[str, Statement]
    """What each job of staff is for and who answers for it, in the file's own words."""

    def __init__(self, source: bytes, name: str, *, sound: bool = False) -> None:
        """Raises PolicyError with file and line, if any of it can't be used.

        `sound`: this very program has compiled this very text before, all of it. Then nothing is gained by doing so
        again before anybody asks: each plan is made from the text when it is asked for first.
        """
        if len(source) > AT_MOST_BYTES:
            raise PolicyError(f"{name}:1: the file is longer than 1 MiB: write a policy that people can read")
        self.hash = hash_of(source)
        self.version = version_of(self.hash)
        try:
            text = source.decode()
        except UnicodeDecodeError as problem:
            raise PolicyError(f"{name}:1: the file is not UTF-8") from problem
        self.source, self.name = text, name
        self._rulebook = Rulebook(text, name)
        self.roles = stated(text, name)
        self._later = Remembered(_UNFORESEEN_AT_MOST)
        self._kept = {shape.as_seen_by(text) for shape in FORESEEN}
        self._plans: dict[tuple[Shape, type[Record]], dict[Action, Plan]] = {}
        self._foreseen: dict[tuple[Shape, type[Record]], Decisions] = {}
        self._platform: dict[Shape, frozenset[Action]] = {}
        if not sound:
            self._rulebook.demand_names()
            for shape in FORESEEN:
                self.platform_actions(shape)
                for model in PROTECTED:
                    self.decisions(shape, model)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The policy in the file at `path`. Raises PolicyError with file and line, if any of it can't be used."""
        try:
            with path.open("rb") as file:
                source = file.read(AT_MOST_BYTES + 1)
        except OSError as problem:
            raise PolicyError(f"{path}: can't be read") from problem
        return cls(source, path.name)

    def decisions(self, shape: Shape, model: type[Record]) -> Decisions:
        """What `shape` may do with rows of `model`. Raises PolicyError for a model that the policy has no block for."""
        known = self._foreseen.get((shape, model))
        if known is None:
            known = self._later.get((shape, protected(model)), lambda: self._decisions(shape, model))
            if shape in _FORESEEN:
                self._foreseen[shape, model] = known
        return known

    def platform_actions(self, shape: Shape) -> frozenset[Action]:
        """What `shape` may do on no row."""
        found = self._platform.get(shape)
        if found is None:
            alike = shape.as_seen_by(self.source)
            found = self._later.get(alike, lambda: self._rulebook.platform_actions(alike))
            if shape in _FORESEEN:
                self._platform[shape] = found
        return found

    def _decisions(self, shape: Shape, model: type[Record]) -> Decisions:
        plans = self._plans_for(shape, model)
        after = shape.after_step_up()
        return Decisions(model, plans, plans if after == shape else self._plans_for(after, model))

    def _plans_for(self, shape: Shape, model: type[Record]) -> dict[Action, Plan]:
        alike = shape.as_seen_by(self.source), model
        found = self._plans.get(alike)
        if found is None:
            found = self._rulebook.plans(*alike)
            if alike[0] in self._kept:
                self._plans[alike] = found
        return found
