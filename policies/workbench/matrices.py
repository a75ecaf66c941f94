"""`policy matrix`: who may do what with which rows, and what they see of them, from the compiled policy.

A right is told by its ways: what must be true of a row for it. The plans say so, the same from which the SQL is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from policies.actions import Action
from policies.compiled import Policy
from policies.facts import PRINCIPAL, Shape
from policies.plans import Bound, Compare, Outer, Row, Values
from policies.principals import AgentName, Kind, Scope
from policies.resources import PROTECTED, mapper_of
from storage.records import Holding, Record
from storage.staff import StaffRole


def _staff(role: StaffRole) -> Shape:
    """As they are once they have stepped up: whatever a rule gives to this job, it gives to them."""
    return Shape(Kind.STAFF, roles=frozenset({role}), mfa=True, stepped_up=True)


ROLES: dict[str, Shape] = {
    "anonymous": Shape(Kind.ANONYMOUS),
    "contributor": Shape(Kind.CONTRIBUTOR),
    "contributor, stepped up": Shape(Kind.CONTRIBUTOR, stepped_up=True),
    "departing contributor": Shape(Kind.DEPARTING),
    **{f"API key: {scope}": Shape(Kind.API_KEY, scopes=frozenset({scope})) for scope in Scope},
    **{f"agent: {name}": Shape(Kind.AGENT, name=name, delegated=True) for name in AgentName},
    **{f"staff: {role.lower()}": _staff(role) for role in StaffRole},
}
"""Everybody who can ask, by the words a page uses. Each is one shape for which the policy is compiled."""


_AS = ", as "
"""Behind it stands who alone is shown a field that is withheld from contributors."""


@dataclass
class Resource:
    """One kind of thing. `rights` holds, by role and action, the numbers of `ways`, which count from 1."""

    name: str
    ways: list[str] = field(default_factory=list)
    rights: dict[str, dict[Action, list[int]]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    """What each field takes to be seen: `read`, the action that it opens with, or nothing that anybody has."""

    def actions(self) -> list[Action]:
        """What can be done with it by anybody, reading first."""
        found = {action for rights in self.rights.values() for action in rights}
        return sorted(found, key=lambda action: (not action.startswith("read"), action))

    def seen_by(self, field: str) -> list[str]:
        """The roles that see a field of some row."""
        needed, _, kind = self.fields[field].partition(_AS)
        return [role for role, rights in self.rights.items() if role.startswith(kind) and needed in map(str, rights)]


@lru_cache(maxsize=1)
def matrix(policy: Policy) -> list[Resource]:
    """The whole table: the platform first, then each model in alphabetical order. Whoever asks shares it."""
    platform = Resource("Platform", ["always"])
    for role, shape in ROLES.items():
        platform.rights[role] = {action: [1] for action in sorted(policy.platform_actions(shape))}
    return [platform, *(_resource(policy, model) for model in PROTECTED)]


def _resource(policy: Policy, model: type[Record]) -> Resource:
    found = Resource(model.__name__, fields=dict(_fields(model)))
    for role, shape in ROLES.items():
        plans = policy.decisions(shape, model).plans
        found.rights[role] = {action: sorted(_number(found, way) for way in plans[action]) for action in sorted(plans)}
    return _renumbered(found)


def _number(resource: Resource, way: Row) -> int:
    words = way_in_words(way)
    if words not in resource.ways:
        resource.ways.append(words)
    return resource.ways.index(words) + 1


def _renumbered(resource: Resource) -> Resource:
    """The same, with ways numbered from the plainest on, so that a page does not depend on the order of a set."""
    order = sorted(resource.ways, key=lambda words: (len(words), words))
    new = {number: order.index(words) + 1 for number, words in enumerate(resource.ways, 1)}
    for rights in resource.rights.values():
        for action, ways in rights.items():
            rights[action] = sorted(new[number] for number in ways)
    resource.ways = order
    return resource


def _fields(model: type[Record]) -> Iterator[tuple[str, str]]:
    for key, column in mapper_of(model).columns.items():
        credential = (column.info.get("under") or model.sealed_under) == "platform"
        opened = "nothing" if credential else str(column.info.get("opens_with"))
        plain = f"{Action.READ}{_AS}staff" if column.info.get("withheld") else str(Action.READ)
        shown = {Holding.PLAIN: plain, Holding.SEALED: opened}
        yield str(key), shown.get(column.info["holding"], "nothing")


def way_in_words(way: Row, depth: int = 0) -> str:
    """What must be true of a row for this way: `owner_id is theirs`. `depth` counts the relations that lead here."""
    near = sorted(_condition(condition, depth) for condition in way.conditions)
    far = sorted(f"{name}: {way_in_words(row, depth + 1)}" for name, row in way.related)
    return ", ".join([*near, *far]) or "every row"


def _condition(condition: Compare, depth: int) -> str:
    sign = {"=": "is", "!=": "is not"}.get(condition.operator, condition.operator)
    match condition.operand:
        case Bound(parameter):
            return f"{condition.column} {sign} {'theirs' if parameter == PRINCIPAL.parameter else 'that of its run'}"
        case Outer(up, column):
            whose = "the row's" if up == depth else "its own" if not up else f"{up} further out"
            return f"{condition.column} {sign} {whose} {column}"
        case Values((True,)) if condition.operator == "=":
            return condition.column
        case Values(values):
            return f"{condition.column} {sign} {' or '.join(_value(value) for value in values)}"


def _value(value: Any) -> str:
    return "nothing" if value is None else str(getattr(value, "value", value))
