"""Attacks that a plain stack fails: each is refused with a code, and meanwhile another caller is answered as ever."""

import gzip
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect

from schema.api import build
from tests.muniment.test_subscriptions import connected
from tests.world import MODERN, World

CONTROL = "{ viewer { kind } projects { totalCount } }"
JSON = {"content-type": "application/json", "accept": MODERN}

pytestmark = pytest.mark.one_database(
    "sqlite", reason="refused before a database is asked; the control query is as cheap on both"
)


def _spreads(depth: int, inner: str) -> str:
    spreads = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(depth))
    return f"{{ ...F0 }} {spreads} fragment F{depth} on Query {{ {inner} }}"


def _document(text: str) -> bytes:
    return json.dumps({"query": text}).encode()


DEEP = "{ projects { edges { node { " + "assets { edges { node { project { " * 50 + "id" + " } } } }" * 50 + " } } } }"
BODIES = {
    "depth 50": (_document(DEEP), 400),
    "depth through fragments": (_document(_spreads(25, "viewer { kind }")), 400),
    "a body of 50 MB": (b'{"query": "' + b" " * 50_000_000 + b'{viewer{kind}}"}', 413),
    "JSON 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, 400),
    "a number of 5,000 digits": (b'{"query": "{viewer{kind}}", "variables": {"n": ' + b"9" * 5_000 + b"}}", 400),
    "bytes that are no UTF-8": (b'{"query": "\xff\xfe"}', 400),
    "a gzip body": (gzip.compress(_document(CONTROL)), 400),
    "1,000 aliases": (_document("{ " + " ".join(f"a{n}: viewer {{ kind }}" for n in range(1000)) + " }"), 400),
    "1,000 directives": (_document("{ viewer { kind " + "@skip(if: false) " * 1000 + "} }"), 400),
    "a string of 900 kB": (_document('{ asset(id: "' + "x" * 900_000 + '") { id } }'), 200),
    "300 errors": (_document("{ " + " ".join(f"absent{n}" for n in range(300)) + " }"), 400),
    "the schema, by a stranger": (_document("{ __schema { types { name } } }"), 401),
    "a guess at the schema": (_document("{ viewr { kind } }"), 400),
    "a garbage id": (_document('{ node(id: "garbage") { id } }'), 200),
    "a garbage cursor": (_document('{ projects(after: "garbage") { totalCount } }'), 200),
    "a missing thing": (
        _document('{ node(id: "UHJvamVjdDowMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA") { id } }'),
        200,
    ),
}


@contextmanager
def undisturbed(world: World) -> Iterator[None]:
    """Another caller's control query has its answer before, during and after what the block does."""
    ada = world.register("control")
    answer = {"viewer": {"kind": "CONTRIBUTOR"}, "projects": {"totalCount": 0}}
    over, answers = threading.Event(), []

    def asking() -> None:
        answers.append(world.ask(CONTROL, ada).data)
        while not over.wait(0.05):
            answers.append(world.ask(CONTROL, ada).data)
        answers.append(world.ask(CONTROL, ada).data)

    assert world.ask(CONTROL, ada).data == answer
    thread = threading.Thread(target=asking)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=100)
    assert not thread.is_alive()
    assert answers == [answer] * len(answers)
    assert len(answers) >= 2


