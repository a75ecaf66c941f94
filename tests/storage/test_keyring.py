"""The keyring: keysets are made, used, found and destroyed, on either database."""

import pickle
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from storage.clock import now
from storage.keys import keysets
from storage.keys.errors import (
    CiphertextDamaged,
    KeyDestroyed,
    KeysetDamaged,
    KeysetExists,
    KeysetProtected,
    KeyStoreError,
    KeyStoreUnavailable,
)
from storage.keys.keyring import Keyring
from storage.keys.names import CREDENTIALS, HASHES, KeysetName
from tests.storage.keyrings import blob, contributor, keyring_in, open_keyring, project

OWNER, PROJECT, BLOB = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)


@pytest.fixture
def url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a key store of this test's own, on each kind of database."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path}/keys/keys.sqlite"
        return
    with request.getfixturevalue("postgresql").fresh_database() as address:
        yield address


@pytest.fixture
def keyring(url: str, tmp_path: Path) -> Iterator[Keyring]:
    """A keyring that holds one contributor's keyset, one project's, and one blob's wrapped by it."""
    with keyring_in(tmp_path, key_store_url=url) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        keyring.create(project(PROJECT), OWNER)
        keyring.create(blob(BLOB), OWNER, parent=project(PROJECT))
        yield keyring


def test_what_is_encrypted_opens_after_a_restart(keyring: Keyring, tmp_path: Path, url: str) -> None:
    """Every kind of keyset comes back from the key store as it was."""
    names = [contributor(OWNER), project(PROJECT), blob(BLOB), CREDENTIALS]
    sealed = {name: keyring.aead(name).encrypt(b"content", b"place") for name in names}
    keyring.close()
    with keyring_in(tmp_path, key_store_url=url) as again:
        for name, ciphertext in sealed.items():
            assert again.aead(name).decrypt(ciphertext, b"place") == b"content"


def test_one_keyset_does_not_open_what_another_sealed(keyring: Keyring) -> None:
    """A contributor's and a project's keysets are keys of their own."""
    ciphertext = keyring.aead(project(PROJECT)).encrypt(b"content", b"")
    with pytest.raises(CiphertextDamaged) as refusal:
        keyring.aead(contributor(OWNER)).decrypt(ciphertext, b"")
    assert refusal.value.code == "CIPHERTEXT_DAMAGED"


def test_a_name_is_given_once(keyring: Keyring) -> None:
    """A second keyset of the same name is refused, and the first stays in use."""
    ciphertext = keyring.aead(project(PROJECT)).encrypt(b"content", b"")
    with pytest.raises(KeysetExists):
        keyring.create(project(PROJECT), OWNER)
    assert keyring.aead(project(PROJECT)).decrypt(ciphertext, b"") == b"content"


def test_a_keyset_that_was_never_made_is_not_there(keyring: Keyring) -> None:
    """Its use fails closed; nothing is made on the way."""
    stranger = contributor(uuid.uuid4())
    with pytest.raises(KeyDestroyed):
        keyring.aead(stranger)
    assert not keyring.exists(stranger)


def test_destroying_a_project_takes_its_blobs_along(keyring: Keyring) -> None:
    """Their keysets were wrapped by it; the contributor's own keyset stays."""
    keyring.aead(blob(BLOB))  # so that it lies in the cache
    assert keyring.destroy(project(PROJECT)) == 2
    for name in (project(PROJECT), blob(BLOB)):
        assert not keyring.exists(name)
        with pytest.raises(KeyDestroyed):
            keyring.aead(name)
    assert keyring.aead(contributor(OWNER)).encrypt(b"", b"")
    assert keyring.destroy(project(PROJECT)) == 0


def test_destroying_a_contributor_takes_every_keyset(keyring: Keyring) -> None:
    """Counted before and after, and a neighbour loses nothing."""
    neighbour = uuid.uuid4()
    keyring.create(contributor(neighbour), neighbour)
    assert keyring.count_owned_by(OWNER) == 3
    assert keyring.destroy_owned_by(OWNER) == 3
    assert keyring.count_owned_by(OWNER) == 0
    assert keyring.count_owned_by(neighbour) == 1
    with pytest.raises(KeyDestroyed):
        keyring.aead(contributor(OWNER))


def test_the_platforms_own_keysets_are_not_destroyed(keyring: Keyring) -> None:
    """Not even among others that could be: then none is."""
    with pytest.raises(KeysetProtected):
        keyring.destroy(project(PROJECT), CREDENTIALS)
    assert keyring.exists(CREDENTIALS)
    assert keyring.exists(project(PROJECT))


