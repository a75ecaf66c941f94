"""Data without the keys, and keys without the data: whoever carries off one of the two has nothing to read."""

import shutil
import stat
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from agents.exports import build_export
from storage.assets import Blob
from storage.blobs.errors import BlobDamaged
from storage.blobs.store import BlobStore
from storage.catalogue import models
from storage.database import open_engine, transaction
from storage.keys.errors import KeyDestroyed, KeyStoreError
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.keys.names import KeysetName, contributor_keyset, project_keyset
from storage.sealed import SealedBytes
from storage.vault import SealedDamaged, Vault
from tests.agents.households import Person, ask_export, household, person
from tests.faults.hunts import spellings
from tests.faults.servers import PATIENCE, Server, new_home, serving
from tests.house_policy import house_policy

MARKER = "marker-of-cinnabar"

pytestmark = pytest.mark.one_database("sqlite", reason="it is a directory that is carried off")


@pytest.fixture
def mara(home: Path, database_url: str) -> Person:
    """Somebody with something in every table and every kind of file, in `home`."""
    engine = open_engine(database_url)
    try:
        with household(home, engine, house_policy()) as agents:
            someone = person(agents, MARKER)
            build_export(agents, ask_export(agents, someone))
            return someone
    finally:
        engine.dispose()


@pytest.fixture
def stolen(home: Path, mara: Person, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of everything but the keys."""
    place = tmp_path_factory.mktemp("thief")
    shutil.copytree(home / "data", place / "data")
    (place / "keys").mkdir(mode=0o700)
    return place


@contextmanager
def keys_of(place: Path) -> Iterator[Keyring]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        keyring = Keyring.open(f"sqlite:///{place}/keys/keys.sqlite3", f"insecure-local://{place}/keys")
    try:
        yield keyring
    finally:
        keyring.close()


def try_everything(data: Path, keyring: Keyring) -> Counter[str]:
    """Open every sealed column of every row, and every file: how often each table opened, and how often it did not."""
    found: Counter[str] = Counter()

    def attempt(name: str, open_it: Callable[[], object]) -> None:
        try:
            opened = open_it() is not None
        except (KeyStoreError, SealedDamaged, BlobDamaged) as refused:
            assert refused.code in ("KEY_DESTROYED", "SEALED_DAMAGED", "BLOB_DAMAGED")
            assert MARKER not in str(refused)
            found[f"{name} shut"] += 1
        else:
            found[f"{name} open"] += opened

    engine = open_engine(f"sqlite:///{data}/muniment.sqlite3")
    vault, blobs = Vault(keyring), BlobStore(data / "blobs", keyring)
    with transaction(engine, read_only=True) as session:
        for model in models():
            columns = [column.name for column in model.__table__.columns if isinstance(column.type, SealedBytes)]
            for row in session.scalars(select(model)):
                row.decisions = frozenset({"read_content", "read_contact", "read_reason"})
                for column in columns:
                    attempt(model.__tablename__, lambda row=row, column=column: vault.open(row, column))  # type: ignore[misc]
        for blob in session.scalars(select(Blob)):
            attempt("files", lambda blob=blob: b"".join(blobs.reader(blob.id, blob.byte_size, blob.file).read()))  # type: ignore[misc]
    engine.dispose()
    return found


def test_with_its_keys_everything_opens(home: Path, mara: Person) -> None:
    """So that opening nothing, below, means something."""
    with keys_of(home) as keyring:
        found = try_everything(home / "data", keyring)
    assert not [name for name in found if name.endswith(" shut")]
    opened = {name.removesuffix(" open") for name in found if found[name]}
    assert {"contributors", "projects", "assets", "prompts", "outputs", "files", "api_keys", "style_profiles"} <= opened
    assert "audit_personal" in opened


def test_data_with_the_keys_of_a_fresh_installation_opens_nothing(stolen: Path) -> None:
    """Neither rows nor files nor the personal side of the trail."""
    with keys_of(stolen) as keyring:
        assert_nothing_opens(try_everything(stolen / "data", keyring))


def test_data_with_keys_that_bear_the_same_names_opens_nothing(stolen: Path, mara: Person) -> None:
    """Whoever makes keysets of the same names, owners and parents has other keys."""
    with keys_of(stolen) as keyring:
        own = contributor_keyset(mara.id)
        keyring.create(own, mara.id)
        for project in mara.projects:
            keyring.create(project_keyset(project), mara.id)
        for path in (stolen / "data" / "blobs").glob("??/*"):
            with suppress(KeyDestroyed):
                keyring.create(KeysetName("blob", path.name), mara.id, parent=own)
        assert_nothing_opens(try_everything(stolen / "data", keyring))


def test_data_with_the_keys_of_another_house_opens_nothing(
    stolen: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keys that are in use elsewhere, with people of their own."""
    other = new_home(tmp_path_factory.mktemp("other"))
    shutil.copyfile(sqlite_template, other / "data" / "muniment.sqlite3")
    engine = open_engine(f"sqlite:///{other}/data/muniment.sqlite3")
    with household(other, engine) as agents:
        person(agents, "somebody-else")
        assert_nothing_opens(try_everything(stolen / "data", agents.store.keyring))
    engine.dispose()


def assert_nothing_opens(found: Counter[str]) -> None:
    assert not [name for name in found if name.endswith(" open") and found[name]]
    assert found.total() > 15


def test_neither_half_holds_a_word_of_it(home: Path, mara: Person) -> None:
    """Keys without data: names, wrapped keys, and no content; data without keys: ciphertext."""
    looked_at = [path for part in ("data", "keys") for path in (home / part).rglob("*") if path.is_file()]
    assert len(looked_at) > 4
    for path in looked_at:
        content = path.read_bytes()
        assert not any(spelling in content for spelling in spellings(MARKER)), path.name


def test_nobody_else_on_the_machine_can_read_the_files(home: Path) -> None:
    """Directories 0700, files 0600, whatever the server made."""
    with serving(home, f"sqlite:///{home}/data/muniment.sqlite3") as server:
        mara = server.api.register(MARKER)
        server.api.asset(mara, server.api.project(mara, MARKER))
        places = [path for part in ("data", "keys") for path in (home / part, *(home / part).rglob("*"))]
    assert len(places) > 9
    assert {mode_of(path) for path in places if path.is_dir()} == {0o700}
    assert {mode_of(path) for path in places if path.is_file()} == {0o600}


@pytest.mark.parametrize("keys", ["none", "another's"])
def test_no_server_starts_on_data_without_their_keys(
    stolen: Path, keys: str, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It says what is missing. Else it would make new keys, and what is sealed under them is lost when the old are back."""
    if keys == "another's":
        other = new_home(tmp_path_factory.mktemp("other"))
        shutil.copyfile(sqlite_template, other / "data" / "muniment.sqlite3")
        engine = open_engine(f"sqlite:///{other}/data/muniment.sqlite3")
        with household(other, engine) as agents:
            person(agents, "somebody-else")
        engine.dispose()
        (stolen / "keys").rmdir()
        shutil.copytree(other / "keys", stolen / "keys")
    server = Server(stolen, f"sqlite:///{stolen}/data/muniment.sqlite3")
    server.begin()
    try:
        assert server.process is not None
        assert server.process.wait(timeout=PATIENCE) == 1
    finally:
        server.close()
    said = server.log.read_text()
    assert "these data were sealed under keys that are not in this key store" in said
    assert MARKER not in said
    assert "Traceback" not in said


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
