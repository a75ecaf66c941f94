"""Lists: walked both ways without a gap, counted, and closed to cursors that are not theirs."""

import base64
from typing import Any

import pytest

from tests.beginnings import Beginning
from tests.world import Person, World, begun

NAMES = [f"P{number}" for number in range(7)]


def make(world: World) -> Person:
    """A contributor with seven projects, made in order."""
    person = world.register("ada")
    for name in NAMES:
        world.project(person, name)
    return person


pytestmark = pytest.mark.begins_with("ada", fill=begun(make))


@pytest.fixture
def ada(beginning: Beginning) -> Person:
    """A contributor with seven projects, made in order."""
    found: Person = beginning.left
    return found


def _page(world: World, person: Person, arguments: str = "") -> dict[str, Any]:
    wants = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { name } }"
    query = f"{{ projects{f'({arguments})' if arguments else ''} {{ {wants} }} }}"
    found: dict[str, Any] = world.ask(query, person).data["projects"]
    return found


def _names(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["name"] for edge in page["edges"]]


def test_pages_forwards_hold_everything_once_in_order(world: World, ada: Person, subtests: pytest.Subtests) -> None:
    """Following endCursor from the start visits each thing once; the ends are where pageInfo says."""
    for order in ["NEWEST_FIRST", "OLDEST_FIRST"]:
        for size in [1, 3, 7, 100]:
            with subtests.test(size=size, order=order):
                seen: list[str] = []
                after, first = "", True
                while True:
                    page = _page(world, ada, f"first: {size}, orderBy: {order} {after}")
                    assert (page["totalCount"], page["pageInfo"]["hasPreviousPage"]) == (7, not first)
                    seen += _names(page)
                    if not page["pageInfo"]["hasNextPage"]:
                        break
                    after, first = f', after: "{page["pageInfo"]["endCursor"]}"', False
                assert seen == (NAMES[::-1] if order == "NEWEST_FIRST" else NAMES)


def test_pages_backwards_hold_everything_once_in_order(world: World, ada: Person, subtests: pytest.Subtests) -> None:
    """Following startCursor from the end visits each thing once; within a page the order is the list's."""
    for size in [1, 3, 7]:
        with subtests.test(size=size):
            seen: list[str] = []
            before = ""
            while True:
                page = _page(world, ada, f"last: {size} {before}")
                assert page["totalCount"] == 7
                seen = _names(page) + seen
                if not page["pageInfo"]["hasPreviousPage"]:
                    break
                before = f', before: "{page["pageInfo"]["startCursor"]}"'
            assert seen == NAMES[::-1]


def test_a_page_between_two_cursors_lies_between_them(world: World, ada: Person) -> None:
    """`after` and `before` together bound the list from both sides."""
    cursors = [edge["cursor"] for edge in _page(world, ada)["edges"]]
    page = _page(world, ada, f'after: "{cursors[1]}", before: "{cursors[5]}"')
    assert _names(page) == NAMES[::-1][2:5]


def test_an_empty_page_still_counts(world: World, ada: Person) -> None:
    """Behind the last cursor there is nothing, of seven; and a page of none has no cursors."""
    last = _page(world, ada)["pageInfo"]["endCursor"]
    for arguments in (f'after: "{last}"', "first: 0"):
        page = _page(world, ada, arguments)
        assert (page["edges"], page["totalCount"]) == ([], 7)
        assert (page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]) == (None, None)


NO_PAGES = [
    ("first: -1", "first"),
    ("first: 101", "first"),
    ("last: -1", "last"),
    ("last: 101", "last"),
    ("first: 1, last: 1", "first"),
    ('after: ""', "after"),
    ('after: "x"', "after"),
    ('before: "é"', "before"),
    ('before: "\\u0000"', "before"),
    ('after: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"', "after"),
]


def test_a_page_that_can_not_be_is_refused_with_the_field(world: World, subtests: pytest.Subtests) -> None:
    """Sizes out of bounds and cursors that nobody handed out are the caller's mistake, and said so."""
    ada = world.register("ada")
    for arguments, field in NO_PAGES:
        with subtests.test(arguments=arguments, field=field):
            refused = world.ask(f"{{ projects({arguments}) {{ totalCount }} }}", ada)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


def test_a_cursor_is_good_for_its_list_and_can_not_be_changed(world: World, ada: Person) -> None:
    """One of another list, or with any byte changed, is refused."""
    cursor = _page(world, ada, "first: 1")["pageInfo"]["endCursor"]
    refused = world.ask(f'{{ assets(after: "{cursor}") {{ totalCount }} }}', ada)
    assert (refused.code, refused.field) == ("BAD_USER_INPUT", "after")
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for place in range(0, len(raw), 5):
        changed = bytearray(raw)
        changed[place] ^= 1
        forged = base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode()
        assert world.ask(f'{{ projects(after: "{forged}") {{ totalCount }} }}', ada).code == "BAD_USER_INPUT"


