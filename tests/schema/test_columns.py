"""Lists answered column by column: everything is answered so, nothing is read that was not asked for, errors are the same.

Against the same schema without any short way.
"""

from collections.abc import Callable
from typing import Any

import pytest
import strawberry
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type, is_required_argument

from resolvers.context import Asking, Context
from resolvers.identity import identify
from schema import api
from schema.connections import Connections, Edges
from schema.executor import Executor
from schema.leaves import Siblings, for_siblings, leaf, shorten
from schema.nodes import Nodes
from storage.reading import Rows
from storage.staff import StaffRole
from tests.beginnings import Beginning
from tests.schema.test_executor import TICKETS, ours, said, stock
from tests.world import Person, World, begun

__all__ = ["ours", "stock"]

_WHOLE_PAGE = """{ __typename projects(first: 3) { __typename edges { __typename cursor node { __typename id viewerCan
    assets(first: 2) { totalCount pageInfo { hasNextPage endCursor } edges { node {
        id status tags checksum viewerCan createdAt project { __typename id name prompts { edges { node { id } } } } } } }
    prompts { edges { node { text model outputs(first: 2) { edges { node { variation text } } } } } }
    outputs { totalCount edges { node { id } } } } } } }"""


def make(world: World) -> Person:
    """A contributor with two projects, one of them empty, and a friend who sees them."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    world.project(ada, "Empty")
    world.asset(ada, project, tags=["river", "morning"])
    world.announce(ada, project)
    for number in (1, 2, 3):
        world.output(world.prompt(ada, project, f"Line {number}."))
    world.key(ada, "read")
    world.step_up(ada)
    world.do("requestExport", ada).data  # noqa: B018 - fails the test where it did not work
    world.share(ada, project, ben, "VIEWER")
    return ada


pytestmark = pytest.mark.begins_with("ada", fill=begun(make))


@pytest.fixture
def ada(beginning: Beginning) -> Person:
    """A contributor with two projects, one of them empty, and a friend who sees them."""
    found: Person = beginning.left
    return found


def _asked(world: World, schema: api.Schema, person: Person, document: str) -> Any:
    return _said_to(world, schema, _asking(world, person), document)


def _asking(world: World, person: Person) -> Asking:
    return identify(world.house, person.token, ip_address="192.0.2.1", user_agent="test")


def _said_to(world: World, schema: api.Schema, asking: Asking, document: str) -> Any:
    return said(schema, document, Context(world.house, asking))


def test_a_nested_page_is_one_call_for_each_list_however_many_hang_there(
    world: World, ours: api.Schema, stock: api.Schema, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the root goes the stock executor's way: not one field of what is listed, also where a list is empty."""
    expected = _asked(world, stock, ada, _WHOLE_PAGE)
    assert expected[0]["projects"]["edges"][1]["node"]["prompts"]["edges"]
    slow: list[str] = []
    execute_field = Executor.execute_field

    def noted(self: Any, parent_type: GraphQLObjectType, source: Any, details: Any, *rest: Any) -> Any:
        slow.append(details[0].node.name.value)
        return execute_field(self, parent_type, source, details, *rest)

    monkeypatch.setattr(Executor, "execute_field", noted)
    assert _asked(world, ours, ada, _WHOLE_PAGE) == expected
    assert slow == ["projects"]


