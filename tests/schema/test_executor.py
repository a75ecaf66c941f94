"""The short way for leaves answers what graphql-core and Strawberry answer without it: data, errors and their places."""

import enum
import gc
from typing import Any

import pytest
import strawberry
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import ExecutionResult

from resolvers.budgets import Charge
from resolvers.context import Asking, Context
from resolvers.identity import identify
from schema import api
from schema.executor import Executor
from schema.leaves import leaf, shorten
from storage.staff import StaffRole
from tests.world import World

TICKETS = {"contentUrl", "thumbnailUrl", "uploadUrl"}
"""Each is minted anew, with the second in it."""


@pytest.fixture(scope="module")
def ours() -> api.Schema:
    """The schema that the application serves."""
    return api.build.__wrapped__()


@pytest.fixture(scope="module")
def stock() -> api.Schema:
    """The same without any short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "shorten", lambda schema: None)
        patch.setattr(api, "Executor", StrawberryGraphQLCoreExecutionContext)
        return api.build.__wrapped__()  # and not beyond: the application's own may be built after it


def said(schema: strawberry.Schema, document: str, context: Any, **variables: Any) -> Any:
    """Data, and each error with its message, place and path."""
    result = schema.execute_sync(document, variable_values=variables, context_value=context)
    assert isinstance(result, ExecutionResult)
    return result.data, [(error.message, error.path, error.locations) for error in result.errors or ()]


class Documents:
    """Random documents over a schema: aliases, repeated fields, fragments of both kinds, directives, variables."""

    def __init__(self, schema: GraphQLSchema, ids: list[str]) -> None:
        self.schema = schema
        self.ids = ids

    def query(self, draw: Any) -> str:
        fragments: list[str] = []
        body = self._selection(draw, self.schema.query_type, 4, fragments)
        return " ".join([f"query ($yes: Boolean!, $no: Boolean!) {body}", *fragments])

    def _widest(self, kind: Any) -> int:
        """Few at the root: one that is refused there leaves nothing of the answer."""
        return 3 if kind is self.schema.query_type else 7

    def _selection(self, draw: Any, kind: Any, depth: int, fragments: list[str]) -> str:
        names = sorted(name for name in kind.fields if self._usable(kind.fields[name], name, depth))
        chosen = draw(st.lists(st.sampled_from(["__typename", *names]), min_size=1, max_size=self._widest(kind)))
        parts = []
        for number, name in enumerate(chosen):
            field = kind.fields.get(name)
            part = f"{draw(st.sampled_from(['', f'a{number}: ']))}{name}"
            if field is not None:
                part += self._arguments(draw, field)
            part += draw(st.sampled_from(["", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: $no)"]))
            below = None if field is None else get_named_type(field.type)
            if below is not None and not is_leaf_type(below):
                part += " " + self._selection(draw, below, depth - 1, fragments)
            parts.append(self._wrapped(draw, part, kind, fragments))
        if is_abstract_type(kind):
            kinds = self.schema.get_possible_types(kind)[:3]
            parts += [f"... on {each.name} {self._selection(draw, each, depth - 1, fragments)}" for each in kinds]
        return "{ " + " ".join(parts) + " }"

    def _wrapped(self, draw: Any, part: str, kind: Any, fragments: list[str]) -> str:
        how = draw(st.integers(0, 7))
        if how == 0:
            return f"... {{ {part} }}"
        if how == 1:
            name = f"F{len(fragments)}"
            fragments.append(f"fragment {name} on {kind.name} {{ {part} }}")
            return f"...{name}"
        return part

    def _usable(self, field: GraphQLField, name: str, depth: int) -> bool:
        needs = {argument for argument, given in field.args.items() if is_required_argument(given)}
        below = get_named_type(field.type)
        return name not in TICKETS and needs <= {"id", "ids"} and (is_leaf_type(below) or depth > 1)

    def _arguments(self, draw: Any, field: GraphQLField) -> str:
        given = []
        if "id" in field.args:
            given.append(f'id: "{draw(st.sampled_from(self.ids))}"')
        if "ids" in field.args:
            ids = draw(st.lists(st.sampled_from(self.ids), max_size=3))
            given.append("ids: [" + ", ".join(f'"{each}"' for each in ids) + "]")
        if "first" in field.args:
            given.append(f"first: {draw(st.integers(1, 3))}")
        return f"({', '.join(given)})" if given else ""


@pytest.mark.one_database("sqlite", reason="both ways ask the same database; it is what they make of its rows")
def test_every_query_is_answered_as_without_the_short_way(
    world: World, ours: api.Schema, stock: api.Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the owner, someone it is shared with, someone else, a key, staff and nobody; two hundred documents."""
    monkeypatch.setattr(Context, "_record_reads", lambda self, work: None)  # an entry that the second would see
    monkeypatch.setattr(Context, "charge", lambda self, cost: Charge(1))  # which of two is limited says nothing here
    ada, ben, eve = (world.register(name) for name in ("ada", "ben", "eve"))
    project = world.project(ada)
    world.share(ada, project, ben, "VIEWER")
    asset, prompt = world.asset(ada, project), world.prompt(ada, project)
    world.asset(ada, project, title="Rivers")
    output = world.output(prompt)
    documents = Documents(ours._schema, [project, asset, prompt, output, ada.id, ben.id, "bm9uc2Vuc2U"])
    support, auditor = world.employ(StaffRole.SUPPORT), world.employ(StaffRole.AUDITOR)
    tokens = [ada.token, ben.token, eve.token, world.key(ada, "read")[1].token, support.token, auditor.token, None]
    callers = [identify(world.house, token, ip_address="192.0.2.1", user_agent="test") for token in tokens]

    def asked(schema: api.Schema, asking: Asking, document: str) -> Any:
        return said(schema, document, Context(world.house, asking), yes=True, no=False)

    answered: list[str] = []

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def same(data: st.DataObject) -> None:
        document = documents.query(data.draw)
        caller = data.draw(st.sampled_from(callers))
        answer = asked(ours, caller, document)
        assert answer == asked(stock, caller, document)
        if answer[0]:
            answered.append(document)

    same()
    assert len(answered) > 25
    page = "{ assets { edges { cursor node { id title tags byteSize createdAt status checksum } } } }"
    assert asked(ours, callers[0], page)[0]["assets"]["edges"][0]["node"]["title"]
    assert asked(ours, callers[0], page) == asked(stock, callers[0], page)


