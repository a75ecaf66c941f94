"""GraphQL over HTTP: media types, methods and status codes by the specification, and never a 500 for what is sent."""

import gzip
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from starlette.testclient import TestClient

from tests.world import LITTLE_WORK, MODERN, World

LEGACY = "application/json"
PROBE = "{ viewer { kind } }"


@pytest.fixture
def client(world: World) -> TestClient:
    return world.client


pytestmark = pytest.mark.one_database("sqlite", reason="what is tested ends before the database, or asks it nothing")


ACCEPTED = [
    (None, 200, LEGACY),
    ("", 200, LEGACY),
    ("*/*", 200, LEGACY),
    ("application/*", 200, LEGACY),
    (LEGACY, 200, LEGACY),
    (MODERN, 200, MODERN),
    (f"{MODERN}, {LEGACY};q=0.9", 200, MODERN),
    (f"{MODERN}; charset=utf-8", 200, MODERN),
    ("text/html", 406, "text/plain"),
    ("image/png, multipart/mixed", 406, "text/plain"),
    ("nonsense", 406, "text/plain"),
]


def test_the_answer_comes_in_a_type_that_the_client_takes(client: TestClient, subtests: pytest.Subtests) -> None:
    """JSON by default, the GraphQL media type for whoever asks for it, 406 for whoever takes neither."""
    for accept, status, answered in ACCEPTED:
        with subtests.test(accept=accept, status=status, answered=answered):
            client.headers.pop("accept", None)
            answer = client.post(
                "/graphql", json={"query": PROBE}, headers={} if accept is None else {"accept": accept}
            )
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, answered)
            if status == 200:
                assert answer.headers["content-type"].endswith("; charset=utf-8")


STATUSES = [
    ({"query": PROBE}, 200, 200, None),
    ({"query": "{ projects { totalCount } }"}, 200, 200, "UNAUTHENTICATED"),
    ({"query": "{"}, 400, 200, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ absent }"}, 400, 200, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query($n: Int!) { projects(first: $n) { totalCount } }"}, 400, 200, "BAD_USER_INPUT"),
    (
        {"query": "query($n: Int!) { projects(first: $n) { totalCount } }", "variables": {"n": "x"}},
        400,
        200,
        "BAD_USER_INPUT",
    ),
    ({"query": "query A { viewer { kind } } query B { viewer { kind } }"}, 400, 200, "BAD_USER_INPUT"),
    ({"query": PROBE, "operationName": "Absent"}, 400, 400, "BAD_USER_INPUT"),
    ({"query": 'subscription { promptProgress(promptId: "x") { percentage } }'}, 400, 400, "BAD_USER_INPUT"),
    ({"query": "fragment F on Query { viewer { kind } }"}, 400, 400, "BAD_USER_INPUT"),
    ({}, 400, 400, "BAD_USER_INPUT"),
    ({"query": ""}, 400, 400, "BAD_USER_INPUT"),
    ({"query": None}, 400, 400, "BAD_USER_INPUT"),
    ({"query": 1}, 400, 400, "BAD_USER_INPUT"),
    ({"query": PROBE, "variables": []}, 400, 400, "BAD_USER_INPUT"),
    ({"query": PROBE, "variables": "x"}, 400, 400, "BAD_USER_INPUT"),
    ({"query": PROBE, "operationName": 1}, 400, 400, "BAD_USER_INPUT"),
    ({"query": PROBE, "extensions": 1}, 400, 400, "BAD_USER_INPUT"),
    ([{"query": PROBE}], 400, 400, "BAD_USER_INPUT"),
    ("text", 400, 400, "BAD_USER_INPUT"),
    (0, 400, 400, "BAD_USER_INPUT"),
]


def test_the_status_says_whether_the_operation_ran(client: TestClient, subtests: pytest.Subtests) -> None:
    """Each error has its code and a reference; a document that could not run is 400 for clients that know the type."""
    for body, modern, legacy, code in STATUSES:
        with subtests.test(body=body, modern=modern, legacy=legacy, code=code):
            for accept, status in ((MODERN, modern), (LEGACY, legacy)):
                answer = client.post("/graphql", json=body, headers={"accept": accept})
                assert answer.status_code == status
                found = answer.json()
                assert [error["extensions"]["code"] for error in found.get("errors", [])] == ([code] if code else [])
                assert all(error["extensions"]["ref"] for error in found.get("errors", []))
                assert "data" in found if code in (None, "UNAUTHENTICATED") else "data" not in found