@pytest.mark.one_database("sqlite", reason="what is made of rows, wherever they come from")
def test_what_is_asked_together_is_not_made_one_by_one(
    world: World, ours: api.Schema, stock: api.Schema, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row, node or edge is an object where all that is asked of them is plain; of one list more, only its own."""
    made: list[str] = []
    for company in (Nodes, Edges, Connections):
        make = company._make
        monkeypatch.setattr(company, "_make", _noting(made, company.__name__, make))
    monkeypatch.setattr(Rows, "_all", _noting(made, "Rows", Rows._all))
    prompts = "prompts(first: 2) { edges { node { text status outputs { edges { node { id text } } } } } }"
    plain = f"{{ projects {{ edges {{ node {{ id name createdAt {prompts} }} }} }} }}"
    answer = _asked(world, ours, ada, plain)
    assert made == []
    assert answer[0]["projects"]["edges"][1]["node"]["prompts"]["edges"][0]["node"]["outputs"]["edges"][0]["node"][
        "text"
    ]
    assert answer == _asked(world, stock, ada, plain)
    made.clear()
    assert _asked(world, ours, ada, plain.replace("text status", "text viewerCan"))[0]
    assert sorted({*made}) == ["Nodes", "Rows"]


def _noting(made: list[str], name: str, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def noted(self: Any) -> Any:
        made.append(name)
        return make(self)

    return noted


def _single_fields(schema: GraphQLSchema) -> list[str]:
    """A document for every leaf of what any list at the root holds, and for each list that hangs there."""
    documents = []
    assert schema.query_type is not None
    for name, field in schema.query_type.fields.items():
        connection = get_named_type(field.type)
        if not connection.name.endswith("Connection") or any(map(is_required_argument, field.args.values())):
            continue
        edge = get_named_type(connection.fields["edges"].type)
        node = get_named_type(edge.fields["node"].type)
        for leaf_name, each in node.fields.items():
            below = get_named_type(each.type)
            wants = "" if is_leaf_type(below) else " { edges { node { id } } }"
            if leaf_name in TICKETS or not (is_leaf_type(below) or below.name.endswith("Connection")):
                continue
            documents.append(f"{{ {name} {{ edges {{ node {{ {leaf_name}{wants} }} }} }} }}")
    return documents


def test_each_field_alone_is_answered_as_with_the_whole_row(
    world: World, ours: api.Schema, stock: api.Schema, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field reads of its row what it says that it needs, whoever asks: with that column and no other it is right."""
    monkeypatch.setattr(Context, "_record_reads", lambda self, work: None)  # an entry that the second would see
    documents = _single_fields(ours._schema)
    assert len(documents) > 150
    full = 0
    for person in (ada, world.employ(StaffRole.SECURITY, StaffRole.PRIVACY), world.employ(StaffRole.AUDITOR)):
        asking = _asking(world, person)
        for document in documents:
            answer = _said_to(world, ours, asking, document)
            assert answer == _said_to(world, stock, asking, document), document
            full += bool(answer[0] and next(iter(answer[0].values()))["edges"])
    assert full > 60


def test_only_ids_and_what_is_asked_for_is_read(world: World, ada: Person, statements: Any) -> None:
    """Content that nobody asked for does not leave the database, at the root and below."""
    statements()
    world.ask("{ assets { edges { node { status title } } } }", ada).data  # noqa: B018
    world.ask("{ projects { edges { node { prompts { edges { node { model } } } } } } }", ada).data  # noqa: B018
    pages = [sql for sql in statements() if "FROM assets" in sql or "FROM prompts" in sql]
    assert len(pages) == 2
    assert "assets.title" in pages[0]
    assert "assets.owner_id" in pages[0]
    assert "prompts.model" in pages[1]
    for unasked in ("description", "checksum", "tags", "created_at", ".text", "parameters"):
        assert not any(unasked in sql for sql in pages), unasked


def test_a_field_that_does_not_say_what_it_needs_gets_the_whole_row(world: World, ada: Person, statements: Any) -> None:
    """So a resolver of another kind than a leaf works, whatever it looks at; two selections are two loads."""
    statements()
    found = world.ask("{ exports { edges { node { encrypted status } } } }", ada).data
    assert found["exports"]["edges"][0]["node"]["encrypted"] is False
    page = next(sql for sql in statements() if "FROM exports" in sql)
    assert "exports.expires_at" in page
    both = world.ask(
        """{ projects { edges { node { name a: assets { edges { node { id } } } b: assets { edges { node { title } } } } } } }""",
        ada,
    ).data["projects"]["edges"]
    for edge in both:
        assert len(edge["node"]["a"]["edges"]) == len(edge["node"]["b"]["edges"])
        assert all(each["node"]["title"] for each in edge["node"]["b"]["edges"])


def _friend(self: Any, info: strawberry.Info, named: str = "Ben") -> Any:
    """Every second one has nobody; one called Eve fails them all."""
    if named == "Eve":
        raise ValueError("no friend")
    nodes = self.nodes if isinstance(self, Siblings) else [self]
    found = [Somebody(number=each.number + 100, named=named) if each.number % 2 else None for each in nodes]
    return found if isinstance(self, Siblings) else found[0]


def _guardian(self: Any, info: strawberry.Info) -> Any:
    """As `_friend`."""
    return _friend(self, info)


@strawberry.type
class Somebody:
    """Somebody with a number, who may have a friend."""

    number: int
    named: str
    colours: list[str] = leaf(lambda self, info: ["red"] * self.number, list[str], "Texts.")
    none: list[str] | None = leaf(lambda self, info: None, list[str] | None, "No texts, which is allowed.")
    missing: list[str] = leaf(lambda self, info: None, list[str], "No texts, which is not.")
    text: list[str] = leaf(lambda self, info: "red", list[str], "A text where a list stands.")
    holes: list[str] = leaf(lambda self, info: ["red", None], list[str], "A text too few.")


@strawberry.type
class Friendly(Somebody):
    """One who may have a friend, and must have another."""

    friend: Somebody | None = for_siblings(_friend, Somebody | None, "Perhaps nobody.")
    guardian: Somebody = for_siblings(_guardian, Somebody, "Nobody, where one must be.")


@strawberry.type
class Room:
    """Where they are."""

    people: list[Friendly]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def room(self, first: int = 0, count: int = 4) -> Room | None:
        """A few of them."""
        return Room(people=[Friendly(number=number, named="Ada") for number in range(first, first + count)])


@pytest.mark.parametrize(
    "wants",
    [
        "number friend { number named }",
        'number friend(named: "Zoe") { number named colours }',
        'number friend(named: "Eve") { number }',
        "number friend(named: 7) { number }",
        "number guardian { number }",
        "number colours none",
        "number missing",
        "number text",
        "number holes friend { missing }",
        "a: friend { number } friend { named } ... on Friendly { friend { colours } }",
        "friend @skip(if: true) { number } number",
        "friend @include(if: true) { number }",
    ],
)
@pytest.mark.parametrize("room", ["room", "room(count: 0)", "room(first: 1, count: 1)", "room(count: 1)"])
def test_what_hangs_on_several_is_answered_as_if_each_were_asked(room: str, wants: str) -> None:
    """Nobody, somebody, an argument, a wrong one, an error, lists of leaves that are none: the same data and errors."""
    short = strawberry.Schema(Query, execution_context_class=Executor)
    shorten(short._schema)
    document = f"{{ {room} {{ people {{ {wants} }} }} }}"
    assert said(short, document, None) == said(strawberry.Schema(Query), document, None)
