"""What an earlier version sealed, wrapped and stored still opens."""

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.assets import Asset
from storage.blobs.contexts import FileContext, FileKind
from storage.blobs.errors import BlobDamaged
from storage.blobs.segments import UNBOUND
from storage.blobs.store import BlobStore
from storage.clock import now
from storage.contributors import Contributor
from storage.database import open_engine, transaction
from storage.keys import tables
from storage.keys.keyring import Keyring
from storage.keys.stores import KeyStore
from storage.projects import Project
from storage.records import Record
from storage.sealed import Sealed
from storage.vault import Vault
from tests.storage.keyrings import keyring_in

GOLDEN = Path(__file__).parents[1] / "golden" / "vault-1"
OWNER, PROJECT, ASSET, BLOB = (uuid.UUID(f"01900000-0000-7000-8000-00000000000{number}") for number in range(1, 5))

ROWS: dict[str, Record] = {
    "contributors": Contributor(id=OWNER),
    "projects": Project(id=PROJECT, owner_id=OWNER),
    "assets": Asset(id=ASSET, owner_id=OWNER, project_id=PROJECT),
}
CONTENT = {
    ("contributors", "display_name"): "Ada",
    ("contributors", "email"): "ada@example.org",
    ("contributors", "password_hash"): "$argon2id$golden",
    ("projects", "name"): "Der Webstuhl",
    ("assets", "title"): "Grüße, 世界",
    ("assets", "tags"): ["loom", {"size": 3}],
    ("assets", "checksum"): bytes(range(32)),
}


def golden(name: str) -> Any:
    """A golden file in JSON."""
    return json.loads((GOLDEN / name).read_text())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the golden key-encryption key and the golden wrapped keysets."""
    home = tmp_path_factory.mktemp("golden")
    url = f"sqlite:///{home}/keys/keys.sqlite"
    KeyStore(url, may_be_new=True).close()
    engine = open_engine(url)
    with transaction(engine) as session:
        for row in golden("keysets.json"):
            owner = uuid.UUID(row["owner"]) if row["owner"] else None
            changed = {"owner": owner, "wrapped": bytes.fromhex(row["wrapped"]), "created_at": now()}
            session.execute(tables.keysets.insert().values(**row | changed))
    engine.dispose()
    key = home / "keys" / "insecure-key-encryption-key.json"
    shutil.copyfile(GOLDEN / "insecure-test-key.json", key)
    key.chmod(0o600)
    return home


@pytest.fixture
def keyring(home: Path) -> Iterator[Keyring]:
    """A keyring over the golden keysets."""
    with keyring_in(home) as keyring:
        yield keyring


@pytest.mark.parametrize("field", golden("sealed.json"), ids=lambda field: f"{field['table']}.{field['column']}")
def test_a_golden_field_opens(keyring: Keyring, field: dict[str, str]) -> None:
    """Text, JSON and bytes, under a contributor's, a project's and the platform's keyset."""
    row, column = ROWS[field["table"]], field["column"]
    row.decisions = frozenset({"read_contact", "read_content"})
    setattr(row, column, Sealed(bytes.fromhex(field["stored"])))
    assert Vault(keyring).open(row, column) == CONTENT[field["table"], column]


FILE = FileContext(FileKind.CONTENT, OWNER, ASSET)
OTHERS = {
    "owner": FileContext(FileKind.CONTENT, PROJECT, ASSET),
    "object": FileContext(FileKind.CONTENT, OWNER, PROJECT),
    "kind": FileContext(FileKind.THUMBNAIL, OWNER, ASSET),
}


def golden_blob(keyring: Keyring, home: Path, vault: str) -> BlobStore:
    """A store that holds the blob of one format."""
    store = BlobStore(home / "blobs", keyring)
    directory = home / "blobs" / BLOB.hex[-2:]
    directory.mkdir()
    shutil.copyfile(GOLDEN.parent / vault / "blob.bin", directory / str(BLOB))
    return store


@pytest.mark.parametrize("vault", ["vault-1", "vault-2"])
def test_a_golden_blob_opens(keyring: Keyring, tmp_path: Path, vault: str) -> None:
    """Two segments, whole and across their border."""
    content = b"".join(number.to_bytes(4, "big") for number in range(16400))
    reader = golden_blob(keyring, tmp_path, vault).reader(BLOB, len(content), FILE)
    assert b"".join(reader.read()) == content
    assert b"".join(reader.read(65530, 65545)) == content[65530:65545]


@pytest.mark.parametrize("other", OTHERS)
def test_a_golden_blob_of_format_2_opens_as_nothing_else(keyring: Keyring, tmp_path: Path, other: str) -> None:
    """Neither whole nor in part; nor with the header of format 1, which would ask for less."""
    store, size = golden_blob(keyring, tmp_path, "vault-2"), 16400 * 4
    with pytest.raises(BlobDamaged):
        store.reader(BLOB, size, OTHERS[other])
    with pytest.raises(BlobDamaged):
        list(store.reader(BLOB, size, OTHERS[other], at_once=True).read(0, 1))
    file = tmp_path / "blobs" / BLOB.hex[-2:] / str(BLOB)
    file.write_bytes(UNBOUND + file.read_bytes()[len(UNBOUND) :])
    with pytest.raises(BlobDamaged):
        store.reader(BLOB, size, FILE)


def test_golden_platform_keys_give_the_same_answers(keyring: Keyring) -> None:
    """Look-ups find what was hashed then, and the platform still signs as who it was (Ed25519 is deterministic)."""
    expected = golden("platform.json")
    assert keyring.keyed_hash("email", "ada@example.org").hex() == expected["keyed_hash"]
    assert keyring.public_key().hex() == expected["public_key"]
    assert keyring.sign(b"golden").hex() == expected["signature"]
