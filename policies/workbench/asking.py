"""What the tracer is given: whoever asks as rules see them, the classes rules name, and rows with their relations."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import inspect, select

from policies.facts import Agent, Departing, Key, Person, Staff
from policies.principals import Kind, Principal
from policies.resources import mapper_of
from policies.workbench.bindings import classes_of
from policies.workbench.terms import Document, Rule
from policies.workbench.tracing import Tracer
from policies.workbench.vocabularies import CLASSES
from storage.database import Transaction
from storage.records import Record


class _NoId:
    """The id of somebody who has none. In the database it is NULL, which equals nothing."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "no id"


NO_ID = _NoId()


def facts_of(principal: Principal) -> object | None:
    """What rules see of `principal`, ids and all; None for somebody about whom nothing is known."""
    whom = principal.on_behalf_of or NO_ID
    match principal.kind:
        case Kind.CONTRIBUTOR:
            return Person(principal.id or NO_ID, principal.stepped_up)
        case Kind.DEPARTING:
            return Departing(principal.id or NO_ID)
        case Kind.API_KEY:
            return Key(Person(whom, stepped_up=False), sorted(principal.scopes))
        case Kind.AGENT:
            person = Person(whom, stepped_up=False) if principal.on_behalf_of else None
            return Agent(principal.name or "", person, principal.run or NO_ID)
        case Kind.STAFF:
            return Staff(principal.id, sorted(principal.roles), principal.mfa, principal.stepped_up)
    return None


def reader(
    document: Document, rules: Sequence[Rule] | None = None, look: Callable[[Any, str], Any] = getattr
) -> Tracer:
    """A tracer of the policy, or of other `rules` in its stead."""
    return Tracer(document.rules if rules is None else rules, classes_of(document, CLASSES), look)


def looking_into(session: Transaction) -> Callable[[Any, str], Any]:
    """A reader of fields that follows relations in the database, each once; those that a row came with are believed."""
    remembered: dict[tuple[int, str], Any] = {}

    def look(thing: Any, name: str) -> Any:
        if not isinstance(thing, Record):
            return getattr(thing, name)
        relation = mapper_of(type(thing)).relationships.get(name)
        if relation is None or name in inspect(thing).dict:
            return getattr(thing, name)
        if (id(thing), name) not in remembered:
            target = relation.mapper.class_
            tied = [
                inspect(target).columns[str(remote.key)] == getattr(thing, str(local.key))
                for local, remote in relation.local_remote_pairs or ()
            ]
            found = list(session.scalars(select(target).where(*tied)))
            remembered[id(thing), name] = found if relation.uselist else next(iter(found), None)
        return remembered[id(thing), name]

    return look
