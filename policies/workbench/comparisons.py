"""What one policy allows and another does not: told from the plans, so that no row has to exist for it to show."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from policies.actions import Action
from policies.compiled import Policy
from policies.facts import Shape
from policies.plans import Compare, Plan, Row, Values
from policies.resources import PROTECTED
from policies.workbench.matrices import ROLES, way_in_words
from storage.records import Record


@dataclass(frozen=True)
class Change:
    """A right that a role has by one policy and not by the other, in the ways of `ways`. `model` None: the platform."""

    role: str
    shape: Shape
    model: type[Record] | None
    action: Action
    gained: bool
    ways: tuple[str, ...]

    @property
    def resource(self) -> str:
        """The name of the kind of thing."""
        return self.model.__name__ if self.model else "Platform"

    @property
    def digest(self) -> str:
        """Names this very change: another way, role or action has another one, a comment in the policy has not."""
        said = "\n".join([self.role, self.resource, self.action, *self.ways])
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def changes(old: Policy, new: Policy) -> Iterator[Change]:
    """Every right gained or lost, by role, resource and action; gains first."""
    found = [change for role, shape in ROLES.items() for change in _of_role(role, shape, old, new)]
    yield from sorted(found, key=lambda change: (not change.gained, change.resource, change.action))


def _of_role(role: str, shape: Shape, old: Policy, new: Policy) -> Iterator[Change]:
    before, after = old.platform_actions(shape), new.platform_actions(shape)
    for action in sorted(before ^ after):
        yield Change(role, shape, None, action, action in after, ("always",))
    for model in PROTECTED:
        earlier, later = old.decisions(shape, model).plans, new.decisions(shape, model).plans
        for action in sorted(set(earlier) | set(later)):
            had, has = earlier.get(action, frozenset()), later.get(action, frozenset())
            for gained, ways in ((True, beyond(has, had)), (False, beyond(had, has))):
                if ways:
                    yield Change(role, shape, model, action, gained, tuple(sorted(map(way_in_words, ways))))


def beyond(plan: Plan, other: Plan) -> list[Row]:
    """The ways of `plan` that no way of `other` covers. Errs towards naming one too many."""
    covered = [each for way in other for each in _spread(way)]
    return [way for way in plan if not all(any(covers(wide, each) for wide in covered) for each in _spread(way))]


def covers(wider: Row, narrower: Row) -> bool:
    """Whether every row for which `narrower` holds is one for which `wider` holds, as far as their forms show it."""
    near = all(any(_implies(have, want) for have in narrower.conditions) for want in wider.conditions)
    far = all(any(name == other and covers(row, under) for other, under in narrower.related)
              for name, row in wider.related)  # fmt: skip
    return near and far


def _implies(have: Compare, want: Compare) -> bool:
    if have == want:
        return True
    if not isinstance(have.operand, Values) or not isinstance(want.operand, Values) or have.column != want.column:
        return False
    if have.operator == "=" and want.operator == "=":
        return set(have.operand.any_of) <= set(want.operand.any_of)
    return have.operator == "=" and want.operator == "!=" and not set(have.operand.any_of) & set(want.operand.any_of)


def _spread(way: Row) -> list[Row]:
    """The same way once for each literal that it takes any of."""
    near: list[list[Compare]] = [_singles(condition) for condition in way.conditions]
    far: list[list[tuple[str, Row]]] = [[(name, row) for row in _spread(inner)] for name, inner in way.related]
    return [
        Row(frozenset(conditions), frozenset(related)) for conditions in product(*near) for related in product(*far)
    ]


def _singles(condition: Compare) -> list[Compare]:
    if not isinstance(condition.operand, Values):
        return [condition]
    values: tuple[Any, ...] = condition.operand.any_of
    return [replace(condition, operand=Values((value,))) for value in values]
