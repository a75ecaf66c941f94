"""Searching sealed texts through the API: by words, among what the caller may open, and leaving nothing behind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from storage.search import reindex
from storage.search.indexes import projects
from tests.beginnings import Beginning
from tests.world import Person, World, agent_scope, begun, raw_id

ASSETS = "query($s: String, $p: ID, $n: Int, $a: String) { found: assets(search: $s, projectId: $p, first: $n, after: $a) { totalCount pageInfo { hasNextPage endCursor } edges { node { title } } } }"
PROMPTS = (
    "query($s: String, $p: ID) { found: prompts(search: $s, projectId: $p) { totalCount edges { node { text } } } }"
)
IDS = "query($s: String) { found: assets(search: $s) { totalCount edges { node { id } } } }"


def titles(world: World, by: Person | None, search: str, **more: Any) -> list[str]:
    """The titles of what is found, and as many as the total says."""
    found = world.ask(ASSETS, by, s=search, **more).data["found"]
    named = [edge["node"]["title"] for edge in found["edges"]]
    assert found["totalCount"] == len(named)
    return named


def words(world: World) -> int:
    """How many hashes are kept."""
    with world.house.store.engine.connect() as connection:
        return sum(
            connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - ours
            for table in ("asset_words", "prompt_words")
        )


@dataclass
class Author(Person):
    """Somebody with a project."""

    project: str = ""


def make(world: World) -> Author:
    """A contributor with three assets and two prompts."""
    ada = Author(**vars(world.register("ada")))
    ada.project = world.project(ada)
    world.announce(ada, ada.project, title="Autumn river", description="Mist over the water", tags=["Danube"])
    world.announce(ada, ada.project, title="Autumn forest", fileName="trees-4711.txt")
    world.announce(ada, world.project(ada, "Other"), title="Spring river", description="Straße")
    world.prompt(ada, ada.project, "Write about the rivers of autumn.")
    world.prompt(ada, ada.project, "Nothing of the kind.")
    return ada


pytestmark = pytest.mark.begins_with("ada", fill=begun(make))


@pytest.fixture
def ada(beginning: Beginning) -> Author:
    """A contributor with three assets and two prompts."""
    found: Author = beginning.left
    return found


FOUND = [
    ("river", ["Spring river", "Autumn river"]),
    ("RIVER autumn", ["Autumn river"]),
    ("riv au", ["Autumn river"]),
    ("danube", ["Autumn river"]),
    ("4711", ["Autumn forest"]),
    ("STRASSE", ["Spring river"]),
    ("water", ["Autumn river"]),
    ("iver", []),
    ("winter", []),
    ("river winter", []),
]


def test_words_find_what_they_stand_in(world: World, ada: Author, subtests: pytest.Subtests) -> None:
    """In titles, file names, descriptions and tags; whole or by how they begin; all of them, in any order."""
    for search, found in FOUND:
        with subtests.test(search=search, found=found):
            assert titles(world, ada, search) == found


def test_prompts_are_found_by_their_text(world: World, ada: Author) -> None:
    """As assets are."""
    found = world.ask(PROMPTS, ada, s="river autumn").data["found"]
    assert (found["totalCount"], [edge["node"]["text"] for edge in found["edges"]]) == (
        1,
        ["Write about the rivers of autumn."],
    )


def test_a_search_keeps_to_the_project_and_to_the_page(world: World, ada: Author) -> None:
    """It narrows like every filter does, and pages through cursors with the right total."""
    assert titles(world, ada, "river", p=ada.project) == ["Autumn river"]
    first = world.ask(ASSETS, ada, s="river", n=1).data["found"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (2, True)
    second = world.ask(ASSETS, ada, s="river", n=1, a=first["pageInfo"]["endCursor"]).data["found"]
    assert [edge["node"]["title"] for edge in second["edges"]] == ["Autumn river"]
    assert (second["totalCount"], second["pageInfo"]["hasNextPage"]) == (2, False)


def test_what_is_said_anew_is_found_anew(world: World, ada: Author) -> None:
    """Old words find nothing any more; what was not changed is still found."""
    [river] = [edge["node"]["id"] for edge in world.ask(IDS, ada, s="danube").data["found"]["edges"]]
    world.do("updateAsset", ada, assetId=river, title="Winter stream").data  # noqa: B018 - fails where it did not work
    assert titles(world, ada, "autumn danube") == []
    assert titles(world, ada, "winter danube") == ["Winter stream"]


def test_nobody_finds_what_they_may_not_open(world: World, ada: Author) -> None:
    """Neither another contributor, nor with the project's id, nor a key that may not read; a viewer does."""
    bob = world.register("bob")
    _, writer = world.key(ada, "write")
    for by in (bob, writer):
        for project in (None, ada.project):
            found = world.ask(
                IDS.replace("$s: String", "$s: String, $p: ID").replace("search: $s", "search: $s, projectId: $p"),
                by,
                s="river",
                p=project,
            )
            assert found.data["found"] == {"totalCount": 0, "edges": []}
    world.share(ada, ada.project, bob, "VIEWER")
    assert titles(world, bob, "river") == ["Autumn river"]


