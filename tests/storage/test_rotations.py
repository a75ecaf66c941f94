"""Rotation: new keys for everything, the old ones destroyed, and at no moment anything that does not open."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from storage import rehashing, resealing, rotations, work
from storage.assets import Asset
from storage.blobs.store import BlobStore
from storage.clock import now
from storage.contributors import Contributor
from storage.database import transaction
from storage.ids import new_id
from storage.keys.errors import CiphertextDamaged, KeyDestroyed, KeyStoreUnavailable
from storage.keys.names import CREDENTIALS, HASHES, KeysetName
from storage.projects import Project
from storage.sealed import Sealed
from storage.vault import Vault
from storage.work import Store
from tests.storage.keyrings import SOME_FILE, blob, contributor, open_keyring, project
from tests.world import agent_scope

ADA, BOB, MILL, LOOM, BLOB = (uuid.UUID(int=number) for number in range(1, 6))
GRANTED = frozenset({"read", "read_content", "read_contact"})
FILE = b"a file of some length" * 10_000
STEPS = ("new keys", "known everywhere", "in use", "the old ones unused", "sealed anew", "old keys destroyed")


def silent(_step: str, _done: int, _total: int) -> None:
    """Tells nobody."""


class Stopped(Exception):
    """The rotation was killed here."""


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here holds on to anything, so nobody is waited for."""
    monkeypatch.setattr(rotations, "PATIENCE", 0.0)
    monkeypatch.setattr(rotations, "_MARGIN", 0.0)


