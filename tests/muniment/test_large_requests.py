"""Requests and responses that are large: what they take is charged for, is bounded, and happens in worker threads."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from muniment import endpoint, open_routes, requests, sockets
from muniment.callers import Caller
from muniment.negotiation import MOST_ACCEPTED
from muniment.threads import Threads
from policies.principals import ANONYMOUS
from resolvers.budgets import Charge
from resolvers.context import Asking, Context
from schema.values import MOST_VALUES, count_values
from tests.muniment.test_events import STREAM, told
from tests.muniment.test_subscriptions import PROTOCOL, connected
from tests.world import World, opened

pytestmark = pytest.mark.one_database("sqlite", reason="ends before the database")

NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
CONTROL = "\x01" * 20_000
"""Text of which each character takes six in JSON."""


@pytest.fixture
def small(home: Path, database_url: str, cheap_passwords: None) -> Iterator[World]:
    """A server whose responses are small."""
    with opened(home, database_url, response_limit_bytes=64 * 1024) as world:
        yield world


def headers(by: Any = None, **more: str) -> dict[str, str]:
    return {"content-type": "application/json", **more} | (
        {} if by is None else {"authorization": f"Bearer {by.token}"}
    )


def test_a_long_body_is_parsed_and_repeated_in_a_worker_thread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP, by GET, as events and on a WebSocket; it is paid for first. A short one is parsed at once."""
    ada = world.register("ada")
    steps: list[str] = []

    def watched(place: Any, name: str) -> None:
        really = getattr(place, name)

        def run(*given: Any, **named: Any) -> Any:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                steps.append(name)
            else:
                steps.append(f"{name} in the event loop")
            return really(*given, **named)

        monkeypatch.setattr(place, name, run)

    watched(endpoint, "parse_json")
    watched(endpoint, "parse_query_string")
    watched(endpoint, "repeatable")
    watched(sockets, "parse_json")
    watched(Caller, "pay")
    body = {"query": "{ viewer { kind } }", "extensions": {"padding": "x" * requests.SHORT}}
    key = {"idempotency-key": "a-key"}
    for more in ({}, {"accept": STREAM}):
        assert world.client.post("/graphql", json=body, headers=headers(ada, **key, **more)).status_code == 200
        assert steps == ["pay", "parse_json", "repeatable"]
        steps.clear()
    body["extensions"] = json.dumps(body["extensions"])
    assert world.client.get("/graphql", params=body, headers=headers(ada)).status_code == 200
    assert steps == ["pay", "parse_query_string", "repeatable"]
    with connected(world, ada) as socket:
        steps.clear()
        socket.subscribe("{ viewer { kind } }" + " " * requests.SHORT)
        assert socket.next()["viewer"]["kind"]
    assert steps == ["pay", "parse_json"]


def test_a_long_body_is_not_parsed_for_who_has_used_up_their_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused before, JSON or not; a message of a socket that names no operation ends the connection."""
    ada = world.register("ada")
    monkeypatch.setattr(Context, "charge", lambda self, cost: Charge(0, 7))
    for content in (b"[" * 10_000, orjson.dumps({"query": "{ a }" + " " * 9_000})):
        refused = world.client.post("/graphql", content=content, headers=headers(ada))
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert refused.headers["retry-after"] == "7"
    with connected(world, ada) as socket:
        socket.session.send_text('{"type":"subscribe","id":"me","payload":' + " " * 9_000)
        assert socket.session.receive_json()["id"] == "me"
        socket.session.send_text('{"type":"pong","payload":"' + "x" * 9_000 + '"}')
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.session.receive_json()
    assert closed.value.code == 4429


def test_a_long_message_is_answered_while_the_database_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a code, to its operation; one without an operation ends the connection. Nothing of the cause is said."""
    ada = world.register("ada")

    def pay(self: Caller, cost: int) -> Any:
        raise OperationalError("secret", {}, Exception("secret"))

    with connected(world, ada) as socket:
        monkeypatch.setattr(Caller, "pay", pay)
        socket.subscribe("{ viewer { kind } }" + " " * 9_000)
        said = socket.session.receive_json()
        assert said["payload"][0]["extensions"]["code"] in ("UNAVAILABLE", "INTERNAL_SERVER_ERROR")
        assert "secret" not in str(said)
        socket.session.send_text('{"type":"pong","payload":"' + "x" * 9_000 + '"}')
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.session.receive_json()
    assert (closed.value.code, "secret" in closed.value.reason) == (1011, False)