def test_finding_somebody_elses_is_in_the_trail_as_reading(world: World, ada: Author) -> None:
    """Even where no field was opened: that a word stands there is content."""
    bob = world.register("bob")
    world.share(ada, ada.project, bob, "VIEWER")
    with world.unchanged("content.read"):
        [edge] = world.ask(IDS, bob, s="autumn riv").data["found"]["edges"]
    assert world.events("content.read")[-1]["details"]["objectIds"] == [str(raw_id(edge["node"]["id"]))]
    with world.unchanged():
        world.ask(IDS, bob, s="winter").data  # noqa: B018 - nothing was found, nothing read
        world.ask(IDS, ada, s="autumn").data  # noqa: B018 - it is her own


NO_QUESTIONS = ["", "   ", "?!", "a\x00b", " ".join(f"w{n}" for n in range(11)), "x" * 501]


def test_a_question_without_an_answer_is_refused(world: World, ada: Author, subtests: pytest.Subtests) -> None:
    """No word, too many words, too long: a coded error that names the field."""
    for search in NO_QUESTIONS:
        with subtests.test(search=search):
            answer = world.ask(IDS, ada, s=search)
            assert (answer.code, answer.field) == ("BAD_USER_INPUT", "search")


def test_rows_are_found_in_one_statement(world: World, ada: Author, statements: Callable[[], list[str]]) -> None:
    """One for the projects, one for the page with its total; with a project's id, one in all."""
    world.ask(ASSETS, ada, s="river").data  # noqa: B018 - warms what is cached
    statements()
    titles(world, ada, "river", p=ada.project)
    assert sum("asset_words" in sql for sql in statements()) == 1
    titles(world, ada, "river")
    asked = [sql for sql in statements() if "asset_words" in sql or "FROM projects" in sql]
    assert len(asked) == 2


def test_no_word_is_kept_in_clear(world: World, ada: Author) -> None:
    """Nor in the trail, nor anywhere under the home."""
    titles(world, ada, "danube")
    kept = world.everything_kept().lower()
    assert [word for word in (b"danube", b"autumn", b"trees-4711") if word in kept] == []


def test_words_are_written_down_anew_under_another_key(world: World, ada: Author) -> None:
    """Every row of every project, in steps; what was found before is found after."""
    before = words(world)
    with world.house.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM asset_words"))
        connection.execute(text("DELETE FROM prompt_words"))
    assert titles(world, ada, "river") == []
    with world.house.store.begin(agent_scope()) as work:
        for project in projects(work.session):
            assert reindex(work.session, work.vault, project) is None
    assert words(world) == before
    assert titles(world, ada, "river") == ["Spring river", "Autumn river"]
