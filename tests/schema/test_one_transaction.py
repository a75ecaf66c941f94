"""Each mutation field is one transaction: the change, its event and its job, or none of them."""

from collections.abc import Mapping

import pytest
from sqlalchemy import func, select

from storage import queue
from storage.database import transaction
from storage.ledger import entries
from storage.ledger.entries import AuditEvent
from storage.projects import Project
from storage.prompts import Prompt
from tests.schema.callers import Caller

SUBMIT = "mutation ($input: SubmitPromptInput!) { submitPrompt(input: $input) { prompt { id } auditEventId } }"


def held(caller: Caller) -> Mapping[str, int]:
    """How many rows of what a mutation writes there are."""
    with transaction(caller.house.store.engine, read_only=True) as session:
        count = {
            model.__tablename__: session.scalar(select(func.count()).select_from(model))
            for model in (Project, Prompt, AuditEvent)
        }
    return {name: number or 0 for name, number in count.items()}


def broken(*_: object) -> None:
    """Stand for a part that fails at the last moment."""
    raise OSError("the disk is full")


def test_a_change_and_its_event_are_written_together(nobody: Caller) -> None:
    """One mutation, one change, one event, whose id the answer carries."""
    ada = nobody.registered()
    before = held(ada)
    document = 'mutation { createProject(input: {name: "Harbour"}) { auditEventId } }'
    assert ada.run(document)["createProject"]["auditEventId"]
    after = held(ada)
    assert {name: after[name] - before[name] for name in after} == {"projects": 1, "prompts": 0, "audit_events": 1}


def test_no_change_without_its_event(nobody: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trail that can't be written stops the change: the caller hears of it and nothing is there."""
    ada = nobody.registered()
    before = held(ada)
    monkeypatch.setattr(entries, "append", broken)
    document = 'mutation { createProject(input: {name: "Harbour"}) { auditEventId } }'
    assert ada.refused(document) == ["INTERNAL_SERVER_ERROR"]
    assert held(ada) == before


def test_no_change_and_no_event_without_its_job(nobody: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt that could not be queued was never submitted."""
    ada = nobody.registered()
    project = ada.created_project()
    before = held(ada)
    monkeypatch.setattr(queue, "enqueue", broken)
    told = {"projectId": project, "text": "A quay at dawn", "variations": 1}
    assert ada.refused(SUBMIT, input=told) == ["INTERNAL_SERVER_ERROR"]
    assert held(ada) == before


def test_fields_of_one_document_stand_alone(nobody: Caller) -> None:
    """The first field's change stands although the second was refused, and each is told."""
    ada = nobody.registered()
    document = """mutation {
        good: createProject(input: {name: "Harbour"}) { project { name } }
        bad: createProject(input: {name: ""}) { project { name } } }"""
    assert ada.refused(document) == ["BAD_USER_INPUT"]
    assert held(ada)["projects"] == 1


def test_each_field_shows_what_it_left_behind_and_not_what_came_before(nobody: Caller) -> None:
    """Of one thing that several fields of a document change: its words, what hangs on it, and what may be done with it."""
    ada = nobody.registered()
    told = {"one": ada.created_project(), "name": "Quay"}
    document = """mutation ($one: ID!, $name: String!) {
        first: updateProject(input: {projectId: $one, name: "Pier"}) { ...seen }
        asset: createAsset(input: {projectId: $one, fileName: "a.txt", mediaType: "text/plain", byteSize: 1}) {
            asset { viewerCan project { name assets { totalCount } } } }
        last: updateProject(input: {projectId: $one, name: $name}) { ...seen } }
        fragment seen on ProjectPayload { project { name viewerCan assets { totalCount edges { node { id } } } } }"""
    found = ada.run(document, **told)
    first, last, asset = found["first"]["project"], found["last"]["project"], found["asset"]["asset"]
    assert [first["name"], asset["project"]["name"], last["name"]] == ["Pier", "Pier", "Quay"]
    assert [each["assets"]["totalCount"] for each in (first, asset["project"], last)] == [0, 1, 1]
    assert (len(first["assets"]["edges"]), len(last["assets"]["edges"])) == (0, 1)
    assert first["viewerCan"] == last["viewerCan"] != []
    assert asset["viewerCan"]
