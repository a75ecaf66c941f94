"""The registry: what may be recorded, and that nothing else can be."""

import dataclasses
import importlib
import uuid
from pathlib import Path
from typing import Any

import pytest

import storage
from storage.ledger import catalogue
from storage.ledger.events import (
    REGISTRY,
    AccessDenied,
    AssetUploaded,
    Category,
    ContentRead,
    Event,
    EventRefused,
    Identifier,
    PreferencesUpdated,
    RefusalCode,
    Resource,
)
from storage.ledger.events.base import camel_case, detail_fields
from storage.records import Record

ANY_ID = uuid.UUID("0199aaaa-0000-7000-8000-000000000001")


def define(annotations: dict[str, Any], **attributes: Any) -> type[Event]:
    """Define an event with these fields, as a module of the registry would."""
    usual = {
        "__doc__": "It happened.",
        "__module__": __name__,
        "action": "thing.happened",
        "category": Category.USER_ACTION,
        "resource": Resource.ASSET,
    }
    return type("ThingHappened", (Event,), {**usual, **attributes, "__annotations__": annotations})


@pytest.mark.parametrize(
    "annotations",
    [
        {"title": str},
        {"title": str | None},
        {"share": float},
        {"names": tuple[str, ...]},
        {"ids": list[uuid.UUID]},
        {"anything": Any},
        {"extra": dict[str, int]},
        {"content": bytes},
        {"either": int | bool},
    ],
    ids=str,
)
def test_a_class_with_a_free_field_is_refused(annotations: dict[str, Any]) -> None:
    """An event that could hold text, or anything unforeseen, can't even be defined, and is not registered."""
    with pytest.raises(EventRefused, match="only numbers, booleans, enums, ids and identifiers"):
        define(annotations)
    assert "thing.happened" not in REGISTRY


@pytest.mark.parametrize("name", ["owner_id", "contributor_id", "member_id", "user_ids", "new_owner_id"])
def test_a_person_among_the_details_is_refused(name: str) -> None:
    """Details stay for ever, so a person's id has no place in them."""
    with pytest.raises(EventRefused, match="goes into subject_id or resource_id"):
        define({name: uuid.UUID})
    assert "thing.happened" not in REGISTRY


@pytest.mark.parametrize(
    "attributes",
    [
        {"__doc__": None},
        {"__doc__": " "},
        {"action": "Thing.Happened"},
        {"action": "happened"},
        {"category": "user_action"},
    ],
    ids=str,
)
def test_an_event_says_when_it_happens_and_what_it_is(attributes: dict[str, Any]) -> None:
    """Without docstring, grammatical action or category there is no event."""
    with pytest.raises(EventRefused):
        define({}, **attributes)
    assert "thing.happened" not in REGISTRY


def test_an_action_names_one_event_only() -> None:
    """A second event can't take the action of the first."""
    with pytest.raises(EventRefused, match="taken by AssetUploaded"):
        define({}, action="asset.uploaded")
    assert REGISTRY["asset.uploaded"] is AssetUploaded


def test_an_unknown_key_is_refused() -> None:
    """What an event does not declare can't be recorded in it."""
    with pytest.raises(TypeError, match="file_name"):
        AssetUploaded(resource_id=ANY_ID, subject_id=ANY_ID, project_id=ANY_ID, byte_size=1, file_name="x")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "value", ["12", "a private title", 1.0, True, 2**53, -(2**53), None, b"1"], ids=lambda value: type(value).__name__
)
def test_a_value_of_another_type_is_refused_without_showing_it(value: Any) -> None:
    """A number's field takes whole numbers that every JSON reader keeps; the refusal does not repeat the value."""
    with pytest.raises(EventRefused) as refusal:
        AssetUploaded(resource_id=ANY_ID, subject_id=ANY_ID, project_id=ANY_ID, byte_size=value)
    assert str(refusal.value) == f"asset.uploaded: byte_size does not take this {type(value).__name__}"


def test_a_number_is_no_boolean() -> None:
    """Where yes or no is recorded, 1 is refused."""
    with pytest.raises(EventRefused, match="training"):
        PreferencesUpdated(
            resource_id=ANY_ID,
            subject_id=ANY_ID,
            style_learning=False,
            training=1,  # type: ignore[arg-type]
            analytics=False,
            strip_metadata=False,
            support_access=False,
            services=(),
        )


def test_text_is_no_enum_and_no_identifier() -> None:
    """A word from a list must be the list's own, and a name must have been checked."""
    fields: dict[str, Any] = {"resource_id": None, "subject_id": None, "resource_kind": Resource.ASSET}
    with pytest.raises(EventRefused, match="code"):
        AccessDenied(**fields, attempted=Identifier("read"), code="FORBIDDEN")  # type: ignore[arg-type]
    with pytest.raises(EventRefused, match="attempted"):
        AccessDenied(**fields, attempted="read", code=RefusalCode.FORBIDDEN)  # type: ignore[arg-type]


