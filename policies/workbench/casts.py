"""The small world that scenarios decide about: who asks, and what there is, as `world.yaml` describes it."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Enum, Integer, LargeBinary, Uuid, inspect
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.types import TypeDecorator

from policies.principals import ANONYMOUS, Kind, Principal
from policies.resources import PLATFORM, PROTECTED, RELATED, mapper_of
from storage.records import Holding, Record
from storage.sealed import Sealed

MODELS: dict[str, type[Record]] = {model.__name__: model for model in (*PROTECTED, *RELATED)}
THE_PLATFORM = "the platform"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Unclear(Exception):
    """Scenarios say something that can't be meant. The message says what, and what there is instead."""


def id_of(name: str) -> uuid.UUID:
    """The id of what a world calls `name`: the same in every world."""
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


@dataclass
class World:
    """People and things by name."""

    people: dict[str, Principal] = field(default_factory=dict)
    things: dict[str, Record] = field(default_factory=dict)

    def thing(self, name: str) -> object:
        """What is called `name`; the platform too."""
        return PLATFORM if name == THE_PLATFORM else self.things[name]

    def names(self) -> dict[uuid.UUID, str]:
        """What to call an id where a person reads it."""
        return {id_of(name): name for name in (*self.people, *self.things)}


def build(people: Mapping[str, Any], things: Mapping[str, Any]) -> World:
    """A world from its description. Raises Unclear."""
    world = World()
    for model, named in things.items():
        if model not in MODELS:
            raise Unclear(f"there is no {model}: {', '.join(sorted(MODELS))}")
        for name, values in named.items():
            if name in world.things or name == THE_PLATFORM:
                raise Unclear(f"“{name}” names two things")
            world.things[name] = row(MODELS[model], name, values or {})
    connect(world.things.values())
    for name, said in people.items():
        world.people[name] = principal(name, said or {})
    return world


def row(model: type[Record], name: str, values: Mapping[str, Any]) -> Record:
    """A row of `model` with these values. `owner: ada` gives owner_id the id of what is called ada; the rest is filled.

    A nullable column that is not named stays empty. Raises Unclear for a column that there isn't.
    """
    columns = {str(key): column for key, column in mapper_of(model).columns.items()}
    given: dict[str, Any] = {}
    for said, value in values.items():
        key = f"{said}_id" if f"{said}_id" in columns else said
        if key not in columns or columns[key].info.get("holding") is not Holding.PLAIN:
            raise Unclear(f"“{name}”: a rule can't look at {model.__name__}.{said}")
        given[key] = _as_kept(columns[key], value, f"“{name}”: {said}")
    for key, column in columns.items():
        if key not in given and (column.primary_key or not column.nullable):
            given[key] = _filled(column, key, name)
    return model(**given)


def principal(name: str, said: Mapping[str, Any]) -> Principal:
    """Whoever `said` describes; nothing said is nobody. Raises Unclear."""
    known = {"contributor", "stepped_up", "departing", "key of", "scopes", "agent", "for", "run", "staff", "called"}
    if strange := sorted(set(said) - known):
        raise Unclear(f"“{name}”: “{strange[0]}” says nothing about a person; known are {', '.join(sorted(known))}")
    proven = bool(said.get("stepped_up", "staff" in said))
    if "contributor" in said:
        return Principal(Kind.CONTRIBUTOR, id=_id(said["contributor"]), mfa=proven, stepped_up=proven)
    if "departing" in said:
        return Principal(Kind.DEPARTING, id=_id(said["departing"]))
    if "key of" in said:
        scopes = frozenset(map(str, said.get("scopes") or ()))
        return Principal(Kind.API_KEY, id=id_of(name), scopes=scopes, on_behalf_of=_id(said["key of"]))
    if "agent" in said:
        whom, run = said.get("for"), said.get("run")
        return Principal(Kind.AGENT, name=str(said["agent"]), on_behalf_of=whom and _id(whom), run=run and _id(run))
    if "staff" in said:
        roles = frozenset(map(str, said["staff"] or ()))
        return Principal(Kind.STAFF, id=_id(said.get("called", name)), roles=roles, mfa=True, stepped_up=proven)
    return ANONYMOUS


def connect(rows: Iterable[Record]) -> None:
    """Fill the relations between `rows`, by equal columns, without a database."""
    listed = list(rows)
    for one in listed:
        mapper: Any = inspect(type(one))
        for name, relation in mapper.relationships.items():
            pairs = [(local.key, remote.key) for local, remote in relation.local_remote_pairs]
            found = [
                other
                for other in listed
                if isinstance(other, relation.mapper.class_)
                and all(_tied(getattr(one, mine), getattr(other, theirs)) for mine, theirs in pairs)
            ]
            set_committed_value(one, name, found if relation.uselist else next(iter(found), None))


def _tied(mine: object, theirs: object) -> bool:
    """As a database sees it: nothing equals nothing."""
    return mine is not None and mine == theirs


def _id(said: Any) -> uuid.UUID:
    try:
        return uuid.UUID(str(said))
    except ValueError:
        return id_of(str(said))


def _as_kept(column: Column[Any], value: Any, where: str) -> Any:
    kind = column.type
    if value is None or isinstance(kind, JSON):
        return value
    if isinstance(kind, Uuid):
        return _id(value)
    if isinstance(kind, Enum) and kind.enum_class is not None:
        members = [str(member.value) for member in kind.enum_class]
        # A value that no rule knows may be meant: it must not come to mean another one.
        return kind.enum_class(value) if str(value) in members else str(value)
    plain = kind.impl if isinstance(kind, TypeDecorator) else kind
    if isinstance(plain, DateTime) and not isinstance(value, datetime):
        raise Unclear(f"{where} is a time: write 2026-01-31T12:00:00Z")
    return value


def _filled(column: Column[Any], key: str, name: str) -> Any:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if column.info.get("holding") is Holding.SEALED:
        return Sealed(b"\x01nothing")
    if isinstance(kind, Uuid):
        return id_of(name) if column.primary_key else id_of(f"{name}: {key}")
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return next(iter(kind.enum_class))
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, LargeBinary):
        return id_of(f"{name}: {key}").bytes
    if isinstance(kind, DateTime):
        return _EPOCH
    if isinstance(kind, Integer):
        return 0
    return {} if isinstance(kind, JSON) else f"{name}: {key}"[:40]