def test_nested_lists_answer_each_parent_by_its_own_arguments(world: World) -> None:
    """Aliases of one field with other arguments are other lists, each right for each parent."""
    ada = world.register("ada")
    projects = [world.project(ada, name) for name in ("one", "two")]
    assets = [[world.announce(ada, project, title=f"{project[-4:]}-{n}")[0] for n in range(3)] for project in projects]
    query = """{ projects(orderBy: OLDEST_FIRST) { edges { node { id
        newest: assets(first: 1) { totalCount pageInfo { hasNextPage } edges { node { id } } }
        oldest: assets(first: 2, orderBy: OLDEST_FIRST) { totalCount edges { node { id project { id } } } }
        none: prompts { totalCount edges { node { id } } } } } } }"""
    for (edge, own), project in zip(
        zip(world.ask(query, ada).data["projects"]["edges"], assets, strict=True), projects, strict=True
    ):
        node = edge["node"]
        assert node["newest"] == {
            "totalCount": 3,
            "pageInfo": {"hasNextPage": True},
            "edges": [{"node": {"id": own[2]}}],
        }
        assert [each["node"] for each in node["oldest"]["edges"]] == [
            {"id": asset, "project": {"id": project}} for asset in own[:2]
        ]
        assert node["none"] == {"totalCount": 0, "edges": []}


def test_a_nested_page_behind_its_end_still_counts(world: World) -> None:
    """For each parent `totalCount` says how many there are, also where a cursor leaves none of them."""
    ada = world.register("ada")
    first, second = world.project(ada, "one"), world.project(ada, "two")
    world.announce(ada, first)
    world.announce(ada, second)
    last = world.ask("{ assets { pageInfo { startCursor } } }", ada).data["assets"]["pageInfo"]["startCursor"]
    assets = f'assets(after: "{last}") {{ totalCount edges {{ node {{ id }} }} }}'
    query = f"{{ projects {{ edges {{ node {{ {assets} }} }} }} }}"
    found = {
        (edge["node"]["assets"]["totalCount"], len(edge["node"]["assets"]["edges"]))
        for edge in world.ask(query, ada).data["projects"]["edges"]
    }
    assert found == {(1, 0), (1, 1)}


def test_lists_narrow_by_project_prompt_and_media_type(world: World) -> None:
    """Filters leave what matches, and what they are given is checked."""
    ada = world.register("ada")
    one, two = world.project(ada), world.project(ada)
    text, image = world.announce(ada, one)[0], world.announce(ada, one, mediaType="image/png")[0]
    prompt = world.prompt(ada, two)
    output = world.output(prompt)
    query = """query($one: ID!, $two: ID!, $prompt: ID!) {
        a: assets(projectId: $one, mediaType: "image/png") { edges { node { id } } }
        b: assets(projectId: $one, orderBy: OLDEST_FIRST) { edges { node { id } } }
        c: assets(projectId: $two) { edges { node { id } } }
        d: prompts(projectId: $two) { edges { node { id } } }
        e: outputs(promptId: $prompt, projectId: $two) { edges { node { id } } }
        f: outputs(promptId: $prompt, projectId: $one) { edges { node { id } } } }"""
    found = world.ask(query, ada, one=one, two=two, prompt=prompt).data
    ids = {name: [edge["node"]["id"] for edge in page["edges"]] for name, page in found.items()}
    assert ids == {"a": [image], "b": [text, image], "c": [], "d": [prompt], "e": [output], "f": []}
    for arguments in ('mediaType: "\\u0000"', 'mediaType: ""', f'projectId: "{prompt}"', 'projectId: "x"'):
        assert world.ask(f"{{ assets({arguments}) {{ totalCount }} }}", ada).code == "BAD_USER_INPUT", arguments
    assert world.ask('{ auditEvents(action: "\\u0000") { totalCount } }', ada).code == "BAD_USER_INPUT"


def test_things_are_found_by_their_ids_in_order(world: World, ada: Person) -> None:
    """`nodes` answers each id at its place: null for what is not there, twice for what is asked twice."""
    projects = [
        edge["node"]["id"]
        for edge in world.ask("{ projects { edges { node { id } } } }", ada).data["projects"]["edges"]
    ]
    stranger = world.register("stranger")
    asked = [projects[2], ada.id, stranger.id, projects[0], projects[2]]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename viewerCan } }"
    with world.unchanged("access.denied"):
        found = world.ask(query, ada, ids=asked).data["nodes"]
    assert [node and node["id"] for node in found] == [projects[2], ada.id, None, projects[0], projects[2]]
    assert [node and node["__typename"] for node in found] == ["Project", "Contributor", None, "Project", "Project"]