def test_queries_go_by_get_and_nothing_else_does(world: World) -> None:
    """A mutation by GET is 405 with the method that works, and does nothing."""
    ada = world.register("ada")
    headers = {"authorization": f"Bearer {ada.token}"}
    asked = {"query": "query($n: Int) { projects(first: $n) { totalCount } }", "variables": '{"n": 1}'}
    answer = world.client.get("/graphql", params=asked, headers=headers)
    assert (answer.status_code, answer.json()["data"]) == (200, {"projects": {"totalCount": 0}})
    with world.unchanged():
        refused = world.client.get(
            "/graphql",
            params={"query": 'mutation { createProject(input: {name: "P"}) { auditEventId } }'},
            headers=headers,
        )
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    for wrong in ({}, {"query": ""}, {"query": PROBE, "variables": "{"}, {"query": PROBE, "variables": "[]"}):
        assert world.client.get("/graphql", params=wrong).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_other_methods_are_told_which_work(client: TestClient, method: str) -> None:
    """405 with Allow."""
    answer = client.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/graphql", "multipart/form-data; boundary=x", "application/jsonx"],
)
def test_bodies_of_other_types_are_refused(client: TestClient, media_type: str | None) -> None:
    """415: nothing but JSON is read, so that a form on another site can't send an operation (CSRF)."""
    headers = {} if media_type is None else {"content-type": media_type}
    assert client.post("/graphql", content=b'{"query":"{viewer{kind}}"}', headers=headers).status_code == 415


NO_JSON = [
    b"",  # nothing
    b"{",  # cut short
    b"\xff\xfe{}",  # no UTF-8
    b'{"query": "\xff"}',  # no UTF-8 inside
    b'{"query": "\\ud800"}',  # half a surrogate pair
    b"[" * 100_000,  # nested deeply
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,  # nested objects
    b'{"query": "{viewer{kind}}", "variables": {"n": ' + b"9" * 5_000 + b"}}",  # huge number
    b'{"query": NaN}',  # NaN
    gzip.compress(b'{"query":"{viewer{kind}}"}'),  # gzip
    b'{"query":"{viewer{kind}}"} trailing',  # trailing
]


def test_what_is_no_json_is_told_so(client: TestClient, subtests: pytest.Subtests) -> None:
    """400 with a code, whatever the bytes."""
    for raw in NO_JSON:
        with subtests.test(raw=raw[:40]):
            answer = client.post("/graphql", content=raw, headers={"content-type": "application/json"})
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_of_duplicate_keys_the_last_one_counts(client: TestClient) -> None:
    """One parser reads every body, so that nothing in front of it can be told another story."""
    raw = b'{"query":"{absent}","query":"{viewer{kind}}"}'
    answer = client.post("/graphql", content=raw, headers={"content-type": "application/json"})
    assert answer.json()["data"] == {"viewer": {"kind": "ANONYMOUS"}}


@pytest.mark.parametrize("streamed", [False, True], ids=["by its header", "as it comes"])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: TestClient, streamed: bool) -> None:
    """413 with a code; of a body that announces nothing no more than the limit is taken."""
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 65_536
            yield b" " * 65_536

    content: Any = body() if streamed else b" " * 2_000_000
    answer = client.post("/graphql", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def _fragments(depth: int, inner: str = "viewer { kind }") -> str:
    spreads = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(depth)]
    return "{ ...F0 } " + " ".join(spreads) + f" fragment F{depth} on Query {{ {inner} }}"


def _deep(levels: int) -> str:
    return (
        "{ assets { edges { node { "
        + "project { assets { edges { node { " * levels
        + "id"
        + " } } } }" * levels
        + "}}}}"
    )


