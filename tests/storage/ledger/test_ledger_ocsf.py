"""Entries as OCSF events: each event of the registry is valid under its published class, named or nameless."""

import enum
import functools
import json
import uuid
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from storage.ledger import ocsf
from storage.ledger.events import REGISTRY, Event, Identifier, Resource
from storage.ledger.events.base import recorded, required_type

EVENTS = sorted(
    (event for event in REGISTRY.values() if event.__module__.startswith("storage.")), key=lambda event: event.action
)
PERSON = "018f0000-0000-7000-8000-00000000ada0"
NAMED = {"userId": PERSON, "onBehalfOf": None, "ipAddress": "203.0.113.9", "userAgent": "Mozilla/5.0 (test)"}
NAMELESS = dict.fromkeys(NAMED)


@functools.cache
def published() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version=ocsf.VERSION))


@functools.cache
def validator(class_uid: int, profiles: tuple[str, ...]) -> Any:
    name = published().lookup_class_name_from_uid(class_uid=class_uid)
    schema = published().get_class_schema(class_name=name, profiles=list(profiles))
    return jsonschema.Draft202012Validator(schema)


def some(kind: Any) -> Any:
    """A value that an event's field takes."""
    plain = required_type(kind)
    if plain == tuple[uuid.UUID, ...]:
        return (uuid.UUID(int=7),)
    if issubclass(plain, enum.StrEnum):
        return Resource.PROJECT if plain is Resource else next(iter(plain))
    if plain == tuple[Identifier, ...]:
        return (Identifier("node:project:not_found:3"),)
    return {bool: True, int: 3, uuid.UUID: uuid.UUID(int=9), Identifier: Identifier("smollm2-135m")}[plain]


def form_of(event: type[Event], people: dict[str, Any], outcome: str = "SUCCESS") -> dict[str, Any]:
    """One entry of that kind, in its published form."""
    made = event(**{name: some(kind) for name, kind in recorded(event).items()})
    return {
        "id": str(uuid.UUID(int=1)),
        "timestamp": "2026-11-24T02:10:21.123Z",
        "category": event.category.value,
        "action": event.action,
        "outcome": outcome,
        "component": "api",
        "actorKind": "CONTRIBUTOR",
        "resource": made.about().value,
        "resourceId": str(uuid.UUID(int=2)) if people is NAMED else None,
        "details": made.details(),
        "grantId": None,
        "rule": None,
        "correlationId": str(uuid.UUID(int=3)),
        "policyVersion": "0123456789abcdef",
        **people,
    }


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from keys(member)
    elif isinstance(value, list):
        for member in value:
            yield from keys(member)


@pytest.mark.parametrize("outcome", ["SUCCESS", "DENIED", "FAILED"])
@pytest.mark.parametrize("people", [NAMED, NAMELESS], ids=["named", "anonymised"])
def test_every_event_is_valid_under_its_published_class(people: dict[str, Any], outcome: str) -> None:
    """With the people in it and without, however it went: OCSF's own schema of that class has nothing to say."""
    for event in EVENTS:
        form = form_of(event, people, outcome)
        made = ocsf.event(form, origin="muniment.test", index=41)
        problems = validator(made["class_uid"], tuple(made["metadata"]["profiles"])).iter_errors(made)
        assert [f"{event.action}: {each.json_path}: {each.message}" for each in problems] == []
        assert made["metadata"]["uid"] == form["id"]
        assert (made["time"], made["metadata"]["sequence"]) == (1795486221123, 41)
        assert made["unmapped"]["muniment"]["details"] == form["details"]
        assert json.loads(json.dumps(made)) == made


def test_no_field_that_is_made_for_content_is_filled() -> None:
    """OCSF has attributes for prompts, answers, queries and raw records; none of them ever stands in an event."""
    for event in EVENTS:
        made = ocsf.event(form_of(event, NAMED), origin="muniment.test")
        assert set(keys({**made, "unmapped": {}})) & ocsf.NEVER == set(), event.action


def test_an_anonymised_event_names_nobody() -> None:
    """Nothing of a person or their address is left anywhere in it."""
    for event in EVENTS:
        text = json.dumps(ocsf.event(form_of(event, NAMELESS), origin="muniment.test"))
        assert PERSON not in text, event.action
        assert "203.0.113.9" not in text, event.action


def test_a_refusal_and_a_generation_say_so_in_ocsfs_own_words() -> None:
    """Denied and blocked, with the operation that was refused; and the model with its provider."""
    refused = ocsf.event(form_of(REGISTRY["access.denied"], NAMED, "DENIED"), origin="o")
    assert (refused["class_uid"], refused["action_id"], refused["disposition_id"], refused["status_id"]) == (
        6003, 2, 2, 2,
    )  # fmt: skip
    made = ocsf.event(form_of(REGISTRY["output.stored"], NAMED), origin="o")
    assert made["ai_model"] == {"name": "smollm2-135m", "ai_provider": "smollm2-135m"}
