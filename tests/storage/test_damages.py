"""What is sealed and does not open although its key is there is told in the trail, once, and nothing of it leaves."""

import uuid
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from muniment.cli import app
from policies.principals import Kind, Principal
from resolvers.context import Asking, Context
from storage import damages
from storage.damages import Damage, Damaged, Damages
from storage.database import transaction
from storage.keys.errors import KeyDestroyed, KeysetDamaged, KeyStoreUnavailable
from storage.keys.keyring import Keyring
from storage.keys.keysets import AeadKey
from storage.keys.names import KeysetName, project_keyset
from storage.projects import Project
from storage.vault import SealedDamaged
from storage.vault.places import stand_in
from storage.work import UnitOfWork
from tests.world import Person, World, agent_scope, raw_id

pytestmark = pytest.mark.one_database("sqlite", reason="what does not open does not depend on the database")


@pytest.fixture
def ada(world: World) -> Person:
    return world.register("ada")


def swap_names(world: World) -> None:
    """Every project's name in the place of the next one's: each is whole, and none stands where it was sealed."""
    with world.house.store.engine.begin() as connection:
        rows = connection.execute(text("SELECT id, name FROM projects ORDER BY id")).all()
        for (there, _), (_, name) in zip(rows, [*rows[1:], rows[0]], strict=True):
            connection.execute(text("UPDATE projects SET name = :name WHERE id = :id"), {"name": name, "id": there})


def damaged(world: World) -> list[dict[str, Any]]:
    return [each | each["details"] for each in world.events("content.damaged")]


def test_reading_what_was_swapped_is_an_error_and_an_entry(world: World, ada: Person) -> None:
    """By whoever came upon it: their own things, each once however often they look, and no word of what is in them."""
    ids = {str(raw_id(world.project(ada, name))) for name in ("Autumn", "Winter")}
    swap_names(world)
    for _ in "123":
        assert world.ask("{ projects { edges { node { name } } } }", ada).errors
    found = damaged(world)
    assert {each["resourceId"] for each in found} == ids
    assert {(each["resource"], each["place"], each["damage"], each["outcome"]) for each in found} == {
        ("project", "projects.name", "SEALED_DAMAGED", "FAILED")
    }
    assert len(found) == 2


def test_a_change_that_comes_upon_it_is_undone_and_the_entry_stays(world: World, ada: Person) -> None:
    """The change rolls back as for any error; what it found is recorded after that, in a transaction of its own."""
    project = raw_id(world.project(ada))
    world.project(ada, "Other")
    swap_names(world)
    with (
        world.unchanged("content.damaged"),
        pytest.raises(SealedDamaged),
        world.house.store.begin(agent_scope()) as work,
    ):
        row = work.session.get_one(Project, project)
        row.created_at = work.now
        work.session.flush()
        work.vault.opens(row, "name")


def test_a_glance_inside_a_change_is_told_when_the_change_has_ended(world: World, ada: Person) -> None:
    """On SQLite a second change would wait for the first one for ever."""
    project = raw_id(world.project(ada))
    world.project(ada, "Other")
    swap_names(world)
    context = Context(world.house, Asking(Principal(Kind.CONTRIBUTOR, raw_id(ada.id))))
    with (
        world.unchanged("content.damaged"),
        pytest.raises(SealedDamaged),
        context.writing("update_project"),
        context.glance() as work,
    ):
        work.vault.opens(work.session.get_one(Project, project), "name")


def test_a_keyset_that_does_not_unwrap_is_told_as_such(
    world: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was at the key store: nothing under the key opens, and that is no erasure."""
    project = raw_id(world.project(ada))
    found = Keyring.aead

    def spoilt(keyring: Keyring, name: KeysetName) -> AeadKey:
        if name.kind == "project":
            raise KeysetDamaged("a keyset does not open")
        return found(keyring, name)

    monkeypatch.setattr(Keyring, "aead", spoilt)
    with pytest.raises(KeysetDamaged), world.house.store.begin(agent_scope(), read_only=True) as work:
        work.vault.opens(work.session.get_one(Project, project), "name")
    assert [(each["resourceId"], each["damage"]) for each in damaged(world)] == [(str(project), "KEYSET_DAMAGED")]


@pytest.mark.parametrize("destroyed", [True, False])
def test_what_was_erased_is_no_damage(world: World, ada: Person, destroyed: bool) -> None:
    """Its key is gone: nothing of it opens, and that is what was asked for."""
    project = raw_id(world.project(ada))
    if destroyed:
        world.house.store.keyring.destroy(project_keyset(project))
    with suppress(KeyDestroyed), world.house.store.begin(agent_scope(), read_only=True) as work:
        assert work.vault.opens(work.session.get_one(Project, project), "name") is not destroyed
    assert damaged(world) == []


def test_a_scrub_tells_too(world: World, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a key was destroyed for is no damage, and is not told; what was changed is."""
    world.project(ada)
    world.project(ada, "Other")
    swap_names(world)
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", world.settings.database_url)
    found = CliRunner().invoke(app, ["scrub", "--home", str(world.settings.home)])
    assert found.exit_code == 1
    assert [(each["component"], each["place"]) for each in damaged(world)] == [("scrub", "projects.name")] * 2


def test_the_same_is_told_again_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as somebody comes upon it; other things are told at once."""
    clock = [0.0]
    monkeypatch.setattr(damages.time, "monotonic", lambda: clock[0])
    known = Damages()
    one, other = (Damaged("assets", "title", uuid.uuid4(), None, Damage.VALUE) for _ in "12")
    assert known.fresh([one, one]) == [one]
    clock[0] = damages.AGAIN_SECONDS - 1
    assert known.fresh([one, other]) == [other]
    clock[0] += 1
    assert known.fresh([one, other]) == [one]


def test_what_could_not_be_recorded_is_told_by_the_next_who_comes_upon_it(
    world: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody was told of it, so it is not kept for an hour as if somebody had been."""
    world.project(ada)
    world.project(ada, "Other")
    swap_names(world)
    with monkeypatch.context() as patched:
        patched.setattr(UnitOfWork, "record", unanswered)
        assert world.ask("{ projects { edges { node { name } } } }", ada).errors
    assert damaged(world) == []
    for _ in "12":
        assert world.ask("{ projects { edges { node { name } } } }", ada).errors
    assert len(damaged(world)) == 2


def unanswered(*_given: object, **_named: object) -> None:
    """As when nothing can be recorded."""
    raise KeyStoreUnavailable("the key store does not answer")


def test_a_thousand_are_a_hundred_entries(world: World, ada: Person) -> None:
    """A table that was swapped is found by the first of them: the log is not filled with the rest."""
    project = raw_id(world.project(ada))
    with world.house.store.begin(agent_scope(), read_only=True) as work:
        row = work.session.get_one(Project, project)
        for _ in range(1_000):
            work.vault._note(row, stand_in(row, "name"), Damage.VALUE)
        assert len(work.vault.damaged) == damages.MOST
    assert len(damaged(world)) == 1
    with transaction(world.house.store.engine, read_only=True) as session:
        assert session.get(Project, project) is not None