def test_another_keyring_loses_a_destroyed_key_within_the_published_time(
    keyring: Keyring, tmp_path: Path, url: str
) -> None:
    """It may go on for as long as its cache lives, and not longer."""
    with keyring_in(tmp_path, key_store_url=url, cache_seconds=0.2) as other:
        other.aead(blob(BLOB))
        keyring.destroy(project(PROJECT))
        time.sleep(other.cache_seconds)
        with pytest.raises(KeyDestroyed):
            other.aead(blob(BLOB))


def test_whatever_races_with_an_erasure_loses(keyring: Keyring) -> None:
    """No keyset is made below one that is gone, for an owner who is gone, or for a thing that was journalled."""
    keyring.journal_erasure(uuid.uuid4(), OWNER, "PROJECT", PROJECT)
    keyring.destroy(project(PROJECT))
    refused: list[tuple[KeysetName, KeysetName | None]] = [(project(PROJECT), None)]
    refused += [(blob(uuid.uuid4()), project(PROJECT))]
    keyring.journal_erasure(uuid.uuid4(), OWNER, "ACCOUNT", OWNER)
    keyring.destroy_owned_by(OWNER)
    refused += [(contributor(OWNER), None), (project(uuid.uuid4()), None), (blob(uuid.uuid4()), contributor(OWNER))]
    for name, parent in refused:
        with pytest.raises(KeyDestroyed):
            keyring.create(name, OWNER, parent)
        assert not keyring.exists(name)
    assert keyring.count_owned_by(OWNER) == 0


def test_a_stale_parent_in_the_cache_wraps_nothing_new(keyring: Keyring, tmp_path: Path, url: str) -> None:
    """A process that still holds a destroyed project's key can't put a new blob under it."""
    with keyring_in(tmp_path, key_store_url=url) as other:
        other.aead(project(PROJECT))
        keyring.destroy(project(PROJECT))
        with pytest.raises(KeyDestroyed):
            other.create(blob(uuid.uuid4()), OWNER, parent=project(PROJECT))
    assert keyring.count_owned_by(OWNER) == 1


