"""The key store on disk: private files, nothing left of what was destroyed, and several processes at once."""

import sqlite3
import stat
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import open_engine, transaction
from storage.keys import tables
from storage.keys.errors import KeyDestroyed, KeyStoreError, KeyStoreMissing, KeyStoreUnavailable
from storage.keys.keyring import Keyring
from tests.storage.keyrings import contributor, everything_under, keyring_in, open_keyring, project, second_process

OWNER, PROJECT = uuid.UUID(int=1), uuid.UUID(int=2)

OPEN = """
import sys, warnings
warnings.simplefilter("ignore")
from storage.keys.keyring import Keyring
keys = f"{sys.argv[1]}/keys"
keyring = Keyring.open(f"sqlite:///{keys}/keys.sqlite", f"insecure-local://{keys}", cache_seconds=0.3)
"""

FIRST_OF_ALL = OPEN + "print(keyring.public_key().hex(), keyring.keyed_hash('email', 'x').hex())"

HOLD_ON = (
    OPEN
    + """
import time
from storage.keys.errors import KeyDestroyed
from storage.keys.names import KeysetName
name, ciphertext = KeysetName("project", sys.argv[2]), bytes.fromhex(sys.argv[3])
print(keyring.aead(name).decrypt(ciphertext, b"").decode(), flush=True)
sys.stdin.readline()
time.sleep(keyring.cache_seconds)
try:
    keyring.aead(name).decrypt(ciphertext, b"")
except KeyDestroyed as refusal:
    print(refusal.code, flush=True)
"""
)


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    """A keyring that holds one contributor's keyset and one project's."""
    with keyring_in(tmp_path) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        keyring.create(project(PROJECT), OWNER)
        yield keyring


def wrapped(home: Path, kind: str) -> bytes:
    """The bytes of a wrapped keyset, as they lie in the key store."""
    connection = sqlite3.connect(home / "keys" / "keys.sqlite")
    [[found]] = connection.execute("SELECT wrapped FROM keysets WHERE kind = ?", [kind]).fetchall()
    connection.close()
    return bytes(found)


def test_only_this_user_reads_the_key_store(keyring: Keyring, tmp_path: Path) -> None:
    """The database and the files SQLite puts beside it have mode 0600, their directory 0700."""
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    for path in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_nothing_of_a_destroyed_keyset_is_left_on_disk(keyring: Keyring, tmp_path: Path) -> None:
    """Not in the database file, not in its log, while the server still runs."""
    going, staying = wrapped(tmp_path, "project"), wrapped(tmp_path, "contributor")
    assert going in everything_under(tmp_path / "keys")
    keyring.destroy(project(PROJECT))
    left = everything_under(tmp_path / "keys")
    assert going not in left
    assert going[40:72] not in left
    assert staying in left
    assert (tmp_path / "keys" / "keys.sqlite-wal").stat().st_size == 0


