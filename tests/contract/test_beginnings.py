"""What is made once and copied: each test finds it as it was made, whatever another did with its copy."""

from pathlib import Path

import pytest

from tests import beginnings as module
from tests.beginnings import Beginning, Beginnings
from tests.world import World, begun, opened


def make(world: World) -> dict[str, str]:
    """Somebody with a project and a file in it."""
    ada = world.register("ada")
    project = world.project(ada)
    return {"token": ada.token, "project": project, "asset": world.asset(ada, project, tags=["river"])}


pytestmark = pytest.mark.begins_with("left", fill=begun(make))


@pytest.fixture
def left(beginning: Beginning) -> dict[str, str]:
    found: dict[str, str] = beginning.left
    return found


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_every_copy_is_as_it_was_made(world: World, left: dict[str, str], turn: int) -> None:
    """Rows, files, keys and what was answered: changed and removed by one test, they are there for the next."""
    assert set(left) == {"token", "project", "asset"}
    found = world.ask("{ projects { totalCount } assets { totalCount } }", left["token"])
    assert found.data == {"projects": {"totalCount": 1}, "assets": {"totalCount": 1}}
    url = world.ask("query($id: ID!) { asset(id: $id) { contentUrl } }", left["token"], id=left["asset"])
    assert world.client.get(url.data["asset"]["contentUrl"]).status_code == 200
    assert len(world.footprint()["files"]) == 1
    world.do("createProject", left["token"], name="Another").data  # noqa: B018 - fails the test where it did not work
    for file in world.settings.blob_dir.rglob("*"):
        if file.is_file():
            file.unlink()
    left.clear()


def test_whoever_does_not_ask_for_it_begins_without(world: World) -> None:
    """A test that does not name the fixture finds a first start, and nobody."""
    assert world.footprint()["contributors"] == []
    assert world.footprint()["files"] == []


def test_it_is_made_once_and_anew_when_it_is_old(
    beginnings: Beginnings, usual_beginning: Beginning, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made minutes ago is not handed out: what it holds would run out in the middle of a test."""
    times: list[Path] = []

    def fill(home: Path, database_url: str) -> int:
        with opened(home, database_url):
            times.append(home)
        return len(times)

    first = beginnings.after(usual_beginning, fill)
    assert beginnings.after(usual_beginning, fill) is first
    assert (first.left, times) == (1, [first.home])
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1)
    second = beginnings.after(usual_beginning, fill)
    assert (second.left, second.home != first.home) == (2, True)
