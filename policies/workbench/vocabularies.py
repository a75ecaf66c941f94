"""The names that a policy may use, taken from the program: classes, their fields, actions, what ids lists hold."""

import dataclasses
import difflib
from collections.abc import Iterable

from policies.actions import Action
from policies.facts import FACTS
from policies.principals import AgentName, Scope
from policies.resources import PROTECTED, RELATED, Platform, mapper_of, worked_out
from storage.records import Record
from storage.staff import StaffRole

_KNOWN: tuple[type, ...] = (*FACTS, Platform, *PROTECTED, *RELATED)
CLASSES: dict[str, type] = {known.__name__: known for known in _KNOWN}
KINDS = ("String", "Integer", "Float", "Boolean", "List", "Dictionary", "Actor", "Resource")
THINGS = frozenset({Platform.__name__, *(model.__name__ for model in PROTECTED)})
ACTIONS = frozenset(map(str, Action))

LISTED: dict[tuple[str, str], frozenset[str]] = {
    ("Key", "scopes"): frozenset(map(str, Scope)),
    ("Staff", "roles"): frozenset(map(str, StaffRole)),
    ("Agent", "name"): frozenset(map(str, AgentName)),
}
"""Fields of whoever asks that hold one of a few words, or a list of them."""

_FOLLOWED = {("Key", "person"): "Person", ("Agent", "person"): "Person"}


def fields(name: str) -> list[str] | None:
    """The fields of a class; None for what has none that we know."""
    known = CLASSES.get(name)
    if known is None:
        return None
    if issubclass(known, Record):
        mapper = mapper_of(known)
        return [*map(str, mapper.columns.keys()), *worked_out(known), *map(str, mapper.relationships.keys())]
    return [part.name for part in dataclasses.fields(known)] if dataclasses.is_dataclass(known) else []


def leads_to(name: str, field: str) -> tuple[str, bool] | None:
    """The class that a field leads to, and whether to many of it; None for a plain value."""
    if (name, field) in _FOLLOWED:
        return _FOLLOWED[name, field], False
    model = model_of(name)
    relation = mapper_of(model).relationships.get(field) if model else None
    return (relation.mapper.class_.__name__, bool(relation.uselist)) if relation is not None else None


def model_of(name: str) -> type[Record] | None:
    """The model of that name, if it is one."""
    known = CLASSES.get(name)
    return known if known is not None and issubclass(known, Record) else None


def near(word: str, known: Iterable[str]) -> str:
    """The known word that was most likely meant; empty if none is like it."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), "")
