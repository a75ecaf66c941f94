"""A document that came before is taken as it was: weighed with the numbers of this request, and never another's."""

from typing import Any

import pytest
from graphql import GraphQLSyntaxError, parse, specified_rules
from strawberry.extensions import SchemaExtension

from schema import documents
from schema.api import build
from schema.documents import known
from schema.limits import MAX_COST
from schema.runners import Runner
from schema.weights import weigh

PAGE = (
    "query Page($first: Int, $ids: [ID!]) { assets(first: $first) { edges { node { id } } } nodes(ids: $ids) { id } }"
)
RULES = tuple(specified_rules)
SCHEMA = build()._schema


def test_the_same_text_is_one_document_and_another_is_another() -> None:
    """Parsed once, and told apart by every character."""
    assert known("{ __typename }") is known("{ __typename }")
    assert known("{ __typename }") is not known("{  __typename }")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"first": 3},
        {"first": 100},
        {"first": None},
        {"first": "100"},
        {"first": 7, "ids": ["a"] * 9},
        {"first": 7, "ids": "a"},
        {"first": True},
        {"ids": ["a"] * 40},
        {"ids": {"first": 9}, "first": 2.5},
    ],
)
def test_what_is_kept_weighs_what_it_would_weigh_anew(variables: dict[str, Any]) -> None:
    """Whatever was asked with it before: numbers and lists count, nothing else does."""
    for before in ({"first": 1}, {"first": 90}, {"ids": ["b"] * 3}):
        known(PAGE).weight(SCHEMA, before)
    assert known(PAGE).weight(SCHEMA, variables) == weigh(SCHEMA, parse(PAGE), variables)


@pytest.mark.parametrize(
    ("declared", "variables"),
    [
        ("$first: Int, $ids: [ID!]!", {"first": 100.0, "ids": ["a"] * 40}),
        ("$first: Int = 100, $ids: [ID!]! = [" + "1 " * 40 + "]", {}),
        ("$first: Int = 100, $ids: [ID!]!", {"ids": ["a"] * 40}),
    ],
)
def test_a_number_counts_in_whatever_way_it_is_said(declared: str, variables: dict[str, Any]) -> None:
    """GraphQL takes 100.0 for 100, and what a document says where a variable is missing: so does its cost."""
    text = f"query Page({declared}) {{{PAGE.partition('{')[2]}"
    same = known(PAGE).weight(SCHEMA, {"first": 100, "ids": ["a"] * 40})
    for before in ({"first": 1}, {"first": 1.0}, {"first": None}):
        known(text).weight(SCHEMA, before)
    assert known(text).weight(SCHEMA, variables) == same
    assert known(text).weight(SCHEMA, {**variables, "first": 7.0}).cost < same.cost
    assert known(text).weight(SCHEMA, {**variables, "first": 1e308}).cost > MAX_COST
    assert not known(text).errors(build()._schema, RULES)


def test_nothing_that_a_client_says_is_kept_but_numbers() -> None:
    """Variables may hold passwords and content: what is kept of a weight is not found by them."""
    documents._weight.cache_clear()
    for number in range(20):
        known(PAGE).weight(SCHEMA, {"first": 5, "password": f"secret {number}", "input": {"text": f"private {number}"}})
    assert documents._weight.cache_info().currsize == 1


def test_what_strangers_send_in_great_numbers_is_not_kept() -> None:
    """Neither variables that no document declares, nor many, nor documents that are long: they are weighed all the same."""
    documents._weight.cache_clear()
    beside = {f"undeclared{number}" * 100: number for number in range(60_000)}
    assert known(PAGE).weight(SCHEMA, {"first": 4, **beside}) == weigh(SCHEMA, parse(PAGE), {"first": 4})
    assert known(PAGE).weight(SCHEMA, {"first": 4}) == weigh(SCHEMA, parse(PAGE), {"first": 4})
    assert documents._weight.cache_info().currsize == 1
    many = "query(" + "".join(f"$n{number}: Int " for number in range(50)) + ") { assets(first: $n7) { totalCount } }"
    told = {f"n{number}": number for number in range(50)}
    assert known(many).weight(SCHEMA, told) == weigh(SCHEMA, parse(many), told)
    assert documents._weight.cache_info().currsize == 1
    schema, kept = build()._schema, (documents._kept, documents._weight, documents._errors)
    long = "{ __typename nothing }" + " " * 20_000
    before = [each.cache_info().currsize for each in kept]
    assert known(long).weight(SCHEMA, {}) == weigh(SCHEMA, parse(long), {})
    assert len(known(long).errors(schema, RULES)) == 1
    assert [each.cache_info().currsize for each in kept] == before


@pytest.mark.parametrize(
    "text",
    [
        'mutation { signIn(input: {email: "ada@example.org", password: "correct horse"}) { eventId } }',
        'mutation { submitPrompt(input: {projectId: "1", text: """\nWhat nobody else may read\n"""}) { eventId } }',
        'query($search: String = "private words") { assets(search: $search) { totalCount } }',
        '{ assets(search: "nothing that is closed) { totalCount } }',
    ],
)
def test_a_document_with_words_of_its_own_is_not_kept(text: str) -> None:
    """Passwords and content may stand in it: they are gone with the request, and it is judged all the same."""
    schema, kept = build()._schema, (documents._kept, documents._weight, documents._errors)
    before = [each.cache_info().currsize for each in kept]
    for _ in range(2):
        try:
            document = known(text)
        except GraphQLSyntaxError:
            continue
        assert document.weight(SCHEMA, {"first": 3}) == weigh(SCHEMA, parse(text), {"first": 3})
        document.errors(schema, RULES)
    assert [each.cache_info().currsize for each in kept] == before


def test_what_is_not_valid_is_said_each_time_and_of_that_document_alone() -> None:
    """Errors are those of this document in this schema; what can't be parsed is not kept at all."""
    schema = build()._schema
    for _ in range(2):
        assert known("{ __typename }").errors(schema, RULES) == []
        assert [error.message for error in known("{ nothing }").errors(schema, RULES)] == [
            "Cannot query field 'nothing' on type 'Query'."
        ]
        with pytest.raises(GraphQLSyntaxError):
            known("{ nothing ")


def test_an_extension_that_the_runner_would_pass_over_is_refused() -> None:
    """A hook that is no generator would be called and never run: it fails at the first operation."""

    class Plain(SchemaExtension):
        def on_execute(self) -> None:  # type: ignore[override]
            raise AssertionError

    runner = Runner(None, [Plain(execution_context=None)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Plain\.on_execute is no generator"):
        runner.executing()
    assert runner.parsing().hooks == []
