"""Media types by their weights, and the statuses of the 2026 draft of GraphQL over HTTP behind a setting."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment.negotiation import EVENTS, LEGACY, MODERN, acceptable
from tests.world import World, opened

PROBE = "{ viewer { kind } }"
UNFIT = "{ absent }"
VARIABLE = "query($n: Int!) { projects(first: $n) { totalCount } }"

pytestmark = pytest.mark.one_database("sqlite", reason="what is tested ends before the database, or asks it nothing")


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (f"{MODERN};q=0.5, {LEGACY}", (LEGACY, False)),
        (f"{MODERN};q=0.5, {LEGACY};q=0.5", (MODERN, False)),
        (f"{MODERN};q=0, {LEGACY};q=0", (None, False)),
        (f"{MODERN};q=0, */*", (LEGACY, False)),
        (f"{LEGACY};q=0, */*", (None, False)),
        (f"{EVENTS};q=0, {MODERN}", (MODERN, False)),
        (f"{EVENTS}, {MODERN};q=0.1", (MODERN, True)),
        (f"{MODERN};q=nonsense", (MODERN, False)),
        (f"{MODERN}; charset=utf-8; q=7, {LEGACY};q=1", (MODERN, False)),
        (";;q=,,;", (None, False)),
    ],
)
def test_the_type_with_the_greater_weight_is_answered(accept: str, answered: tuple[str | None, bool]) -> None:
    """Weights are heeded, the most specific range decides, and zero is a refusal (RFC 9110, 12.5.1)."""
    assert acceptable(accept) == answered


@pytest.fixture
def drafted(home: Path, database_url: str, cheap_passwords: None) -> Iterator[World]:
    """The application, its statuses those of the draft."""
    with opened(home, database_url, http_draft=True, cost_per_minute=5_000, body_limit_bytes=10_000) as world:
        yield world


STATUSES = [
    ({"query": PROBE}, 200, None),
    ({"query": PROBE, "unknown": [1]}, 200, None),
    ({"query": "{"}, 400, "GRAPHQL_PARSE_FAILED"),
    ({"query": UNFIT}, 422, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": VARIABLE}, 422, "BAD_USER_INPUT"),
    ({"query": VARIABLE, "variables": [7]}, 422, "BAD_USER_INPUT"),
    ({"qeury": PROBE}, 422, "BAD_USER_INPUT"),
    ({"query": f"query A {PROBE} query B {PROBE}"}, 422, "BAD_USER_INPUT"),
    ({"query": PROBE, "operationName": "C"}, 422, "BAD_USER_INPUT"),
    ({"query": "{ __schema { types { name } } }"}, 401, "UNAUTHENTICATED"),
    ({"query": "{ projects(first: 999999999) { edges { node { id } } } }"}, 422, "COST_EXCEEDED"),
    ({"query": "#" * 20_000}, 413, "PAYLOAD_TOO_LARGE"),
]


def test_statuses_are_those_of_the_draft(drafted: World, subtests: pytest.Subtests) -> None:
    """Whatever the client takes; `application/json` announces only what went well."""
    for accept in [MODERN, LEGACY]:
        for body, status, code in STATUSES:
            with subtests.test(body=body, status=status, code=code, accept=accept):
                answer = drafted.client.post("/graphql", json=body, headers={"accept": accept})
                assert answer.status_code == status, answer.text
                assert answer.headers["content-type"] == f"{accept if status == 200 else MODERN}; charset=utf-8"
                assert [error["extensions"]["code"] for error in answer.json().get("errors", [])] == (
                    [code] if code else []
                )
                assert ("data" in answer.json()) is (code is None)


def test_what_is_no_json_is_400_and_a_part_of_an_answer_is_294(drafted: World) -> None:
    """An answer with data, be it null, and errors has run: 294 for whoever knows the media type, else 200."""
    for raw in (b"NONSENSE", b'{"query":'):
        answer = drafted.client.post("/graphql", content=raw, headers={"content-type": LEGACY})
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")
    for query in ("{ viewer { kind } projects { totalCount } }", '{ viewer { kind } node(id: "x") { id } }'):
        for accept, status in ((MODERN, 294), (LEGACY, 200)):
            answer = drafted.client.post("/graphql", json={"query": query}, headers={"accept": accept})
            assert answer.status_code == status
            assert {"data", "errors"} <= set(answer.json())


def test_methods_and_types_are_refused_as_ever(drafted: World) -> None:
    """405 with `Allow`, 406 and 415 are not GraphQL answers, and are not announced as such."""
    create = 'mutation { createProject(input: {name: "P"}) { auditEventId } }'
    with drafted.unchanged():
        by_get = drafted.client.get("/graphql", params={"query": create})
        deleted = drafted.client.delete("/graphql")
        as_html = drafted.client.post("/graphql", json={"query": PROBE}, headers={"accept": "text/html"})
        as_form = drafted.client.post("/graphql", data={"query": PROBE})
    found = [(each.status_code, each.headers.get("allow")) for each in (by_get, deleted, as_html, as_form)]
    assert found == [(405, "POST"), (405, "GET, POST"), (406, None), (415, None)]
    assert {each.headers["content-type"] for each in (by_get, deleted, as_html, as_form)} == {
        "text/plain; charset=utf-8"
    }
