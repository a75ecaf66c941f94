"""Subscriptions as server-sent events: like those on a WebSocket, for as long as the caller may see what they follow."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.websockets import WebSocketDisconnect

from muniment import events
from tests.faults.servers import Server, serving
from tests.muniment.test_subscriptions import PROGRESS, PROTOCOL, _finish, connected
from tests.world import Person, World, opened, raw_id

STREAM = "text/event-stream"
PROBE = "{ viewer { kind } }"


def told(text: str) -> list[tuple[str, Any]]:
    """Events by name, with what they say."""
    found = []
    for block in text.split("\n\n")[:-1]:
        if block == ":":
            continue
        name, *_cursor, data = block.split("\n")
        said = data.removeprefix("data:").strip()
        found.append((name.removeprefix("event: "), json.loads(said) if said else None))
    return found


def ask(world: World, query: str, by: Person | None, accept: str = STREAM, **variables: Any) -> httpx2.Response:
    """The whole of a stream."""
    headers = {"accept": accept} | ({} if by is None else {"authorization": f"Bearer {by.token}"})
    body = {"query": query, "variables": variables}
    answer: Any = world.client.post("/graphql", json=body, headers=headers)
    return answer  # type: ignore[no-any-return]


def test_a_run_is_followed_to_its_end(world: World) -> None:
    """The events are those of a WebSocket, and then the stream is complete."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada), "About rivers.")
    _finish(world, prompt)
    answer = ask(world, PROGRESS, ada, id=prompt)
    assert answer.headers["content-type"].startswith(STREAM)
    found = told(answer.text)
    assert [name for name, _ in found] == ["next", "complete"]
    assert found[0][1]["data"]["it"]["prompt"]["status"] == "COMPLETED"
    assert found[0][1]["data"]["it"]["prompt"]["text"] == "About rivers."


@pytest.mark.parametrize("accept", [STREAM, f"application/graphql-response+json, application/json, {STREAM}"])
def test_a_subscription_streams_to_whoever_accepts_that(world: World, accept: str) -> None:
    """Other operations are answered as JSON to whoever takes both."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    _finish(world, prompt)
    assert ask(world, PROGRESS, ada, accept, id=prompt).headers["content-type"].startswith(STREAM)
    answer = ask(world, PROBE, ada, accept)
    assert answer.headers["content-type"].startswith(STREAM) is (accept == STREAM)


def test_queries_and_mutations_are_one_event(world: World) -> None:
    """With their errors, coded; a mutation by GET is refused."""
    ada = world.register("ada")
    create = 'mutation { createProject(input: {name: "P"}) { project { name } } }'
    (name, said), _ = told(ask(world, create, ada).text)
    assert (name, said["data"]) == ("next", {"createProject": {"project": {"name": "P"}}})
    for query, code in (
        (create, "UNAUTHENTICATED"),
        ("{ absent }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
    ):
        name, said = told(ask(world, query, None).text)[0]
        assert (name, said["errors"][0]["extensions"]["code"]) == ("next", code)
    with world.unchanged():
        headers = {"accept": STREAM, "authorization": f"Bearer {ada.token}"}
        assert world.client.get("/graphql", params={"query": create}, headers=headers).status_code == 405


@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_what_is_not_yours_is_not_followed(world: World, who: str) -> None:
    """The refusal is coded and recorded, and the stream ends."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    people = {"nobody": None, "stranger": world.register("stranger")}
    with world.unchanged("access.denied"):
        (name, said), end = told(ask(world, PROGRESS, people[who], id=prompt).text)
    codes = {"nobody": "UNAUTHENTICATED", "stranger": "NOT_FOUND"}
    assert (name, said["errors"][0]["extensions"]["code"], end[0]) == ("next", codes[who], "complete")


def test_a_bad_token_is_told_before_anything_streams(world: World) -> None:
    """401 with a code, as JSON."""
    answer = ask(world, PROBE, Person("x", "mun_s_" + "A" * 43))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


