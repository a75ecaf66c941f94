"""The registry of events, and what may be recorded in one.

An event is a subclass of `Event`: its docstring says when it happens, its fields are exactly what is recorded. Details
are an allow-list: whole numbers, booleans, enums, ids and identifiers. There is no way to put free text into an event:
a class with such a field can't be defined, and a value of another type than its field's is refused when written.
"""

import dataclasses
import enum
import inspect
import re
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, dataclass_transform

from storage.ledger.events.values import Category, Identifier, Resource

MOST_IDS = 100
"""The most ids or identifiers one detail may list: a page of a list is never longer."""

_ENVELOPE = frozenset({"resource_id", "resource_kind", "subject_id", "grant_id", "rule"})
_RECORDED: dict[Any, Mapping[str, Any]] = {}
"""What `recorded` answers."""
_FORMS: "dict[Any, _Form]" = {}
_ACTION = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
_PERSON = re.compile(r"(^|_)(actor|author|contributor|member|owner|person|staff|subject|user)_ids?$")
_LARGEST = 2**53 - 1  # beyond it a JSON number is not the same in every reader (RFC 8785, section 3.2.2.3)

REGISTRY: "dict[str, type[Event]]" = {}
"""Every event there is, by action."""


class EventRefused(TypeError):
    """An event, or a class of events, that would record something the trail must not hold. Never shows the value."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """What happened. Subclasses become frozen dataclasses with keyword arguments, and are entered in `REGISTRY`.

    `resource_id` is the thing it happened to; `subject_id` is the contributor whose data it concerns, None only where
    there is nobody; `grant_id` is the access grant under which it was allowed; `rule` is the rule that decided.
    Raises EventRefused for a value that is not of its field's type.
    """

    action: ClassVar[str]
    category: ClassVar[Category]
    resource: ClassVar[Resource]

    resource_id: uuid.UUID | None
    subject_id: uuid.UUID | None
    grant_id: uuid.UUID | None = None
    rule: Identifier | None = None

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(frozen=True, kw_only=True)(_examined(cls))
        if REGISTRY.setdefault(cls.action, cls) is not cls:
            raise EventRefused(f"{cls.action} is taken by {REGISTRY[cls.action].__name__}")

    def __post_init__(self) -> None:
        for name, fits in _form(type(self)).fields:
            value = getattr(self, name)
            if not fits(value):
                raise EventRefused(f"{self.action}: {name} does not take this {type(value).__name__}")

    def about(self) -> Resource:
        """The kind of thing that `resource_id` names."""
        return self.resource

    def aside(self) -> bool:
        """Whether `resource_id` stands on the personal side, whatever its kind: a caller gave it, and it may be any."""
        return False

    def details(self) -> dict[str, Any]:
        """The details as they stand in the leaf: camelCase names; ids as text, enums by value."""
        return {key: _plain(getattr(self, name)) for key, name in _form(type(self)).details}

    def detail_ids(self) -> set[uuid.UUID]:
        """Every id among the details."""
        found: set[uuid.UUID] = set()
        for name in _form(type(self)).ids:
            value = getattr(self, name)
            if isinstance(value, tuple):
                found.update(value)
            elif value is not None:
                found.add(value)
        return found


def recorded(kind: type[Event]) -> Mapping[str, Any]:
    """The fields of an event and their types, in order."""
    if kind not in _RECORDED:
        hints = typing.get_type_hints(kind)
        _RECORDED[kind] = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    return _RECORDED[kind]


class _Form(NamedTuple):
    """What is to be known of an event's fields, worked out once: each entry of the trail asks for it."""

    fields: tuple[tuple[str, Callable[[Any], bool]], ...]
    """Each of them, and whether it takes a value."""
    details: tuple[tuple[str, str], ...]
    """What the leaf calls a detail, and the field that it is."""
    ids: tuple[str, ...]
    """The details that are ids."""


def _form(kind: type[Event]) -> _Form:
    if kind not in _FORMS:
        details = detail_fields(kind)
        _FORMS[kind] = _Form(
            tuple((name, _fitting(hint)) for name, hint in recorded(kind).items()),
            tuple((camel_case(name), name) for name in details),
            tuple(name for name, hint in details.items() if required_type(hint) in (uuid.UUID, tuple[uuid.UUID, ...])),
        )
    return _FORMS[kind]


def detail_fields(kind: type[Event]) -> dict[str, Any]:
    """The fields that make up the event's details, and their types."""
    return {name: hint for name, hint in recorded(kind).items() if name not in _ENVELOPE}


def camel_case(name: str) -> str:
    """`prompt_length` as clients and auditors read it: `promptLength`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def required_type(kind: Any) -> Any:
    """The type of a field without the `| None` that makes it optional."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        members = [member for member in typing.get_args(kind) if member is not types.NoneType]
        return members[0] if len(members) == 1 else kind
    return kind


def _examined(cls: type[Event]) -> type[Event]:
    if not (cls.__doc__ or "").strip():
        raise EventRefused(f"{cls.__name__}: say in a docstring when it happens")
    if not _ACTION.fullmatch(getattr(cls, "action", "")):
        raise EventRefused(f"{cls.__name__}: an action is a thing and what befell it, such as asset.created")
    if not isinstance(getattr(cls, "category", None), Category) or not isinstance(
        getattr(cls, "resource", None), Resource
    ):
        raise EventRefused(f"{cls.__name__}: name its category and its resource")
    own: dict[str, Any] = inspect.get_annotations(cls, eval_str=True)  # those it inherits were looked at before
    for name, kind in own.items():
        if typing.get_origin(kind) is ClassVar:
            continue
        if not _is_allowed(required_type(kind)):
            raise EventRefused(f"{cls.__name__}.{name}: only numbers, booleans, enums, ids and identifiers")
        if name not in _ENVELOPE and _PERSON.search(name):
            raise EventRefused(f"{cls.__name__}.{name}: a person's id goes into subject_id or resource_id")
    return cls


def _is_allowed(kind: Any) -> bool:
    if kind in (tuple[uuid.UUID, ...], tuple[Identifier, ...]):
        return True
    return isinstance(kind, type) and (kind in (int, bool, uuid.UUID, Identifier) or issubclass(kind, enum.StrEnum))


def _fitting(kind: Any) -> Callable[[Any], bool]:
    plain = required_type(kind)
    if plain == tuple[uuid.UUID, ...]:
        takes: Callable[[Any], bool] = _is_ids
    elif plain == tuple[Identifier, ...]:
        takes = _is_identifiers
    else:
        takes = _is_number if plain is int else lambda value: isinstance(value, plain)
    return takes if plain is kind else lambda value: value is None or takes(value)


def _is_ids(value: Any) -> bool:
    return type(value) is tuple and len(value) <= MOST_IDS and all(isinstance(one, uuid.UUID) for one in value)


def _is_identifiers(value: Any) -> bool:
    return type(value) is tuple and len(value) <= MOST_IDS and all(isinstance(one, Identifier) for one in value)


def _is_number(value: Any) -> bool:
    return type(value) is int and abs(value) <= _LARGEST


def _plain(value: Any) -> Any:
    if isinstance(value, (uuid.UUID, Identifier)):
        return str(value)
    if isinstance(value, enum.StrEnum):
        return value.value
    return [str(one) for one in value] if isinstance(value, tuple) else value
