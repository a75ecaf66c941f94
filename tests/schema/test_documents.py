"""A document that came before is taken as it was: weighed with the numbers of this request, and never another's."""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLSyntaxError, parse, specified_rules
from strawberry.extensions import SchemaExtension

from resolvers.identity import identify
from schema.api import build
from schema.documents import DocumentCache, cache, known
from schema.limits import MAX_COST
from schema.runners import Runner
from schema.weights import weigh
from tests.world import Person, World

PAGE = (
    "query Page($first: Int, $ids: [ID!]) { assets(first: $first) { edges { node { id } } } nodes(ids: $ids) { id } }"
)
RULES = tuple(specified_rules)
SCHEMA = build()._schema


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def test_the_same_text_is_one_document_and_another_is_another() -> None:
    """Parsed once when it was kept, and told apart by every character."""
    cache.keep(known("{ __typename }"))
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
    page = known(PAGE)
    for number in range(20):
        page.weight(SCHEMA, {"first": 5, "password": f"secret {number}", "input": {"text": f"private {number}"}})
    assert list(page._weights) == [(("first", 5),)]
    for number in range(1_000):
        page.weight(SCHEMA, {"first": number})
    assert len(page._weights) <= 20


def test_variables_in_great_numbers_are_not_kept() -> None:
    """Neither variables that no document declares, nor many of them: the document is weighed all the same."""
    beside = {f"undeclared{number}" * 100: number for number in range(60_000)}
    page = known(PAGE)
    assert page.weight(SCHEMA, {"first": 4, **beside}) == weigh(SCHEMA, parse(PAGE), {"first": 4})
    assert page.weight(SCHEMA, {"first": 4}) == weigh(SCHEMA, parse(PAGE), {"first": 4})
    assert len(page._weights) == 1
    text = "query(" + "".join(f"$n{number}: Int " for number in range(50)) + ") { assets(first: $n7) { totalCount } }"
    many, told = known(text), {f"n{number}": number for number in range(50)}
    assert many.weight(SCHEMA, told) == weigh(SCHEMA, parse(text), told)
    assert not many._weights


@pytest.mark.parametrize(
    "text",
    [
        'mutation { signIn(input: {email: "ada@example.org", password: "correct horse"}) { eventId } }',
        'mutation { submitPrompt(input: {projectId: "1", text: """\nWhat nobody else may read\n"""}) { eventId } }',
        'query($search: String = "private words") { assets(search: $search) { totalCount } }',
        "{ __typename }" + " " * 20_000,
        "{ " + "__typename " * 2_000 + "}",
    ],
    ids=["a password", "content", "words", "long", "many tokens"],
)
def test_a_document_with_words_of_its_own_or_a_large_one_is_not_kept(text: str) -> None:
    """Passwords and content may stand in it: they are gone with the request, and it is judged all the same."""
    document = known(text)
    cache.keep(document)
    assert (len(cache), cache.bytes) == (0, 0)
    assert known(text) is not document
    assert document.weight(SCHEMA, {"first": 3}) == weigh(SCHEMA, parse(text), {"first": 3})


def test_what_a_document_takes_is_not_underestimated() -> None:
    """Of a thousand documents, small and large: the estimate lies above what is allocated, and not far above."""
    fields = "id name createdAt updatedAt "
    texts = [f"query Q{each} {{ a{each}: viewer {{ {fields * (each % 60)} kind }} }}" for each in range(1_000)]
    mine = DocumentCache(most_bytes=10**9)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for text in texts:
            document = known(text)
            document.weight(SCHEMA, {})
            mine.keep(document)
        del document
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(mine) == len(texts)
    assert taken <= mine.bytes <= 3 * taken


def test_the_cache_is_bounded_in_bytes() -> None:
    """Those used last stay; what is dropped is counted no more."""
    mine = DocumentCache(most_bytes=500_000)
    texts = [f"{{ a{each}: __typename {'b: __typename ' * 20}}}" for each in range(200)]
    for text in texts:
        mine.keep(known(text))
        assert mine.get(texts[0]) is not None
    assert 0 < mine.bytes <= 500_000
    assert mine.bytes == sum(document.size for document, _ in mine._documents.values())
    assert mine.get(texts[-1]) is not None
    assert mine.get(texts[1]) is None


def test_only_what_a_signed_in_caller_ran_is_kept(world: World) -> None:
    """Nothing of a stranger, of what is not valid, of what asks for too much, or of a caller over the limit."""
    ada = world.register("ada")
    cache.clear()
    for query, by in (
        ("{ viewer { kind } }", None),
        ("mutation($i: SignInInput!) { signIn(input: $i) { auditEventId } }", None),
        ("{ viewer { kind nothing } }", ada),
        ("{ projects(first: 999999) { edges { node { id } } } }", ada),
        ("{ viewer { kind }", ada),
        ("{ viewer { kind } }", "mun_s_" + "x" * 40),
    ):
        world.ask(query, by)
        assert len(cache) == 0, query
    world.house.budgets._levels[str(_id(world, ada))] = (-1e12, time.monotonic(), 1000)
    assert world.ask("{ viewer { kind } }", ada).code == "RATE_LIMITED"
    assert len(cache) == 0
    world.house.budgets._levels.clear()
    assert world.ask("{ viewer { kind } }", ada).code is None
    assert len(cache) == 1


def _id(world: World, person: Person) -> object:
    return identify(world.house, person.token).principal.id


def test_a_document_of_many_lines_is_refused_before_it_is_parsed(world: World) -> None:
    """To find the line of each error takes time by the lines before it: a second for each mebibyte of line breaks."""
    ada = world.register("ada")
    for line in ("\n", "\r", "\r\n"):
        for many in (10_001, 200_000):
            began = time.process_time()
            refused = world.ask("{" + line * many + " ".join(f"a{each}" for each in range(1_000)) + "}", ada)
            assert (refused.status, refused.code) == (400, "GRAPHQL_PARSE_FAILED")
            assert time.process_time() - began < 5
    assert world.ask("{" + "\n" * 9_000 + "__typename}", ada).code is None


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