def test_destruction_waits_for_a_reader_of_the_log(keyring: Keyring, tmp_path: Path) -> None:
    """A reader that holds on to the old pages delays the end of `destroy`; it does not make it lie."""
    going = wrapped(tmp_path, "project")
    reader = sqlite3.connect(tmp_path / "keys" / "keys.sqlite", isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keysets").fetchall()
    timer = threading.Timer(0.5, reader.execute, ["COMMIT"])
    timer.start()
    assert keyring.destroy(project(PROJECT)) == 1
    assert not timer.is_alive()
    reader.close()
    assert going not in everything_under(tmp_path / "keys")


def test_destruction_that_can_not_be_made_final_says_so(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is out of use at once; the caller is told that traces remain, and a later call ends it."""
    monkeypatch.setattr("storage.truncation._ATTEMPTS", 1)
    monkeypatch.setattr("storage.truncation._WAIT_MILLISECONDS", 10)
    reader = sqlite3.connect(tmp_path / "keys" / "keys.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keysets").fetchall()
    with pytest.raises(KeyStoreUnavailable, match="may remain in the log"):
        keyring.destroy(project(PROJECT))
    with pytest.raises(KeyDestroyed):
        keyring.aead(project(PROJECT))
    reader.close()
    assert keyring.destroy(project(PROJECT)) == 0
    assert (tmp_path / "keys" / "keys.sqlite-wal").stat().st_size == 0


def test_a_second_process_loses_a_destroyed_key_within_the_published_time(keyring: Keyring, tmp_path: Path) -> None:
    """It has opened the value before; a cache lifetime after the destruction it does not open it again."""
    ciphertext = keyring.aead(project(PROJECT)).encrypt(b"content", b"").hex()
    with second_process(HOLD_ON, tmp_path, PROJECT, ciphertext) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "content\n"
        keyring.destroy(project(PROJECT))
        process.stdin.write("destroyed\n")
        process.stdin.flush()
        assert process.stdout.readline() == "KEY_DESTROYED\n"


def test_processes_that_start_at_once_share_what_the_first_one_made(tmp_path: Path) -> None:
    """One key-encryption key, one set of platform keysets, whoever wins."""
    with second_process(FIRST_OF_ALL, tmp_path) as one, second_process(FIRST_OF_ALL, tmp_path) as other:
        answers = {process.communicate(timeout=60)[0] for process in (one, other)}
    assert len(answers) == 1
    with keyring_in(tmp_path) as keyring:
        assert answers == {f"{keyring.public_key().hex()} {keyring.keyed_hash('email', 'x').hex()}\n"}
    assert len(list((tmp_path / "keys").glob("*.json*"))) == 1


def test_many_threads_use_one_keyring(keyring: Keyring) -> None:
    """Keysets made, used and destroyed side by side stay apart."""
    problems: list[BaseException] = []

    def live() -> None:
        try:
            for _ in range(5):
                name = project(uuid.uuid4())
                keyring.create(name, OWNER)
                assert keyring.aead(name).decrypt(keyring.aead(name).encrypt(b"content", b""), b"") == b"content"
                assert keyring.destroy(name) == 1
                with pytest.raises(KeyDestroyed):
                    keyring.aead(name)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=live) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert keyring.count_owned_by(OWNER) == 2


def test_a_lost_key_store_is_not_replaced_in_silence(keyring: Keyring, tmp_path: Path) -> None:
    """Its key-encryption key is in use, so an empty key store is a loss to be told, each time, and not a beginning."""
    keyring.close()
    for path in (tmp_path / "keys").glob("keys.sqlite*"):
        path.unlink()
    for _ in range(2):
        with pytest.raises(KeyStoreMissing, match="restore the key store"):
            open_keyring(tmp_path)


def test_a_key_store_laid_out_by_a_newer_program_is_refused(keyring: Keyring, tmp_path: Path) -> None:
    """Guessing at a layout could destroy keys."""
    keyring.close()
    engine = open_engine(f"sqlite:///{tmp_path}/keys/keys.sqlite")
    with transaction(engine) as session:
        session.execute(tables.layout.update().values(version=3))
    engine.dispose()
    with pytest.raises(KeyStoreError, match="layout 3"):
        open_keyring(tmp_path)


def test_copying_data_and_key_store_without_the_key_opens_nothing(keyring: Keyring, tmp_path: Path) -> None:
    """Wrapped keysets are of no use under another key-encryption key."""
    keyring.close()
    (tmp_path / "thief" / "keys").mkdir(parents=True, mode=0o700)
    (tmp_path / "thief" / "keys" / "keys.sqlite").write_bytes((tmp_path / "keys" / "keys.sqlite").read_bytes())
    with pytest.raises(KeyStoreError) as refusal:
        open_keyring(tmp_path / "thief")
    assert refusal.value.code == "KEY_ENCRYPTION_KEY_REFUSED"
    with keyring_in(tmp_path / "own"):
        pass
    key = "insecure-key-encryption-key.json"
    (tmp_path / "own" / "keys" / key).rename(tmp_path / "thief" / "keys" / key)
    with pytest.raises(KeyStoreError) as refusal:
        open_keyring(tmp_path / "thief")
    assert refusal.value.code == "KEYSET_DAMAGED"
