"""A keyset that is missing is found, said, recorded, and keeps a server from being ready; what was erased is not."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from muniment import controls, key_checks
from muniment.doctor import examine
from muniment.key_checks import KeysetWatch
from storage import lost_keysets
from storage.clock import now
from storage.controls.findings import Finding, FindingStatus
from storage.database import transaction
from storage.keys.errors import KeyStoreMissing
from storage.keys.keyring import Keyring
from storage.keys.names import HASHES, SESSIONS, project_keyset
from storage.open_databases import OpenDatabases
from tests.storage.keyrings import keyring_in, open_keyring
from tests.world import Person, World, raw_id


@pytest.fixture
def watch(world: World, monkeypatch: pytest.MonkeyPatch) -> KeysetWatch:
    """The watch of the server under test; a second look follows at once."""
    monkeypatch.setattr(lost_keysets, "_AGAIN_SECONDS", 0.0)
    found: KeysetWatch = world.client.app.state.keysets  # type: ignore[attr-defined]
    return found


def lose(world: World, kind: str, id_: str) -> None:
    """Take one keyset out of the key store, past the program."""
    with closing(sqlite3.connect(world.settings.home / "keys" / "keys.sqlite3")) as keys, keys:
        assert keys.execute("DELETE FROM keysets WHERE kind = ? AND id = ?", [kind, id_]).rowcount == 1


def told(world: World) -> tuple[bool, str]:
    [found] = [each for each in examine(world.settings) if each.about == "keysets"]
    return found.good, found.text


def test_a_lost_keyset_is_found_by_all_who_look(world: World, watch: KeysetWatch) -> None:
    """By doctor with ids, in the trail once, by readiness and the check, until somebody accepts it."""
    ada = world.register("ada")
    project, other = world.project(ada), world.project(ada, "Other")
    world.asset(ada, other)
    assert (watch.look().count, told(world)[0]) == (0, True)
    assert world.client.get("/health/ready").status_code == 200
    lose(world, "project", str(raw_id(project)))
    assert watch.look().count == 1
    good, text = told(world)
    assert not good
    assert f"projects {raw_id(project)} of contributor {raw_id(ada.id)}" in text
    assert str(raw_id(other)) not in text
    watch.look()
    [event] = world.events("content.damaged")
    assert event["details"] == {"place": "projects.keyset", "damage": "KEYSET_MISSING"} | {
        key: event["details"][key] for key in event["details"] if key not in ("place", "damage")
    }
    ready = world.client.get("/health/ready")
    assert (ready.status_code, "1 keysets that rows refer to" in ready.text) == (503, True)
    controls.check(world.house, world.settings)
    with transaction(world.house.store.engine) as session:
        [finding] = session.query(Finding).filter_by(found_by=key_checks.CHECK, status=FindingStatus.OPEN).all()
        assert (finding.control, finding.amiss) == ("keysets-kept", 1)
        finding.accepted_until = now() + timedelta(days=1)
    assert world.client.get("/health/ready").status_code == 200
    assert world.ask("{ projects { totalCount } }", ada).data["projects"]["totalCount"] == 2


@pytest.mark.parametrize("kind", ["contributor", "blob", "search"])
def test_each_kind_is_found(world: World, watch: KeysetWatch, kind: str) -> None:
    """Of a contributor with all below it, of a file, of the words of a project."""
    ada = world.register("ada")
    project = world.project(ada)
    world.asset(ada, project, title="Tide")
    with closing(sqlite3.connect(world.settings.home / "keys" / "keys.sqlite3")) as keys, keys:
        assert keys.execute("DELETE FROM keysets WHERE kind = ?", [kind]).rowcount == 1
    found = watch.look()
    tables = {"contributor": "contributors", "blob": "blobs", "search": "projects"}
    assert tables[kind] in {each.table for each in found.shown}
    assert {each.owner for each in found.shown} == {raw_id(ada.id)}


def test_what_was_erased_is_not_lost(world: World, watch: KeysetWatch) -> None:
    """Its keyset goes first: neither while the rows are there, nor where a restored database has them again."""
    ada = world.register("ada")
    project = raw_id(world.project(ada))
    keyring: Keyring = world.house.store.keyring
    keyring.journal_erasure(project, raw_id(ada.id), "project", project)
    keyring.destroy(project_keyset(project))
    assert watch.look().count == 0
    keyring.close_erasure(project)
    assert watch.look().count == 0


def test_a_page_is_not_the_end(world: World, watch: KeysetWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is looked at, and no more are named than may be shown."""
    monkeypatch.setattr(lost_keysets, "_AT_ONCE", 2)
    monkeypatch.setattr(lost_keysets, "MOST", 3)
    ada: Person = world.register("ada")
    for number in range(5):
        lose(world, "project", str(raw_id(world.project(ada, f"{number}"))))
    found = watch.look()
    assert (found.count, len(found.shown)) == (5, 3)
    databases = OpenDatabases.of(world.house.store)
    assert databases.keys is world.house.store.keyring.key_store and databases.data is world.house.store.engine


def test_a_key_store_that_lacks_keysets_of_the_platform_is_refused(tmp_path: Path) -> None:
    """Each time, and nothing is made in its place; the keyset of sessions is younger than key stores may be."""
    home = tmp_path
    with keyring_in(home):
        pass
    with closing(sqlite3.connect(home / "keys" / "keys.sqlite")) as keys, keys:
        keys.execute("DELETE FROM keysets WHERE id = ?", [SESSIONS.id])
    with keyring_in(home) as keyring:
        assert keyring.exists(SESSIONS)
    with closing(sqlite3.connect(home / "keys" / "keys.sqlite")) as keys, keys:
        keys.execute("DELETE FROM keysets WHERE id = ?", [HASHES.id])
    for _ in range(2):
        with pytest.raises(KeyStoreMissing, match=HASHES.id):
            open_keyring(home)
