"""Trusted documents: operations by their hash, over HTTP and WebSocket, and, where so set, no others."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from muniment.variables import SettingsError, load
from tests.muniment.test_subscriptions import connected
from tests.world import World, opened

PROBE = "query Probe { viewer { kind } }"
CREATE = "mutation Create($name: String!) { createProject(input: {name: $name}) { project { name } } }"
HASH = hashlib.sha256(PROBE.encode()).hexdigest()

pytestmark = pytest.mark.one_database("sqlite", reason="what is tested ends before the database")


@contextmanager
def trusting(home: Path, database_url: str, only: bool) -> Iterator[World]:
    """The application with two documents: one by relay's name for it."""
    file = home / "documents.json"
    file.write_text(json.dumps({"md5-of-relay": CREATE, HASH: PROBE}))
    with opened(home, database_url, documents=file, documents_only=only) as world:
        yield world


def send(world: World, token: str | None = None, **body: Any) -> Any:
    """The answer to a body."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return world.client.post("/graphql", json=body, headers=headers).json()


@pytest.mark.parametrize("only", [False, True])
def test_a_document_runs_by_its_hash(home: Path, database_url: str, cheap_passwords: None, only: bool) -> None:
    """By SHA-256 in each form that clients send, by its manifest's id, by GET and on a WebSocket."""
    with trusting(home, database_url, only) as world:
        answer = {"viewer": {"kind": "ANONYMOUS"}}
        assert send(world, documentId=f"sha256:{HASH}")["data"] == answer
        assert send(world, documentId=HASH)["data"] == answer
        assert send(world, extensions={"persistedQuery": {"version": 1, "sha256Hash": HASH}})["data"] == answer
        assert world.client.get("/graphql", params={"documentId": HASH}).json()["data"] == answer
        assert world.client.get("/graphql", params={"documentId": "md5-of-relay"}).status_code == 405
        with connected(world, None) as socket:
            socket.session.send_json({"type": "subscribe", "id": "1", "payload": {"documentId": HASH}})
            assert socket.next() == answer


def test_a_trusted_mutation_takes_its_variables(home: Path, database_url: str, cheap_passwords: None) -> None:
    """It runs like one that was sent as text."""
    with trusting(home, database_url, only=False) as world:
        ada = world.register("ada")
        done = send(world, ada.token, documentId="md5-of-relay", variables={"name": "Harbour"})
        assert done["data"] == {"createProject": {"project": {"name": "Harbour"}}}


def test_where_only_trusted_documents_run_no_other_does(home: Path, database_url: str) -> None:
    """Text that is trusted may be sent as text; other text is refused on every way in, and nothing runs."""
    with trusting(home, database_url, only=True) as world:
        assert send(world, query=PROBE)["data"] == {"viewer": {"kind": "ANONYMOUS"}}
        with world.unchanged():
            for refused in (PROBE + " ", "{ __typename }", "{", "mutation { signOut { auditEventId } }"):
                errors = send(world, query=refused)["errors"]
                assert [error["extensions"]["code"] for error in errors] == ["BAD_USER_INPUT"]
                assert errors[0]["extensions"]["field"] == "query"
                assert world.client.get("/graphql", params={"query": refused}).status_code == 400
                with connected(world, None) as socket:
                    socket.subscribe(refused)
                    assert socket.refusal() == "BAD_USER_INPUT"


NO_DOCUMENTS = [
    {"documentId": "sha256:" + "0" * 64},
    {"documentId": ""},
    {"documentId": 5},
    {"documentId": [HASH]},
    {"documentId": HASH, "query": PROBE},
    {"extensions": {"persistedQuery": {"sha256Hash": {"a": 1}}}},
    {"extensions": {"persistedQuery": {"sha256Hash": "0" * 64}, "x": 1}},
    {"extensions": {"persistedQuery": "x"}},
    {"extensions": []},
]


def test_what_names_no_document_is_refused(home: Path, database_url: str, subtests: pytest.Subtests) -> None:
    """With a code, whatever was sent in its place."""
    with trusting(home, database_url, only=False) as world:
        for body in NO_DOCUMENTS:
            with subtests.test(body=body):
                errors = send(world, **body)["errors"]
                assert [error["extensions"]["code"] for error in errors] == ["BAD_USER_INPUT"]


def test_documents_come_from_a_directory_or_a_manifest(home: Path) -> None:
    """Files by the hash of their text; Apollo's manifest by its ids."""
    from muniment.documents import Documents

    folder = home / "documents"
    folder.mkdir()
    (folder / "probe.graphql").write_text(PROBE)
    manifest = home / "apollo.json"
    operations = [{"id": "x1", "name": "Create", "type": "mutation", "body": CREATE}]
    manifest.write_text(json.dumps({"format": "apollo-persisted-query-manifest", "operations": operations}))
    assert Documents.load(folder).resolved({"documentId": HASH})["query"] == PROBE
    assert Documents.load(manifest).resolved({"documentId": "x1"})["query"] == CREATE


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "{", '{"a": 1}', '{"operations": [{}]}', json.dumps({"0" * 64: PROBE})]
)
def test_documents_that_cannot_be_used_stop_the_start(home: Path, text: str) -> None:
    """A server that should run them does not start without them."""
    file = home / "documents.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match="MUNIMENT_DOCUMENTS"):
        load(home=home, documents=file)
    with pytest.raises(SettingsError, match="MUNIMENT_DOCUMENTS"):
        load(home=home, documents=home / "absent")
    with pytest.raises(SettingsError, match="MUNIMENT_DOCUMENTS_ONLY"):
        load(home=home, documents_only=True)