def test_headers_and_parameters_that_are_parsed_are_short(world: World) -> None:
    """A longer Accept, and a query string with more parameters, are refused before any of it is looked at."""
    accept = "application/json;q=0.5," * (MOST_ACCEPTED // 20)
    assert world.client.post("/graphql", json={"query": "{ a }"}, headers={"accept": accept}).status_code == 431
    found = world.client.get("/graphql?query=%7Bviewer%7Bkind%7D%7D" + "&a=1" * 30)
    assert found.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "query string" in found.json()["errors"][0]["message"]


def test_a_request_holds_only_so_many_values(world: World) -> None:
    """Small values take many times the memory of their text. Long texts are no values."""
    ada = world.register("ada")
    for variables in (
        {"ids": ["x"] * 20_000},
        {"ids": [{}] * 9_000 + [[[1]] * 900]},
        {"a": dict.fromkeys(range(6000))},
    ):
        refused = world.client.post("/graphql", content=json.dumps({"query": NODES, "variables": variables}),
                                    headers=headers(ada)).json()  # fmt: skip
        assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert str(MOST_VALUES) in refused["errors"][0]["message"]
    refused = world.client.get(
        "/graphql", params={"query": NODES, "variables": json.dumps({"ids": [1] * 11_000}, separators=(",", ":"))}
    )
    assert str(MOST_VALUES) in refused.json()["errors"][0]["message"]
    with connected(world, ada) as socket:
        socket.subscribe(NODES, ids=["x"] * 20_000)
        assert socket.refusal() == "BAD_USER_INPUT"
    long = {"query": "{ viewer { kind } }", "variables": {"ids": ["x," * 300_000]}}
    assert "errors" not in world.client.post("/graphql", json=long, headers=headers(ada)).json()


def test_values_are_counted_and_not_further_than_needed() -> None:
    """Names count as well; nesting is no recursion."""
    assert count_values({"a": [1, 2], "b": {"c": None}}, 100) == 1 + 4 + 2 + 2
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert count_values(deep, 500) == 501


def test_coercing_variables_is_charged_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each value, before anything is coerced."""
    ada = world.register("ada")
    charged: list[int] = []
    really = Context.charge
    monkeypatch.setattr(Context, "charge", lambda self, cost: (charged.append(cost), really(self, cost))[1])
    query = "query($ids: [ID!]) { viewer { kind } }"
    world.ask(query, ada, ids=[])
    world.ask(query, ada, ids=[])
    before = charged[-1]
    world.ask(query, ada, ids=["x"] * 900)
    assert charged[-1] == before + 900


def test_a_websocket_says_little_before_its_caller_is_known(world: World) -> None:
    """Of connection_init the token is kept, and nothing else; a longer message closes the connection."""
    ada = world.register("ada")
    with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL]) as session:
        session.send_json({"type": "connection_init", "payload": {"padding": "x" * 50_000}})
        with pytest.raises(WebSocketDisconnect) as closed:
            session.receive_json()
    assert closed.value.code == 4400
    caller = Caller(HTTPConnection({"type": "http", "headers": []}), Threads(1))
    caller.connection_params = {"Authorization": f"Bearer {ada.token}", "padding": "x"}
    assert (caller._token(), caller.connection_params) == (ada.token, {"authorization": f"Bearer {ada.token}"})
    for said in ({}, [], 7, "x" * 17_000):
        caller.connection_params = {"authorization": said, "padding": "x"}
        assert (caller._token(), caller.connection_params) == ("", {"authorization": ""})
    caller.connection_params = {}
    assert (caller._token(), caller.connection_params) == (None, {})


@pytest.mark.parametrize("kind", ["subscribe", "complete"])
@pytest.mark.parametrize("number", [{}, [], None, 7, True, "x" * 256])
def test_an_id_on_a_websocket_is_a_short_text(world: World, kind: str, number: Any) -> None:
    """Anything else closes the connection, as the protocol has it for what is no message."""
    with connected(world, None) as socket:
        socket.session.send_json({"type": kind, "id": number, "payload": {"query": "{ viewer { kind } }"}})
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.session.receive_json()
    assert closed.value.code == 4400


def test_operations_of_one_websocket_are_together_as_long_as_one_body(
    home: Path, database_url: str, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is refused while they run; afterwards there is room again."""
    go = threading.Event()
    really = Caller.again
    with opened(home, database_url, body_limit_bytes=20_000) as world:
        ada = world.register("ada")
        with connected(world, ada) as socket:
            monkeypatch.setattr(Caller, "again", lambda self: (go.wait(20), really(self))[1])
            text = "{ viewer { kind } }" + " " * 3_500
            for number in range(6):
                socket.subscribe(text, number=str(number))
            refused = socket.session.receive_json()
            assert (refused["type"], refused["id"]) == ("error", "5")
            assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
            go.set()
            said = [socket.session.receive_json()["type"] for _ in range(10)]
            assert sorted(said) == ["complete"] * 5 + ["next"] * 5
            socket.subscribe(text, number="7")
            assert socket.next()["viewer"]["kind"]


def test_a_response_is_bounded_by_its_bytes_however_it_is_sent(small: World) -> None:
    """Not by its characters, of which JSON makes up to six bytes each: over HTTP, as events and on a WebSocket."""
    ada = small.register("ada")
    prompt = small.prompt(ada, small.project(ada), CONTROL)
    query = f'{{ node(id: "{prompt}") {{ ... on Prompt {{ text }} }} }}'
    assert small.ask(query, ada).code == "COST_EXCEEDED"
    answer = small.client.post("/graphql", json={"query": query}, headers=headers(ada, accept=STREAM))
    (name, said), _ = told(answer.text)
    assert (name, said["data"], said["errors"][0]["extensions"]["code"]) == ("next", None, "COST_EXCEEDED")
    with connected(small, ada) as socket:
        socket.subscribe(query)
        assert socket.refusal() == "COST_EXCEEDED"
    live = f'subscription {{ promptProgress(promptId: "{prompt}") {{ prompt {{ text }} }} }}'
    with connected(small, ada) as socket:
        socket.subscribe(live)
        assert socket.refusal() == "COST_EXCEEDED"


def test_a_network_of_ipv6_is_one_caller(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One subscriber has a /64: threads, streams and cost are counted for it, and not for each of its addresses."""
    scopes: list[dict[str, Any]] = [
        {"type": "http", "headers": [], "client": (address, 1), "app": world.client.app}
        for address in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.1")
    ]
    callers = [Caller(HTTPConnection(scope), Threads(1)) for scope in scopes]
    shares = [caller._share() for caller in callers]
    assert shares[0] == shares[1] != shares[2]
    assert shares[3] == shares[4]
    charged: list[str] = []

    def charge(name: str, _cost: int, _per_minute: int) -> Charge:
        charged.append(name)
        return Charge(0)

    monkeypatch.setattr(world.house.budgets, "charge", charge)
    for scope in scopes:
        Context(world.house, Asking(ANONYMOUS, ip_address=scope["client"][0])).charge(1)
    assert charged[0] == charged[1] != charged[2]
    assert charged[3] == charged[4]


def test_open_routes_are_bounded_by_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they show. Health checks, operations and transfers are not counted there."""
    monkeypatch.setattr(open_routes, "PER_MINUTE", 13)
    paths = ["/", "/status", "/privacy", "/services.json", "/ledger/checkpoint", "/schema.graphql", "/nothing"]
    found = [world.client.get(path) for path in paths]
    assert [each.status_code for each in found] == [200] * 3 + [429] * 4
    assert int(found[-1].headers["retry-after"]) > 0
    for path in ("/health/live", "/health/ready"):
        assert world.client.get(path).status_code == 200
    assert world.client.get("/content/x").status_code == 404
    assert world.ask("{ viewer { kind } }").code is None
    behind = {"type": "http", "path": "/", "headers": [], "client": ("192.0.2.9", 1)}
    assert requests.network_of(HTTPConnection(behind)) == "192.0.2.9"