TOO_MUCH = [
    (_fragments(25), "COST_EXCEEDED"),  # fragments that double 25 times
    (_fragments(25, "a: viewer { kind }"), "COST_EXCEEDED"),  # aliases through fragments
    (_fragments(25, "projects(first: 100) { totalCount }"), "COST_EXCEEDED"),  # cost through fragments
    ("{ ...A } fragment A on Query { ...A }", "GRAPHQL_VALIDATION_FAILED"),  # a fragment in itself
    (_deep(8), "COST_EXCEEDED"),  # deep
    ("{ " + "viewer { " * 3_000, "GRAPHQL_PARSE_FAILED"),  # thousands of braces
    ("{" + "a" * 200_000 + "}", "GRAPHQL_VALIDATION_FAILED"),  # one long name
    ("{ viewer { kind " + "kind " * 6_000 + "} }", "GRAPHQL_PARSE_FAILED"),  # tokens
    ("{ " + " ".join(f"a{n}: viewer {{ kind }}" for n in range(60)) + " }", "COST_EXCEEDED"),  # aliases
    ("{ viewer { kind " + "@include(if: true) " * 60 + "} }", "COST_EXCEEDED"),  # directives
    ("query " + "@x " * 500 + "{ viewer { kind } }", "COST_EXCEEDED"),  # directives of the operation
    (
        "{ projects(first: 100) { edges { node { assets(first: 100) { edges { node { project { "
        "prompts(first: 100) { edges { node { id } } } } } } } } } } }",
        "COST_EXCEEDED",
    ),  # pages of pages of pages
    ("{ projects(first: 999999999999999999999) { edges { cursor } } }", "COST_EXCEEDED"),  # a page without end
    ("query($n: Int!) { viewer { kind } }" * 2, "GRAPHQL_VALIDATION_FAILED"),  # two anonymous operations
]


def test_a_document_that_asks_for_too_much_is_refused_at_once(world: World, subtests: pytest.Subtests) -> None:
    """With a code and for little work, however loaded the machine; and whoever asks next is answered as usual."""
    ada = world.register("ada")
    for query, code in TOO_MUCH:
        with subtests.test(query=query, code=code):
            begun = time.process_time()
            answer = world.ask(query, ada)
            assert time.process_time() - begun < LITTLE_WORK
            assert {error["extensions"]["code"] for error in answer.errors} == {code}
            assert all(len(error["message"]) <= 400 for error in answer.errors)
            assert world.ask(PROBE, ada).data == {"viewer": {"kind": "CONTRIBUTOR"}}


def test_errors_are_not_echoed_by_the_hundred(client: TestClient) -> None:
    """A document wrong in many places is told of at most twenty."""
    query = "{ " + " ".join(f"absent{n}" for n in range(300)) + " }"
    assert len(client.post("/graphql", json={"query": query}).json()["errors"]) <= 20


def test_the_cost_of_many_ids_counts(world: World) -> None:
    """`nodes` with many ids is a list like any other; more than a hundred are refused by name."""
    ada = world.register("ada")
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id viewerCan } }"
    assert world.ask(query, ada, ids=[ada.id] * 100).code is None
    refused = world.ask(query, ada, ids=[ada.id] * 101)
    assert (refused.code, refused.field) == ("BAD_USER_INPUT", "ids")
    fields = " ".join(f"a{n}: id" for n in range(12))
    dear = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} }}"
    assert world.ask(dear, ada, ids=["x"] * 9_900).code == "COST_EXCEEDED"


def test_strangers_do_not_read_the_schema_from_the_server(world: World) -> None:
    """Introspection is for callers who are known; the refusal of a stranger is in the trail."""
    ada = world.register("ada")
    for query in (
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        _fragments(3, "__schema { __typename }"),
    ):
        with world.unchanged("access.denied"):
            assert world.ask(query).code == "UNAUTHENTICATED"
        assert world.ask(query, ada).code is None
    assert world.ask("{ __typename }").data == {"__typename": "Query"}