def test_a_list_of_ids_ends_at_a_hundred() -> None:
    """A hundred ids are recorded, one more is refused, and so is anything that is no id."""
    ids = tuple(uuid.uuid4() for _ in range(101))
    fields: dict[str, Any] = {
        "resource_id": None,
        "subject_id": ANY_ID,
        "resource_kind": Resource.ASSET,
        "object_count": 1,
    }
    assert len(ContentRead(**fields, object_ids=ids[:100]).details()["objectIds"]) == 100
    for wrong in (ids, list(ids[:2]), ("0199aaaa",)):
        with pytest.raises(EventRefused, match="object_ids"):
            ContentRead(**fields, object_ids=wrong)  # type: ignore[arg-type]


def test_reading_a_profile_records_no_ids() -> None:
    """Things keyed by a person's id are counted, not listed."""
    fields: dict[str, Any] = {"resource_id": None, "subject_id": ANY_ID, "resource_kind": Resource.CONTRIBUTOR}
    with pytest.raises(EventRefused, match="only the count"):
        ContentRead(**fields, object_count=1, object_ids=(ANY_ID,))
    counted = {"objectCount": 1, "objectIds": [], "role": None, "reason": None}
    assert ContentRead(**fields, object_count=1, object_ids=()).details() == counted


@pytest.mark.parametrize(
    "name", ["smollm2-135m", "gpt-4", "create_project", "agent:generation", "qwen2.5:0.5b", "a" * 80]
)
def test_names_of_models_and_actions_are_identifiers(name: str) -> None:
    """What operators configure and the program calls its own actions passes."""
    assert Identifier(name) == name


@pytest.mark.parametrize("name", ["", "A sentence.", "two words", "-x", "é", "x\n", "a" * 81, "mail@example.org", "{}"])
def test_text_is_no_identifier(name: str) -> None:
    """Sentences, addresses and the like are refused, and not repeated in the refusal."""
    with pytest.raises(ValueError, match="not an identifier") as refusal:
        Identifier(name)
    assert len(name) < 3 or name not in str(refusal.value)


def test_every_model_is_a_kind_of_thing() -> None:
    """A refusal can name any model: each has its word in the trail."""
    room = Path(storage.__path__[0])
    for file in room.rglob("*.py"):
        if "(Record):" in file.read_text(encoding="utf-8"):
            importlib.import_module(".".join(file.relative_to(room.parent).with_suffix("").parts))
    names = {mapper.class_.__name__ for mapper in Record.registry.mappers} | {"Platform"}
    assert {name: Resource.of(name) for name in names}.keys() == names
    assert Resource.of("StyleProfile") is Resource.STYLE_PROFILE


def test_a_person_behind_any_kind_of_thing_is_known() -> None:
    """Every model whose only key is a person's id counts as a person."""
    assert {kind for kind in Resource if kind.is_person} == {
        Resource.CONTRIBUTOR,
        Resource.NOTICE_SETTINGS,
        Resource.PRIVACY_PREFERENCES,
        Resource.PROJECT_MEMBER,
        Resource.STAFF_MEMBER,
        Resource.STYLE_PROFILE,
    }


def test_every_category_is_used() -> None:
    """User actions, agents' actions, the system's decisions, security events and staff's actions all have events."""
    assert {event.category for event in REGISTRY.values()} == set(Category)


def test_events_are_frozen() -> None:
    """An event can't be changed between its making and its writing."""
    event = AssetUploaded(resource_id=ANY_ID, subject_id=ANY_ID, project_id=ANY_ID, byte_size=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.byte_size = 2  # type: ignore[misc]


def test_the_page_of_events_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/audit-events.md says what the registry says."""
    assert catalogue.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_a_page_that_is_behind_is_found(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check changes nothing, fails, and says what to run; without it the page is written."""
    page = tmp_path / "docs" / "audit-events.md"
    monkeypatch.setattr(catalogue, "PAGE", page)
    assert catalogue.main(["--check"]) == 1
    assert "python -m storage.ledger.catalogue" in capsys.readouterr().err
    assert not page.exists()
    assert catalogue.main([]) == 0
    assert page.read_text() == catalogue.page()
    assert catalogue.main(["--check"]) == 0


def test_the_page_describes_every_event_and_detail() -> None:
    """Each action has its section, with its own words and each of its details."""
    page = catalogue.page()
    for action, event in REGISTRY.items():
        section = page.partition(f"### `{action}`\n")[2].partition("\n###")[0]
        assert (event.__doc__ or "").strip().splitlines()[0] in section
        for name in detail_fields(event):
            assert f"| `{camel_case(name)}` |" in section
