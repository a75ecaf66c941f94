"""Requests of a contributor read their own rows only, however many rows other people have."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from graphql import GraphQLObjectType, build_schema, get_named_type, is_required_argument

from tests import crowds
from tests.resolvers import ladder
from tests.rows_read import costs
from tests.world import World

pytestmark = pytest.mark.one_database("postgresql", reason="SQLite does not count what it reads")

OTHERS = 5_000
MOST = 1_000
"""Rows and index entries of one statement."""
RUNGS = ("owner", "viewer", "read_key", "export_key", "departing")
SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text("utf-8"))


@pytest.fixture
def scene(world: World) -> ladder.Scene:
    """Return the ladder's scene in a database with thousands of rows of others in each table."""
    made = ladder.make(world)
    address = world.house.store.engine.url.set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(address, autocommit=True) as connection:
        assert len(crowds.fill(connection, OTHERS)) > 25
    return made


def test_every_operation_on_one_thing_reads_little(scene: ladder.Scene) -> None:
    """Each of the ladder's, from each rung of a contributor's, answered or refused."""
    with costs(scene.world.house.store.engine) as read:
        for operation in ladder.GRID:
            for rung in RUNGS:
                scene.ask(operation, rung)
    assert len(read) > 150
    _expect_little(read)


def test_every_list_reads_little(scene: ladder.Scene) -> None:
    """Each connection of the root, and each below a thing, with its count, from both ends, by owner, member and key."""
    queries = [*_lists(), *_filtered(scene.ids["project"])]
    assert len(queries) > 40
    with costs(scene.world.house.store.engine) as read:
        for query in queries:
            for rung in ("owner", "viewer", "read_key"):
                answer = scene.world.ask(query, scene.people[rung])
                assert answer.code in (None, "FORBIDDEN", "NOT_FOUND", "STEP_UP_REQUIRED"), answer.body
    assert len(read) > 50
    _expect_little(read)


def _filtered(project: str) -> Iterator[str]:
    some = "first: 3) { totalCount edges { node { id } } } }"
    for name in ("assets", "prompts"):
        for given in (f'projectId: "{project}"', f'projectId: "{project}", search: "some"'):
            yield f"{{ {name}({given}, {some}"
    yield f'{{ assets(mediaType: "image/png", {some}'


def _expect_little(read: dict[str, int]) -> None:
    much = sorted((rows, statement) for statement, rows in read.items() if rows > MOST)
    assert not much, "\n\n".join(f"{rows} rows: {statement}" for rows, statement in much)


def _lists() -> Iterator[str]:
    query = SCHEMA.query_type
    assert query is not None
    for name, field in query.fields.items():
        kind = get_named_type(field.type)
        if not kind.name.endswith("Connection") or any(map(is_required_argument, field.args.values())):
            continue
        node = get_named_type(get_named_type(kind.fields["edges"].type).fields["node"].type)  # type: ignore[union-attr]
        below = "".join(
            f" {each}(first: 3) {{ totalCount edges {{ node {{ id }} }} }}"
            for each, inner in (node.fields.items() if isinstance(node, GraphQLObjectType) else ())
            if get_named_type(inner.type).name.endswith("Connection") and "first" in inner.args
        )
        for part in ("first: 3", "last: 3"):
            yield f"{{ {name}({part}) {{ totalCount edges {{ node {{ __typename{below} }} }} }} }}"
        if "orderBy" in field.args:
            yield f"{{ {name}(first: 3, orderBy: OLDEST_FIRST) {{ totalCount edges {{ node {{ __typename }} }} }} }}"
        if "search" in field.args:
            yield f'{{ {name}(first: 3, search: "some") {{ totalCount edges {{ node {{ __typename }} }} }} }}'
        if "action" in field.args:
            yield f'{{ {name}(first: 3, action: "project.created") {{ totalCount edges {{ node {{ __typename }} }} }} }}'
    yield "{ myData { asOf held { kind count } touched { __typename } copies { __typename } } }"
