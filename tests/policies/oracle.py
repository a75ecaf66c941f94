"""The oracle: oso deciding about one Python object at a time, which is what policy.polar means.

It shares with the door the text of the policy and the classes that rules name, and nothing else: no plan, no SQL.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Any

from oso import Oso
from polar.exceptions import OsoError
from sqlalchemy import inspect
from sqlalchemy.orm.attributes import set_committed_value

from policies.facts import FACTS, Agent, Departing, Key, Person, Staff
from policies.principals import Kind, Principal
from policies.resources import PROTECTED, RELATED, Platform
from storage.records import Record
from tests.policies.courses import Courses

_text = str.__str__
"""A word as text alone. A member of an enumeration equals its text, but oso asks Python about it each time."""


class Oracle:
    """One version of the policy, asked about objects."""

    def __init__(self, source: str) -> None:
        self._oso = Oso()
        for known in (*FACTS, Platform, *PROTECTED, *RELATED):
            self._oso.register_constant(known, self._oso.host.cache_class(known))
        self._oso.host.register_mros()  # `register_class` does so anew with each class
        self.take(source)

    def take(self, source: str) -> None:
        """Decide by this policy from now on, and by nothing of the one before. Raises OsoError where it does not load.

        To tell oso of all classes takes as long as to load a policy, and they are the same for each.
        """
        self._oso.clear_rules()
        self._oso.load_str(source)
        self._courses = Courses(self._oso)

    def actions(self, principal: Principal, thing: object) -> set[str]:
        """Everything that the principal may do with the thing. A rule that can't be decided allows nothing."""
        facts = _facts(principal)
        if facts is None:
            return set()
        found: set[str] = set()
        with suppress(OsoError):
            found.update(self._courses.names("allow", facts, thing))
        return found


@cache
def shared(source: str) -> Oracle:
    """One for all tests that ask by the same policy: what answers alike is not asked about again. It takes no other."""
    return Oracle(source)


def _facts(principal: Principal) -> object | None:
    delegator = Person(principal.on_behalf_of, stepped_up=False) if principal.on_behalf_of else None
    match principal.kind:
        case Kind.CONTRIBUTOR:
            return Person(principal.id, principal.stepped_up)
        case Kind.DEPARTING:
            return Departing(principal.id)
        case Kind.API_KEY if delegator:
            return Key(delegator, sorted(map(_text, principal.scopes)))
        case Kind.AGENT:
            return Agent(_text(principal.name or ""), delegator, principal.run)
        case Kind.STAFF:
            return Staff(principal.id, sorted(map(_text, principal.roles)), principal.mfa, principal.stepped_up)
    return None


def connect(rows: Iterable[Record]) -> None:
    """Fill the relations between `rows` in Python, by equal columns, without asking the database."""
    by_model: dict[type, list[Any]] = defaultdict(list)
    for row in rows:
        by_model[type(row)].append(row)
    for model, members in by_model.items():
        mapper: Any = inspect(model)
        for name, relation in mapper.relationships.items():
            pairs = [(local.key, remote.key) for local, remote in relation.local_remote_pairs]
            others = by_model[relation.mapper.class_]
            for row in members:
                found = [o for o in others if all(_tied(getattr(row, a), getattr(o, b)) for a, b in pairs)]
                set_committed_value(row, name, found if relation.uselist else next(iter(found), None))


def _tied(mine: object, theirs: object) -> bool:
    """As a database sees it: nothing equals nothing."""
    return mine is not None and mine == theirs
