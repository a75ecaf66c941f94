"""From one key-encryption key to another in a real service, with several processes on the way."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage import rotations
from storage.blobs.store import BlobStore
from storage.clock import now
from storage.keys.errors import KeyEncryptionKeyRefused, KeyStoreUnavailable
from storage.keys.keyring import Keyring
from storage.work import Store
from tests.services.kms import Openbao
from tests.storage.keyrings import contributor

OWNERS = [uuid.UUID(int=number) for number in range(1, 6)]
one_database = pytest.mark.one_database("sqlite", reason="the key store is what moves, and lies on SQLite here")


def silent(_step: str, _done: int, _total: int) -> None:
    """Tells nobody."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Openbao]:
    with Openbao.running(tmp_path_factory.mktemp("openbao")) as running:
        yield running


@pytest.fixture
def bao(service: Openbao, monkeypatch: pytest.MonkeyPatch) -> Openbao:
    """OpenBao, with credentials in the environment."""
    for variable, value in service.environment.items():
        monkeypatch.setenv(variable, value)
    return service


def opened(home: Path, *uris: str) -> Keyring:
    """A process's keyring; it asks for each key anew."""
    url = f"sqlite:///{home}/keys/keys.sqlite"
    return Keyring.open(url, uris[0], also=uris[1:], cache_seconds=0, kms_seconds=30)


def works(keyring: Keyring) -> None:
    """Every contributor's key can be used."""
    for owner in OWNERS:
        key = keyring.aead(contributor(owner))
        assert key.decrypt(key.encrypt(b"x", b""), b"") == b"x"


@one_database
def test_keysets_move_while_old_and_new_processes_run(bao: Openbao, engine: Engine, tmp_path: Path) -> None:
    """Each opens everything throughout; afterwards the old key is not needed, and who knows only that one is refused."""
    old, new = bao.make_key(), bao.make_key()
    first, second = opened(tmp_path, old, new), opened(tmp_path, new, old)
    for owner in OWNERS[:-1]:
        first.create(contributor(owner), owner)

    def look(_step: str, done: int, _total: int) -> None:
        if done == 3:
            first.create(contributor(OWNERS[-1]), OWNERS[-1])  # by a process whose settings name the old key first
            works(first)
            works(second)

    store, since = Store(engine, first, BlobStore(tmp_path / "blobs", first)), now()
    assert rotations.rotate_kek(store, new, look).keysets == 5 + len(OWNERS) - 1
    assert first.rotation().outside(new, since) == []
    with bao.outages(old)["deleted softly"]:
        works(first)
        works(second)
        with pytest.raises(KeyEncryptionKeyRefused, match="name that one"):
            opened(tmp_path, old)
        alone = opened(tmp_path, new)
        works(alone)
        alone.close()
    first.close()
    second.close()


@one_database
def test_a_move_that_meets_an_outage_is_ended_by_the_next_one(bao: Openbao, engine: Engine, tmp_path: Path) -> None:
    """Meanwhile some lie here and some there, and all of them open."""
    old, new = bao.make_key(), bao.make_key()
    keyring = opened(tmp_path, old, new)
    for owner in OWNERS:
        keyring.create(contributor(owner), owner)
    store = Store(engine, keyring, BlobStore(tmp_path / "blobs", keyring))
    outage = bao.outages(new)["deleted softly"]

    def interrupt(_step: str, done: int, _total: int) -> None:
        if done == 2:
            outage.__enter__()

    with pytest.raises(KeyStoreUnavailable):
        rotations.rotate_kek(store, new, interrupt)
    outage.__exit__(None, None, None)
    works(keyring)
    since = now()
    rotations.rotate_kek(store, new, silent)
    assert keyring.rotation().outside(new, since) == []
    keyring.close()
    moved = opened(tmp_path, new)
    works(moved)
    moved.close()


@one_database
def test_when_the_service_rotates_its_key_the_same_uri_wraps_anew(bao: Openbao, engine: Engine, tmp_path: Path) -> None:
    """After that the service may retire the versions before."""
    uri = bao.make_key()
    keyring = opened(tmp_path, uri)
    for owner in OWNERS:
        keyring.create(contributor(owner), owner)
    bao.next_version(uri)
    works(keyring)
    store = Store(engine, keyring, BlobStore(tmp_path / "blobs", keyring))
    rotations.rotate_kek(store, uri, silent)
    bao.retire_versions(uri)
    works(keyring)
    keyring.close()


def test_only_one_key_can_be_local(tmp_path: Path) -> None:
    """Two would bear the same name in the key store."""
    with pytest.raises(KeyEncryptionKeyRefused, match="only one"):
        opened(tmp_path, f"insecure-local://{tmp_path}/keys", f"insecure-local://{tmp_path}/others")