def test_a_quiet_stream_is_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment is sent while nothing happens, so that no proxy thinks the connection dead; the source is closed."""
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.01)
    closed = []

    async def never() -> Any:
        try:
            await asyncio.Event().wait()
            yield
        finally:
            closed.append(True)

    async def listen() -> list[bytes]:
        stream = events.told(never())
        found = [await anext(stream) for _ in range(3)]
        await stream.aclose()  # type: ignore[attr-defined]
        return found

    assert asyncio.run(listen()) == [b":\n\n"] * 3
    assert closed == [True]


@contextmanager
def following(server: Server, token: str, prompt: str) -> Iterator[Any]:
    """The lines of a stream over a real socket."""
    headers = {"accept": STREAM, "authorization": f"Bearer {token}"}
    body = {
        "query": "subscription($id: ID!) { promptProgress(promptId: $id) { percentage } }",
        "variables": {"id": prompt},
    }
    with server.api.client.stream("POST", "/graphql", json=body, headers=headers) as answer:
        yield answer.iter_lines()


def test_a_right_that_ends_ends_the_stream(home: Path, database_url: str) -> None:
    """Signing out stops what was followed: the caller is established anew for each look. A caller holds so many open."""
    with serving(home, database_url, worker=False, streams_per_caller=1) as server:
        ada = server.api.register("ada")
        prompt = server.api.prompt(ada, server.api.project(ada))
        with following(server, ada.token, prompt) as lines:
            assert next(lines) == "event: next"
            assert next(lines).startswith("id: ")
            assert json.loads(next(lines).removeprefix("data: "))["data"] == {"promptProgress": {"percentage": 0}}
            with following(server, ada.token, prompt) as crowded:
                assert "RATE_LIMITED" in next(crowded)
            signing_out = threading.Thread(target=server.api.ask, args=("mutation { signOut { auditEventId } }", ada))
            signing_out.start()
            rest = [line for line in lines if line and line != ":"]
            signing_out.join()
        assert "UNAUTHENTICATED" in rest[1]
        assert rest[2] == "event: complete"


def test_a_caller_holds_so_many_sockets_and_no_more(home: Path, database_url: str, cheap_passwords: None) -> None:
    """One more is refused until another is closed; other callers are let in."""
    with opened(home, database_url, streams_per_caller=2) as world:
        ada, ben = world.register("ada"), world.register("ben")
        with connected(world, ada):
            with connected(world, ada), connected(world, ben):
                with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL]) as session:
                    session.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {ada.token}"}})
                    with pytest.raises(WebSocketDisconnect) as closed:
                        session.receive_json()
                assert closed.value.code == 4403
            with connected(world, ada):
                assert raw_id(ada.id)


@pytest.mark.one_database("sqlite", reason="ends before the database")
def test_pages_of_other_origins_open_no_socket_and_read_no_answer(home: Path, database_url: str) -> None:
    """Browsers are told which origins may; a handshake of another page is refused before anything is said."""
    app = "https://app.example.org"
    with opened(home, database_url, origins=(app,)) as world:
        for origin, welcome in ((app, True), ("https://evil.example", False), ("null", False)):
            headers = {"origin": origin}
            answer = world.client.post("/graphql", json={"query": PROBE}, headers=headers)
            assert answer.headers.get("access-control-allow-origin") == (app if welcome else None)
            asked = {
                **headers,
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization",
            }
            preflight = world.client.options("/graphql", headers=asked)
            assert (preflight.status_code == 200) is welcome
            assert "access-control-allow-credentials" not in preflight.headers
            part = {**asked, "access-control-request-method": "PATCH"}
            part["access-control-request-headers"] = "content-type,tus-resumable,upload-offset"
            assert (world.client.options("/uploads/x", headers=part).status_code == 200) is welcome
            if welcome:
                with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL], headers=headers):
                    continue
            with (
                pytest.raises(WebSocketDisconnect),
                world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL], headers=headers),
            ):
                pytest.fail("the handshake was accepted")