@pytest.mark.parametrize(
    "query",
    [
        "{ projecs { totalCount } }",
        "{ viewer { knd } }",
        "mutation { signInn { x } }",
        "{ viewer { ...F } } fragment F on Viewr { x }",
    ],
)
def test_names_are_suggested_to_callers_who_are_known(world: World, query: str) -> None:
    """ "Did you mean" spells out the schema: a help for developers, and nothing for strangers."""
    ada = world.register("ada")
    assert "Did you mean" in world.ask(query, ada).message
    assert "Did you mean" not in world.ask(query).message


@pytest.mark.parametrize(
    ("broken", "code", "status"),
    [
        (ValueError("secret-words"), "INTERNAL_SERVER_ERROR", 500),
        (ProgrammingError("SELECT secret-words", {}, Exception("secret-words")), "INTERNAL_SERVER_ERROR", 500),
        (OperationalError("SELECT secret-words", {}, Exception("secret-words")), "UNAVAILABLE", 503),
    ],
)
def test_what_breaks_inside_shows_nothing_but_a_reference(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: Exception, code: str, status: int
) -> None:
    """An exception's text may quote content: the answer has a code and a ref, whatever broke and where."""
    ada = world.register("ada")

    def breaking(*_: Any, **__: Any) -> Any:
        raise broken

    monkeypatch.setattr("resolvers.lists.page", breaking)
    inside = world.ask("{ projects { totalCount } }", ada)
    assert (inside.status, inside.code) == (200, code)
    monkeypatch.setattr("muniment.callers.identify", breaking)
    outside = world.ask(PROBE, ada)
    assert (outside.status, outside.code) == (status, code)
    for answer in (inside, outside):
        assert "secret-words" not in str(answer.body)
        assert answer.errors[0]["extensions"]["ref"]


def test_an_unreachable_key_store_is_said_to_be_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and UNAVAILABLE: nothing is opened or changed meanwhile, and trying again may help."""
    from storage.keys.errors import KeyStoreUnavailable

    ada = world.register("ada")

    def unreachable(*_: Any, **__: Any) -> Any:
        raise KeyStoreUnavailable("down")

    with monkeypatch.context() as patch, world.unchanged():
        patch.setattr(world.house.store.keyring, "keyed_hashes", unreachable)
        refused = world.ask(PROBE, ada)
    assert (refused.status, refused.code) == (503, "UNAVAILABLE")


def test_every_route_has_the_headers_that_browsers_need(world: World) -> None:
    """No sniffing, no caching, no framing, no scripts; on errors, too."""
    ada = world.register("ada")
    for path in (
        "/",
        "/health/live",
        "/health/ready",
        "/schema.graphql",
        "/ledger/vkey",
        "/graphql",
        "/absent",
        "/content/x",
    ):
        headers = world.client.get(path, headers={"authorization": f"Bearer {ada.token}"}).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cache-control"] == "no-store", path
        assert headers["x-frame-options"] == "DENY", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["referrer-policy"] == "no-referrer", path
        assert "access-control-allow-origin" not in headers, path


def test_health_says_what_is_wrong_by_its_status_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live while the process answers; ready only while database and keys do."""
    assert world.client.get("/health/live").status_code == 200
    assert world.client.get("/health/ready").status_code == 200

    def broken(*_: Any) -> Any:
        raise OSError("secret-words")

    monkeypatch.setattr(world.house.store.keyring, "public_key", broken)
    answer = world.client.get("/health/ready")
    assert (answer.status_code, "secret-words" in answer.text) == (503, False)
    assert world.client.get("/health/live").status_code == 200


def test_an_unknown_path_is_not_found(client: TestClient) -> None:
    """And says nothing about what there is."""
    for path in ("/admin", "/uploads", "/.env", "/ledger/../policy.polar", "/metrics/../../etc/passwd"):
        assert client.get(path).status_code in (404, 405), path


def test_a_person_is_who_their_token_says(world: World) -> None:
    """Two callers on one connection are two callers."""
    ada, ben = world.register("ada"), world.register("ben")
    who = "{ viewer { contributor { email } } }"
    seen = [world.ask(who, each).data["viewer"]["contributor"]["email"] for each in (ada, ben, ada)]
    assert seen == [ada.email, ben.email, ada.email]
    assert world.ask(who).data["viewer"]["contributor"] is None
