"""Preferences in the API's words: its fields are the register's (`storage.preferences`), switch by switch."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import strawberry

from resolvers import preferences
from schema.guards import mutation
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.contributors import PrivacyPreferences as PreferencesRow
from storage.preferences import REGISTER, SWITCHES, Family, Preference

T = TypeVar("T")

strawberry.enum(
    Family,
    name="PreferenceFamily",
    description="What a preference is about: what is taken in, what is done with it, who else gets it.",
)


def registered(*, optional: bool) -> Callable[[type[T]], type[T]]:
    """Gives a class one field for each preference of the register; `optional` ones may be left out of an input."""

    def with_fields(cls: type[T]) -> type[T]:
        own = dict(cls.__annotations__)
        cls.__annotations__ = {each.name: _kind(each, optional=optional) for each in REGISTER} | own
        for each in REGISTER:
            said = f"{each.label}. {each.allows}"
            setattr(cls, each.name, _field(said, optional=optional))
        return cls

    return with_fields


def _kind(each: Preference, *, optional: bool) -> Any:
    kind: Any = list[strawberry.ID] if each.named else bool
    return kind | None if optional else kind


def _field(description: str, *, optional: bool) -> Any:
    if optional:
        return strawberry.field(default=None, description=description)
    return strawberry.field(description=description)


@strawberry.type(description="Which optional uses of their work a contributor allows. Everything starts switched off.")
@registered(optional=False)
class PrivacyPreferences:
    """A contributor's choices."""

    updated_at: datetime = strawberry.field(description="When a choice was last changed.")


@strawberry.input(description="Choices to change. What is left out stays as it is; `services` replaces the whole list.")
@registered(optional=True)
class UpdatePrivacyPreferencesInput:
    """Input of updatePrivacyPreferences."""


@strawberry.type(description="The preferences as they are now.")
class UpdatePrivacyPreferencesPayload:
    """Answer of updatePrivacyPreferences."""

    privacy_preferences: PrivacyPreferences = strawberry.field(description="What you allow from now on.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def preferences_of(row: PreferencesRow) -> PrivacyPreferences:
    """A row of preferences in the API's words."""
    return PrivacyPreferences(**dict(_values(row)))


def _values(row: PreferencesRow) -> Iterator[tuple[str, Any]]:
    yield from ((name, getattr(row, name)) for name in SWITCHES)
    yield "services", [strawberry.ID(encode_id("Service", uuid.UUID(each))) for each in row.services]
    yield "updated_at", row.updated_at


@strawberry.type
class PreferencesMutations:
    """Mutations about what one allows."""

    @mutation(
        "Switch optional uses of your data on or off. It holds from the next operation on, queued and running work "
        "included; what was under way stops at its next step."
    )
    def update_privacy_preferences(
        self, info: Info, input: UpdatePrivacyPreferencesInput
    ) -> UpdatePrivacyPreferencesPayload:
        said: Any = input
        switches = {name: getattr(said, name) for name in SWITCHES}
        named = None if said.services is None else [decode_id_of("Service", each, "services") for each in said.services]
        row = preferences.update(info.context, switches, named)
        return UpdatePrivacyPreferencesPayload(
            privacy_preferences=preferences_of(row), audit_event_id=audit_event_id(info)
        )
