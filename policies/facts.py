"""What policy.polar may know about whoever asks, and the shapes in which it is compiled.

A `Shape` is a principal without its ids. Rules see the shape's facts with a `Slot` in the place of each id: a value
that can be compared with a column, and with nothing else. A policy that looks inside one, or compares it with anything
but a column, is refused when it loads. So what was compiled once for a shape holds for every principal of that shape,
and the ids travel as bind parameters.
"""

import uuid
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from policies.errors import PolicyError
from policies.principals import Kind, Principal


class Observed(Exception):
    """A rule looked at an id while it was being compiled."""


class Slot:
    """The place of one of the principal's ids. `parameter` is the name under which its value is bound."""

    __slots__ = ("parameter",)
    __hash__ = object.__hash__

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter

    def __repr__(self) -> str:
        return f"<{self.parameter}>"

    def __getattr__(self, name: str) -> NoReturn:
        raise Observed(f"looks for “{name}” inside {self}: an id can only be compared with a column")

    def _observed(self, other: object) -> NoReturn:
        raise Observed(f"compares {self} with {other!r}, which is not a column: ids are compared with columns only")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _observed


PRINCIPAL = Slot("principal_id")
"""The id of whoever's rights count: the caller's own, or that of the contributor for whom a key or an agent acts."""
RUN = Slot("principal_run")
"""The id of the prompt, export or deletion that an agent is working on."""


@dataclass(frozen=True)
class Person:
    """A contributor, acting."""

    id: Any
    stepped_up: bool


@dataclass(frozen=True)
class Departing:
    """A contributor whose account is being erased."""

    id: Any


@dataclass(frozen=True)
class Key:
    """An API key, and the contributor who made it."""

    person: Person
    scopes: list[str]


@dataclass(frozen=True)
class Agent:
    """A system component at work on one run, and the contributor for whom."""

    name: str
    person: Person | None
    run: Any


@dataclass(frozen=True)
class Staff:
    """A member of staff with the jobs they hold."""

    id: Any
    roles: list[str]
    mfa: bool
    stepped_up: bool


FACTS: tuple[type, ...] = (Person, Departing, Key, Agent, Staff)
"""The classes that rules can name for whoever asks."""


@dataclass(frozen=True)
class Shape:
    """Everything about a principal that is not an id, as far as its kind has it: the key of a compiled plan."""

    kind: Kind
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    name: str | None = None
    delegated: bool = False
    mfa: bool = False
    stepped_up: bool = False

    def after_step_up(self) -> "Shape":
        """The same shape once its bearer has proved again who they are; itself, for a kind that can't."""
        return replace(self, stepped_up=True) if self.kind in (Kind.CONTRIBUTOR, Kind.STAFF) else self

    def as_seen_by(self, source: str) -> "Shape":
        """This shape without proofs that the policy never names, and so can't ask for."""
        return replace(self, mfa=self.mfa and "mfa" in source, stepped_up=self.stepped_up and "stepped_up" in source)

    def facts(self) -> object | None:
        """What rules see of a principal of this shape; None for one about whom nothing is known."""
        match self.kind:
            case Kind.CONTRIBUTOR:
                return Person(PRINCIPAL, self.stepped_up)
            case Kind.DEPARTING:
                return Departing(PRINCIPAL)
            case Kind.API_KEY:
                return Key(Person(PRINCIPAL, stepped_up=False), sorted(map(str, self.scopes)))
            case Kind.AGENT:
                person = Person(PRINCIPAL, stepped_up=False) if self.delegated else None
                return Agent(str(self.name or ""), person, RUN)
            case Kind.STAFF:
                return Staff(PRINCIPAL, sorted(map(str, self.roles)), self.mfa, self.stepped_up)
            case Kind.ANONYMOUS:
                return None


def shape_of(principal: Principal) -> Shape:
    """The principal's shape."""
    match principal.kind:
        case Kind.CONTRIBUTOR:
            return Shape(Kind.CONTRIBUTOR, stepped_up=principal.stepped_up)
        case Kind.API_KEY:
            return Shape(Kind.API_KEY, scopes=principal.scopes)
        case Kind.AGENT:
            return Shape(Kind.AGENT, name=principal.name, delegated=principal.on_behalf_of is not None)
        case Kind.STAFF:
            return Shape(Kind.STAFF, roles=principal.roles, mfa=principal.mfa, stepped_up=principal.stepped_up)
        case _:
            return Shape(principal.kind)


def parameters_of(principal: Principal) -> dict[str, uuid.UUID | None]:
    """The values of the principal's slots. An absent one is NULL, which equals nothing.

    Raises PolicyError for a contributor, a member of staff or a key of nobody without an id: that is no principal.
    """
    delegate = principal.kind in (Kind.API_KEY, Kind.AGENT)
    person = principal.on_behalf_of if delegate else principal.id
    if person is None and principal.kind not in (Kind.ANONYMOUS, Kind.AGENT):
        raise PolicyError(f"a principal of kind {principal.kind} was built without the id of the person")
    return {PRINCIPAL.parameter: person, RUN.parameter: principal.run}