@pytest.mark.parametrize("times", [1, 99])
def test_a_keyset_that_was_held_up_is_wrapped_by_the_key_of_now(
    keyring: Keyring, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Between wrapping and keeping it, another process rotated what is above: the old key opens nothing any more."""
    ada, blob_id = uuid.uuid4(), uuid.uuid4()
    keyring.create(contributor(ada), ada)
    really, rotated = keysets.generate, list[int]()

    def generate(*given: Any) -> bytes:
        made = really(*given)
        if len(rotated) < times:
            rotated.append(1)
            with keyring_in(tmp_path, key_store_url=url) as other:
                rotation = other.rotation()
                for step in (partial(rotation.introduce, begun=now()), rotation.promote, rotation.retire):
                    step(contributor(ada))
        return made

    monkeypatch.setattr(keysets, "generate", generate)
    if times == 1:
        keyring.create(blob(blob_id), ada, contributor(ada))
        with keyring_in(tmp_path, key_store_url=url) as another:
            another.aead(blob(blob_id))
        return
    with pytest.raises(KeyStoreUnavailable, match="rotated"):
        keyring.create(blob(blob_id), ada, contributor(ada))
    assert not keyring.exists(blob(blob_id))


def test_an_erasure_stays_open_until_it_is_closed(keyring: Keyring, tmp_path: Path, url: str) -> None:
    """Written once however often, it is found after a restart, and kept when it is done."""
    deletion = uuid.uuid4()
    for _ in range(2):
        keyring.journal_erasure(deletion, OWNER, "ACCOUNT", OWNER)
    with keyring_in(tmp_path, key_store_url=url) as other:
        [entry] = other.open_erasures()
    assert (entry.deletion_id, entry.owner, entry.scope, entry.object_id) == (deletion, OWNER, "ACCOUNT", OWNER)
    for _ in range(2):
        keyring.close_erasure(deletion)
    assert keyring.open_erasures() == []
    [kept] = keyring.all_erasures()
    assert kept.closed_at is not None


def test_keyed_hashes_find_again_and_keep_purposes_apart(keyring: Keyring, tmp_path: Path, url: str) -> None:
    """The same value gives the same 32 bytes, also after a restart; another purpose, value or platform gives others."""
    found = keyring.keyed_hash("email", "ada@example.org")
    assert len(found) == 32
    assert keyring.keyed_hash("email", b"ada@example.org") == found
    with keyring_in(tmp_path, key_store_url=url) as again:
        assert again.keyed_hash("email", "ada@example.org") == found
    others = {keyring.keyed_hash(*pair) for pair in [("token", "ada@example.org"), ("email", "x"), ("emaila", "da")]}
    assert len(others) == 3
    assert found not in others
    with keyring_in(tmp_path / "elsewhere") as elsewhere:
        assert elsewhere.keyed_hash("email", "ada@example.org") != found


def test_anyone_can_verify_a_signature(keyring: Keyring, tmp_path: Path, url: str) -> None:
    """It is plain Ed25519: another library accepts it with the 32 raw bytes of the public key, also later."""
    signature = keyring.sign(b"a checkpoint")
    assert (len(signature), len(keyring.public_key())) == (64, 32)
    Ed25519PublicKey.from_public_bytes(keyring.public_key()).verify(signature, b"a checkpoint")
    with keyring_in(tmp_path, key_store_url=url) as again:
        assert again.public_key() == keyring.public_key()


def test_a_keyset_serves_its_own_use_only(keyring: Keyring) -> None:
    """The hashing key encrypts nothing."""
    with pytest.raises(KeyStoreError, match="not made for this use"):
        keyring.aead(HASHES)


@pytest.mark.one_database("sqlite", reason="the rows are changed by hand, in SQLite's dialect")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE keysets SET id = '00000000-0000-0000-0000-000000000009' WHERE kind = 'contributor'",
        "UPDATE keysets SET owner = '00000000000000000000000000000009' WHERE kind = 'contributor'",
        "UPDATE keysets SET version = 2 WHERE kind = 'contributor'",
        "UPDATE keysets SET wrapped = (SELECT wrapped FROM keysets WHERE kind = 'project') WHERE kind = 'contributor'",
        "UPDATE keysets SET wrapped = substr(wrapped, 1, 40) WHERE kind = 'contributor'",
    ],
)
def test_a_wrapped_keyset_that_was_tampered_with_does_not_open(keyring: Keyring, tmp_path: Path, change: str) -> None:
    """Renamed, given away, aged, swapped or cut: it is bound to its name, owner and version."""
    keyring.close()
    with sqlite3.connect(tmp_path / "keys" / "keys.sqlite") as connection:
        assert connection.execute(change).rowcount == 1
    connection.close()
    with keyring_in(tmp_path) as again, pytest.raises(KeysetDamaged) as refusal:
        again.aead(contributor(uuid.UUID(int=9) if "id =" in change.split("WHERE")[0] else OWNER))
    assert refusal.value.code == "KEYSET_DAMAGED"
    assert refusal.value.__cause__ is None


@pytest.mark.one_database("sqlite", reason="its file is taken away")
def test_a_key_store_that_is_gone_opens_nothing(keyring: Keyring, tmp_path: Path) -> None:
    """No fallback: a coded error for what isn't cached, and nothing made instead."""
    keyring.close()
    for path in (tmp_path / "keys").glob("keys.sqlite*"):
        path.unlink()
    with pytest.raises(KeyStoreUnavailable) as refusal:
        keyring.aead(contributor(OWNER))
    assert refusal.value.code == "KEY_STORE_UNAVAILABLE"


@pytest.mark.parametrize(
    "address", ["nonsense", "sqlite://", "sqlite:///:memory:", "postgresql://u:geheim@/x?host=/no"]
)
def test_an_address_that_can_not_hold_keys_is_refused(tmp_path: Path, address: str) -> None:
    """And the error does not quote it: it may hold a password."""
    with pytest.raises(KeyStoreError) as refusal:
        open_keyring(tmp_path, key_store_url=address)
    assert "geheim" not in str(refusal.value)


def test_keys_show_nothing(keyring: Keyring) -> None:
    """Neither `repr` nor pickle gives a key away."""
    key = keyring.aead(project(PROJECT))
    assert repr(key) == str(key) == f"{key}" == "<AeadKey>"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


def test_keysets_made_during_an_erasure_do_not_outlive_it(keyring: Keyring) -> None:
    """Projects made by other threads while their contributor is destroyed are destroyed with them, or never made."""
    made: list[KeysetName] = []
    refused: list[KeysetName] = []

    def keep_making() -> None:
        while not refused:
            name = project(uuid.uuid4())
            try:
                keyring.create(name, OWNER)
                made.append(name)
            except KeyDestroyed:
                refused.append(name)

    threads = [threading.Thread(target=keep_making) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(made) < 5:
        time.sleep(0.001)
    keyring.destroy_owned_by(OWNER)
    for thread in threads:
        thread.join()
    assert refused
    assert keyring.count_owned_by(OWNER) == 0
    assert not any(keyring.exists(name) for name in made + refused)