@pytest.fixture
def store(engine: Engine, database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    """Two contributors, a project, an asset with its file; keys and data on the same kind of database, apart."""
    if database == "sqlite":
        yield from _filled(engine, tmp_path, f"sqlite:///{tmp_path}/keys/keys.sqlite")
    else:
        with request.getfixturevalue("postgresql").fresh_database() as address:
            yield from _filled(engine, tmp_path, address)


def _filled(engine: Engine, place: Path, url: str) -> Iterator[Store]:
    keyring = open_keyring(place, key_store_url=url, cache_seconds=0.05)
    made = Store(engine, keyring, BlobStore(place / "blobs", keyring))
    for owner in (ADA, BOB):
        keyring.create(contributor(owner), owner)
    keyring.create(project(MILL), ADA)
    with made.begin(agent_scope()) as unit:
        for owner, name in ((ADA, "Ada"), (BOB, "Bob")):
            row = Contributor(id=owner, email_lookup=name.encode())
            unit.vault.seal(row, display_name=name, email=f"{name}@example.org", password_hash=f"hash of {name}")
            unit.session.add(row)
        mill = Project(id=MILL, owner_id=ADA)
        unit.vault.seal(mill, name="Mill")
        unit.session.add(mill)
    with made.blobs.writer(BLOB, project(MILL), SOME_FILE) as writer:
        writer.write(FILE)
        writer.finish()
    yield made
    keyring.close()


def contents(store: Store) -> list[str]:
    """Everything there is, opened."""
    vault = Vault(store.keyring)
    found = []
    with transaction(store.engine, read_only=True) as session:
        for person in session.scalars(select(Contributor).order_by(Contributor.id)):
            person.decisions = GRANTED
            found += [vault.open(person, "display_name"), vault.open(person, "email")]
            found.append(vault.open_as_system(person, "password_hash", reason="test"))
        for each in session.scalars(select(Project)):
            each.decisions = GRANTED
            found.append(vault.open(each, "name"))
    found.append(str(b"".join(store.blobs.reader(BLOB, len(FILE), SOME_FILE).read()) == FILE))
    return found


EVERYTHING = ["Ada", "Ada@example.org", "hash of Ada", "Bob", "Bob@example.org", "hash of Bob", "Mill", "True"]


def test_everything_is_under_new_keys_and_the_old_ones_open_nothing(store: Store) -> None:
    """Whoever kept an old ciphertext and gets all keys of today has nothing."""
    names = [contributor(ADA), contributor(BOB), project(MILL), CREDENTIALS]
    before = {name: store.keyring.aead(name).encrypt(b"kept", b"") for name in names}
    done = rotations.rotate_keysets(store, silent)
    assert (done.keysets, done.held) == (5, 0)
    assert done.values >= 7
    assert contents(store) == EVERYTHING
    for name, ciphertext in before.items():
        with pytest.raises(CiphertextDamaged):
            store.keyring.aead(name).decrypt(ciphertext, b"")


def test_everything_opens_at_every_step(store: Store) -> None:
    """And what is sealed at a step opens at the end."""
    seen = set()
    made: list[uuid.UUID] = []

    def look(step: str, _done: int, _total: int) -> None:
        seen.add(step)
        assert contents(store) == EVERYTHING
        made.append(uuid.uuid4())
        with store.begin(agent_scope()) as unit:
            row = Asset(id=made[-1], owner_id=ADA, project_id=MILL, media_type="text/plain", byte_size=1)
            unit.vault.seal(row, file_name=step, title=step, description=step, tags=[])
            unit.session.add(row)

    rotations.rotate_keysets(store, look)
    assert seen == set(STEPS)
    vault = Vault(store.keyring)
    with transaction(store.engine, read_only=True) as session:
        for row in session.scalars(select(Asset).where(Asset.id.in_(made))):
            row.decisions = GRANTED
            assert vault.open(row, "title") in STEPS


@pytest.mark.parametrize("step", STEPS)
def test_a_rotation_that_was_stopped_goes_on_where_it_was(store: Store, step: str) -> None:
    """Wherever it stops, everything opens; the next one ends it, and begins nothing anew."""

    def stop(at: str, _done: int, _total: int) -> None:
        if at == step:
            raise Stopped

    with pytest.raises(Stopped):
        rotations.rotate_keysets(store, stop)
    assert contents(store) == EVERYTHING
    begun = store.keyring.rotation().begun(rotations.SEALING)
    assert begun is not None
    rotations.rotate_keysets(store, silent)
    assert store.keyring.rotation().begun(rotations.SEALING) is None
    assert store.keyring.rotation().due(begun, rotations.SEALING) == []
    assert contents(store) == EVERYTHING


def test_a_value_that_does_not_open_holds_its_keys_back(store: Store) -> None:
    """Destroying the keys it was sealed under would make a damage that may be mended one that may not."""
    with transaction(store.engine) as session:
        session.execute(update(Project).values(name=Sealed(b"\x01" + b"damaged" * 10)))
    done = rotations.rotate_keysets(store, silent)
    assert (done.keysets, done.held) == (4, 1)
    assert store.keyring.rotation().begun(rotations.SEALING) is not None


def test_who_writes_while_values_are_sealed_anew_wins(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before it was changed is not put back; everything else of the same page is replaced."""
    rotation = store.keyring.rotation()
    for name in (project(MILL), contributor(ADA), contributor(BOB)):
        rotation.introduce(name, now())
        rotation.promote(name)
    really = resealing._changes

    def written_meanwhile(vault: Vault, rows: Any, columns: list[str], found: Any) -> Any:
        changes = really(vault, rows, columns, found)
        if isinstance(rows[0], Contributor):
            with store.begin(agent_scope()) as unit:
                ada = unit.session.get_one(Contributor, ADA)
                unit.vault.seal(ada, display_name="Ada, renamed")
        return changes

    monkeypatch.setattr(resealing, "_changes", written_meanwhile)
    assert resealing.reseal(store.engine, store.keyring, lambda _done, _total: None).renewed == 5
    assert {"Ada, renamed", "Bob", "Mill"} <= set(contents(store))
    assert "Ada" not in contents(store)
    monkeypatch.setattr(resealing, "_changes", really)
    again = resealing.reseal(store.engine, store.keyring, lambda _done, _total: None)
    assert (again.renewed, again.damaged) == (1, set())  # her e-mail: the row was not as it was read
    assert {"Ada, renamed", "ada@example.org"} <= {each.replace("Ada@", "ada@") for each in contents(store)}


def test_deletion_wins(store: Store) -> None:
    """What is erased while keys are rotated stays erased."""

    def erase(step: str, _done: int, _total: int) -> None:
        if step == "in use":
            store.keyring.destroy_owned_by(BOB)
            store.keyring.destroy(project(MILL))

    rotations.rotate_keysets(store, erase)
    for name in (contributor(BOB), project(MILL), blob(BLOB)):
        assert not store.keyring.exists(name)
        with pytest.raises(KeyDestroyed):
            store.keyring.aead(name)


def test_what_was_sealed_too_long_ago_is_not_stored(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key may have been destroyed since; better to be told now."""
    store.keyring.create(project(LOOM), ADA)
    monkeypatch.setattr(work, "SEALED_WITHIN", -1.0)  # more time than that has passed at once
    with pytest.raises(KeyStoreUnavailable, match="do it again"), store.begin(agent_scope()) as unit:
        row = Project(id=LOOM, owner_id=ADA)
        unit.vault.seal(row, name="x")
        unit.session.add(row)
    with transaction(store.engine, read_only=True) as session:
        assert session.get(Project, LOOM) is None


def test_a_local_key_encryption_key_wraps_everything_anew(store: Store) -> None:
    """Each keyset without a parent, once; and it all opens in another process."""
    assert rotations.rotate_kek(store, "insecure-local", silent).keysets == 8
    assert contents(store) == EVERYTHING


def test_keysets_with_a_stage_are_told_apart(store: Store) -> None:
    """A keyset made while others are on their way is new, and left alone."""
    fresh = KeysetName("project", str(LOOM))

    def add(step: str, done: int, _total: int) -> None:
        if (step, done) == ("known everywhere", 0):
            store.keyring.create(fresh, ADA)

    assert rotations.rotate_keysets(store, add).keysets == 5


@pytest.mark.parametrize("kind", ["sealed", "hashed"])
def test_a_pass_ends_beside_callers_who_write_faster(store: Store, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """It goes over what was there when it began: what comes in meanwhile is under the new key, and of no end."""
    come = 0

    def another(_done: int, _total: int) -> None:
        nonlocal come
        come += 1
        assert come < 30, "it follows the newcomers"
        owner = new_id()
        store.keyring.create(contributor(owner), owner)
        with store.begin(agent_scope()) as unit:
            row = Contributor(id=owner, email_lookup=owner.bytes)
            unit.vault.seal(row, display_name="New", email=f"{owner}@example.org", password_hash="hash")
            unit.session.add(row)

    if kind == "sealed":
        monkeypatch.setattr(resealing, "_AT_ONCE", 1)
        resealing.reseal(store.engine, store.keyring, another)
    else:
        monkeypatch.setattr(rehashing, "_AT_ONCE", 1)
        rehashing.rehash(store, [HASHES], another)
    assert come
