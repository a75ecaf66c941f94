"""Whole documents that fit the schema, made up by schemathesis from schema.graphql: none of them makes the server fail."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.muniment.test_attacks import JSON, demand_an_answer, fuzz, undisturbed
from tests.world import ROOT, World


def cases() -> st.SearchStrategy[Any]:
    """The documents. Whoever only collects tests need not import what makes them: that takes seconds."""
    import schemathesis
    from schemathesis.graphql import nodes

    moments = st.datetimes().map(lambda moment: nodes.String(moment.isoformat() + "Z")) | st.just(nodes.String("x"))
    schemathesis.graphql.scalar("BigInt", st.integers(-(2**63), 2**63).map(nodes.Int))
    schemathesis.graphql.scalar("DateTime", moments)
    schemathesis.graphql.scalar("JSON", st.just(nodes.String("{}")))
    made: st.SearchStrategy[Any] = schemathesis.graphql.from_path(str(ROOT / "schema.graphql")).as_strategy()
    return made


pytestmark = pytest.mark.one_database("sqlite", reason="NUL and odd text in PostgreSQL are tried in tests/schema")


def test_no_document_that_fits_makes_the_server_fail(world: World) -> None:
    """Any selection, any arguments, by a stranger and by a contributor: an answer or coded errors, and nobody is disturbed."""
    ada = world.register("ada")
    seen: Counter[str] = Counter()

    @fuzz(120)
    @given(case=cases(), signed=st.booleans())
    def send(case: Any, signed: bool) -> None:
        headers = JSON | ({"authorization": f"Bearer {ada.token}"} if signed else {})
        body = json.dumps({"query": case.body}).encode("utf-8", "replace")
        answer = world.client.post("/graphql", content=body, headers=headers)
        demand_an_answer(answer)
        seen["ran" if "data" in answer.json() else "refused"] += 1
        seen["answered"] += bool(answer.json().get("data"))

    with undisturbed(world):
        send()
    assert seen["ran"] >= 60
    assert seen["answered"] >= 3