def raising(_self: Any, _info: Any) -> Any:
    """A leaf that fails."""
    raise ValueError("no")


@strawberry.enum
class Colour(enum.Enum):
    """Two colours."""

    RED = "red"
    BLUE = "blue"


@strawberry.type
class Odd:
    """Every way in which a leaf can be wrong."""

    fine: str = leaf(lambda self, info: "fine", str, "A text.")
    none: str | None = leaf(lambda self, info: None, str | None, "Nothing, which is allowed.")
    missing: str = leaf(lambda self, info: None, str, "Nothing, which is not.")
    raises: str = leaf(raising, str, "An error.")
    raises_quietly: str | None = leaf(raising, str | None, "An error where null may stand.")
    returned: str | None = leaf(lambda self, info: ValueError("kept"), str | None, "An error as a value.")
    number: int = leaf(lambda self, info: "many", int, "No number.")
    huge: int | None = leaf(lambda self, info: 2**40, int | None, "Too large a number.")
    colour: Colour = leaf(lambda self, info: Colour.RED, Colour, "A colour.")
    no_colour: Colour | None = leaf(lambda self, info: "green", Colour | None, "No colour.")
    words: list[str] = leaf(lambda self, info: ["a", "b"], list[str], "Texts.")
    no_words: list[str] = leaf(lambda self, info: None, list[str], "No texts, which is not allowed.")
    few_words: list[str] | None = leaf(lambda self, info: None, list[str] | None, "No texts, which is allowed.")
    letters: list[str] = leaf(lambda self, info: "ab", list[str], "A text where a list stands.")
    colours: list[Colour] = leaf(lambda self, info: [Colour.RED, Colour.RED, Colour.BLUE], list[Colour], "Colours.")
    greens: list[Colour | None] = leaf(lambda self, info: [None, "green"], list[Colour | None], "No colours.")
    holes: list[str] | None = leaf(lambda self, info: ["a", None], list[str] | None, "A text too few.")
    number_as_text: str = leaf(lambda self, info: 7, str, "A number where a text stands.")
    truth: bool = leaf(lambda self, info: 1, bool, "One for true.")

    @strawberry.field
    def below(self) -> "Odd | None":
        """The same again, where null may stand."""
        return Odd()


@strawberry.type
class Place:
    """Where one of several stands."""

    odd: Odd


@strawberry.type
class Shelf:
    """Several, in an attribute."""

    places: list[Place]
    all: list[Odd | None]


@strawberry.type
class Query:
    """The root of the odd."""

    @strawberry.field
    def shelf(self) -> Shelf | None:
        """Several of them."""
        odd = [Odd(), Odd()]
        return Shelf(places=[Place(odd=each) for each in odd], all=[*odd, None])

    @strawberry.field
    def odd(self) -> Odd | None:
        """Where it begins."""
        return Odd()

    @strawberry.field
    def several(self) -> list[Odd | None]:
        """In a list."""
        return [Odd(), Odd()]


NAMES = sorted(name for name in strawberry.Schema(Query)._schema.type_map["Odd"].fields if name != "below")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "document",
    [
        "{{ odd {{ fine {0} }} }}",
        "{{ odd {{ below {{ fine x: {0} {0} }} fine }} }}",
        "{{ several {{ {0} fine below {{ {0} }} }} }}",
        "{{ odd {{ raisesQuietly {0} }} }}",
        "{{ shelf {{ places {{ odd {{ fine x: {0} {0} }} }} }} }}",
        "{{ shelf {{ all {{ __typename {0} }} places {{ odd {{ fine ... @skip(if: true) {{ {0} }} }} }} }} }}",
    ],
)
def test_what_goes_wrong_goes_wrong_alike(document: str, name: str) -> None:
    """Nulls, errors raised and returned, values of the wrong kind: the same nulls, messages and paths."""
    short = strawberry.Schema(Query, execution_context_class=Executor)
    shorten(short._schema)
    assert isinstance(short._schema.type_map["Odd"], GraphQLObjectType)
    text = document.format(name)
    assert said(short, text, None) == said(strawberry.Schema(Query), text, None)


OPERATIONS = (
    "{ viewer { kind } projects { edges { node { name assets { edges { node { title } } } } } } }",
    'mutation { createProject(input: { name: "Another" }) { project { id } } }',
    'query { project(id: "x") { id } }',
    'mutation { createProject(input: { name: "" }) { project { id } } }',
)
"""Some that are answered and some that are refused."""


def test_an_operation_that_is_done_holds_nothing(world: World) -> None:
    """What an operation knew goes when it ends, refused or not, and not when the garbage collector comes by."""
    ada = world.register("ada")
    world.asset(ada, world.project(ada))
    told = [world.ask(document, ada).code for document in OPERATIONS]
    assert told == [None, None, "BAD_USER_INPUT", "BAD_USER_INPUT"]
    gc.collect()
    gc.freeze()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for document in OPERATIONS:
            world.ask(document, ada)
            gc.collect()
            assert [each for each in gc.garbage if isinstance(each, Context | Executor)] == [], document
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