@pytest.mark.parametrize("name", BODIES)
def test_an_attack_is_refused_and_disturbs_nobody(world: World, name: str) -> None:
    """Its status is its own, its errors are coded and few, and they teach strangers nothing."""
    ben = world.register("ben")
    body, status = BODIES[name]
    signed = {} if "stranger" in name or "schema" in name else {"authorization": f"Bearer {ben.token}"}
    with undisturbed(world):
        seen = [world.client.post("/graphql", content=body, headers=JSON | signed) for _ in range(3)]
    assert [found.status_code for found in seen] == [status] * 3
    for found in seen:
        said = found.json()
        assert len(said.get("errors", [])) <= 20
        assert all(error["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for error in said.get("errors", []))
        assert "Did you mean" not in found.text or signed
        assert len(found.content) < 20_000


def test_a_body_that_does_not_say_its_length_is_counted_as_it_comes(world: World) -> None:
    """Chunked, so that nothing announces it: refused once the limit is passed, wherever that is."""
    sent = []

    def chunks() -> Iterator[bytes]:
        for _ in range(64):
            sent.append(1)
            yield b" " * 100_000

    with undisturbed(world):
        answer = world.client.post("/graphql", content=chunks(), headers=JSON)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_forms_are_not_read(world: World) -> None:
    """Multipart, as a page of another site can send it, is refused by its type: no file is written, nothing runs."""
    for files in ({"0": b"x" * 2_000_000}, {"map": b"[]"}):
        with undisturbed(world):
            answer = world.client.post("/graphql", data={"operations": "{}", "map": "[]"}, files=files)
        assert answer.status_code == 415
    with world.unchanged():
        world.client.post("/graphql", data={"operations": "{}"}, files={"0": b"x"})


def test_the_legacy_protocol_is_not_spoken(world: World) -> None:
    """graphql-ws, which starts operations before anybody has said who they are, is refused."""
    with (
        undisturbed(world),
        pytest.raises(WebSocketDisconnect) as closed,
        world.client.websocket_connect("/graphql", subprotocols=["graphql-ws"]) as session,
    ):
        session.receive_json()
    assert closed.value.code == 4406


def test_a_flood_of_subscriptions_is_turned_away(world: World) -> None:
    """Past twenty on one connection each is refused with its code; others are served meanwhile."""
    ben = world.register("ben")
    prompt = world.prompt(ben, world.project(ben))
    document = f'subscription {{ promptProgress(promptId: "{prompt}") {{ percentage }} }}'
    with undisturbed(world), connected(world, ben) as socket:
        for number in range(60):
            socket.subscribe(document, str(number))
        refused: set[str] = set()
        while len(refused) < 40:
            said = socket.session.receive_json()
            if said["type"] == "error":
                assert said["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
                refused.add(said["id"])


def test_a_document_that_holds_one_missing_thing_is_answered_for_the_rest(world: World) -> None:
    """`node` is nullable: what is not there takes nothing else of the answer with it."""
    missing = "UHJvamVjdDowMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA"
    ben = world.register("ben")
    with undisturbed(world):
        answer = world.ask(
            f'{{ node(id: "{missing}") {{ id }} viewer {{ kind }} nodes(ids: ["{missing}"]) {{ id }} }}', ben
        )
    assert answer.body["data"] == {"node": None, "viewer": {"kind": "CONTRIBUTOR"}, "nodes": [None]}


def fuzz(examples: int) -> Any:
    """The same inputs in every run; fixtures are shared by them, since nothing they do is kept apart."""
    many = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 1  # by hand, longer and at random
    return settings(max_examples=many * examples, deadline=None, suppress_health_check=list(HealthCheck))


def demand_an_answer(answer: Any) -> None:
    """No status of ours that says we broke, and no code that does."""
    assert answer.status_code < 500, answer.text
    assert "INTERNAL_SERVER_ERROR" not in answer.text


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
PARTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("query", "variables", "operationName", "extensions", "documentId"), ANY_JSON)
)


@fuzz(150)
@given(raw=st.binary(max_size=200), said=ANY_JSON | PARTS, text=st.text(max_size=200))
def test_whatever_is_sent_is_answered(world: World, raw: bytes, said: Any, text: str) -> None:
    """Any bytes, any JSON, any text for a document, by POST and by GET."""
    demand_an_answer(world.client.post("/graphql", content=raw, headers=JSON))
    demand_an_answer(world.client.post("/graphql", content=json.dumps(said).encode("utf-8", "replace"), headers=JSON))
    demand_an_answer(world.client.post("/graphql", json={"query": text}, headers=JSON))
    readable = text.encode("utf-8", "replace").decode()
    demand_an_answer(world.client.get("/graphql", params={"query": readable, "variables": readable}))


SCHEMA = build()._schema
FIELDS: list[tuple[str, str, Any]] = [
    (kind, name, field)
    for kind, root in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type))
    for name, field in (root.fields if root is not None else {}).items()
]
ODD = ("", "x", "\x00", "é" * 300, "-1", "2030-13-45T99:99:99Z", "' OR 1=1 --", "{}", "UHJvamVjdDow", "9" * 400)
LEAVES = (
    st.sampled_from(ODD)
    | st.text(max_size=20)
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(width=32, allow_nan=False, allow_infinity=False)
)


def values(kind: Any, depth: int = 0) -> Any:
    """Mostly what a type takes in shape, and never mind what it means."""
    if isinstance(kind, GraphQLNonNull):
        return values(kind.of_type, depth)
    if isinstance(kind, GraphQLList):
        return st.lists(values(kind.of_type, depth), max_size=3) | LEAVES
    if isinstance(kind, GraphQLInputObjectType) and depth < 3:
        return st.fixed_dictionaries({name: values(field.type, depth + 1) for name, field in kind.fields.items()})
    if hasattr(kind, "values"):
        return st.sampled_from([*kind.values, "absent"])
    fitting = {"Int": st.integers(), "Boolean": st.booleans(), "String": st.text(max_size=30) | st.sampled_from(ODD)}
    return fitting.get(getattr(kind, "name", ""), LEAVES) | LEAVES


@fuzz(200)
@given(data=st.data())
def test_whatever_a_field_is_given_it_answers(world: World, data: st.DataObject) -> None:
    """Every root field with arguments of all sorts: a coded error or an answer, never a fault of ours."""
    kind, name, field = data.draw(st.sampled_from(FIELDS), label="field")
    given_ = {argument: data.draw(values(said.type), label=argument) for argument, said in field.args.items()}
    declared = ", ".join(f"${argument}: {said.type}" for argument, said in field.args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    result = get_named_type(field.type)
    below = (
        "{ __typename }"
        if not hasattr(result, "values") and (isinstance(result, GraphQLObjectType) or hasattr(result, "fields"))
        else ""
    )
    query = f"{kind}{f'({declared})' if declared else ''} {{ it: {name}{f'({passed})' if passed else ''} {below} }}"
    people = getattr(world, "_people", None)
    if people is None:
        world._people = people = [world.register("ada").token, None]  # type: ignore[attr-defined]
    token = data.draw(st.sampled_from(people), label="token")
    headers = JSON | ({"authorization": f"Bearer {token}"} if token else {})
    body = json.dumps({"query": query, "variables": given_}).encode("utf-8", "replace")
    demand_an_answer(world.client.post("/graphql", content=body, headers=headers))
