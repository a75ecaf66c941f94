"""Writing blobs: visible when whole, gone when not, whatever interrupts."""

import errno
import os
import stat
import time
import tracemalloc
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.blobs.errors import BlobBusy, BlobExists, BlobStoreUnavailable
from storage.blobs.segments import SEGMENT
from storage.blobs.store import BlobStore
from storage.blobs.writer import BlobWriter
from storage.keys.errors import KeyDestroyed
from storage.keys.keyring import Keyring
from tests.storage.keyrings import SOME_FILE, blob, contributor, keyring_in, project, second_process

OWNER, PROJECT, BLOB = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=0xABC)

WRITE_AND_HANG = """
import sys, uuid, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from storage.blobs.store import BlobStore
from storage.keys.keyring import Keyring
from storage.keys.names import KeysetName
from tests.storage.keyrings import SOME_FILE
home = sys.argv[1]
keyring = Keyring.open(f"sqlite:///{home}/keys/keys.sqlite", f"insecure-local://{home}/keys")
store, blob_id = BlobStore(Path(home, "blobs"), keyring), uuid.UUID(sys.argv[2])
writer = store.writer(blob_id, KeysetName("project", sys.argv[3]), SOME_FILE)
for _ in range(10):
    writer.write(b"a" * 65536)
print("writing", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    """A keyring with one contributor's keyset and one project's."""
    with keyring_in(tmp_path) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        keyring.create(project(PROJECT), OWNER)
        yield keyring


@pytest.fixture
def store(keyring: Keyring, tmp_path: Path) -> BlobStore:
    """A blob store in the same home."""
    return BlobStore(tmp_path / "blobs", keyring)


def begin(store: BlobStore, blob_id: uuid.UUID = BLOB) -> BlobWriter:
    """A writer of a blob in the project."""
    return store.writer(blob_id, project(PROJECT), SOME_FILE)


def incoming(home: Path) -> list[Path]:
    """What lies in the directory of unfinished blobs."""
    return list((home / "blobs" / "incoming").iterdir())


def put(store: BlobStore, blob_id: uuid.UUID = BLOB, content: bytes = b"content") -> None:
    """Store a small blob."""
    with begin(store, blob_id) as writer:
        writer.write(content)
        writer.finish()


def test_a_blob_is_visible_only_when_it_is_whole(store: BlobStore, tmp_path: Path) -> None:
    """Not before `finish`, and then at once."""
    with begin(store) as writer:
        writer.write(b"a" * 3 * SEGMENT)
        assert not store.exists(BLOB)
        assert writer.finish() == writer.size == 3 * SEGMENT
        assert store.exists(BLOB)
    assert incoming(tmp_path) == []


def test_only_this_user_reads_blobs(store: BlobStore, tmp_path: Path) -> None:
    """Directories have mode 0700 and files 0600, also while they are written."""
    put(store)
    with begin(store, uuid.uuid4()):
        for path in [tmp_path / "blobs", *(tmp_path / "blobs").rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path.name


@pytest.mark.parametrize("way_out", ["exception", "abort", "end of block"])
def test_an_abandoned_blob_leaves_nothing(store: BlobStore, keyring: Keyring, tmp_path: Path, way_out: str) -> None:
    """No file, no key, however the writing ended."""
    try:
        with begin(store) as writer:
            writer.write(b"a" * 2 * SEGMENT)
            if way_out == "exception":
                raise ConnectionResetError
            if way_out == "abort":
                writer.abort()
    except ConnectionResetError:
        assert way_out == "exception"
    assert not store.exists(BLOB)
    assert incoming(tmp_path) == []
    assert not keyring.exists(blob(BLOB))


def test_a_writer_is_of_no_use_afterwards(store: BlobStore) -> None:
    """Neither after `finish` nor after `abort`; a late `abort` does not take a published blob away."""
    with begin(store) as writer:
        writer.finish()
        writer.abort()
        for use in (lambda: writer.write(b"more"), writer.finish):
            with pytest.raises(ValueError, match="finished or given up"):
                use()
    assert store.exists(BLOB)


def test_a_stored_blob_is_never_overwritten(store: BlobStore, tmp_path: Path) -> None:
    """A second writer of the same id is refused, and takes nothing away."""
    put(store)
    with pytest.raises(BlobExists) as refusal:
        begin(store)
    assert refusal.value.code == "BLOB_EXISTS"
    assert incoming(tmp_path) == []
    assert b"".join(store.reader(BLOB, 7, SOME_FILE).read()) == b"content"


def test_two_writers_do_not_share_a_blob(store: BlobStore) -> None:
    """The second is refused while the first one lives, and the first one is not disturbed."""
    with begin(store) as writer:
        writer.write(b"con")
        with pytest.raises(BlobBusy) as refusal:
            begin(store)
        writer.write(b"tent")
        writer.finish()
    assert refusal.value.code == "BLOB_BUSY"
    assert b"".join(store.reader(BLOB, 7, SOME_FILE).read()) == b"content"


def test_a_blob_can_be_begun_again(store: BlobStore) -> None:
    """After an attempt that was given up, under a fresh key."""
    begin(store).abort()
    put(store)
    assert b"".join(store.reader(BLOB, 7, SOME_FILE).read()) == b"content"


def test_a_blob_without_a_keyset_to_wrap_its_own_is_not_begun(
    store: BlobStore, keyring: Keyring, tmp_path: Path
) -> None:
    """An upload into a project that is being destroyed fails, and leaves nothing."""
    keyring.destroy(project(PROJECT))
    with pytest.raises(KeyDestroyed):
        begin(store)
    assert incoming(tmp_path) == []


def test_destroying_the_project_stops_an_upload(store: BlobStore, keyring: Keyring, tmp_path: Path) -> None:
    """The next segment finds no key, and nothing is published."""
    with begin(store) as writer:
        writer.write(b"a" * 2 * SEGMENT)
        keyring.destroy(project(PROJECT))
        with pytest.raises(KeyDestroyed):
            writer.finish()
    assert not store.exists(BLOB)
    assert incoming(tmp_path) == []


def test_a_callers_own_keyset_is_used(store: BlobStore, keyring: Keyring) -> None:
    """A caller that has made the blob's keyset names it in place of the one that wraps it."""
    keyring.create(blob(BLOB), OWNER, parent=contributor(OWNER))
    with store.writer(BLOB, blob(BLOB), SOME_FILE) as writer:
        writer.write(b"content")
        writer.finish()
    assert b"".join(store.reader(BLOB, 7, SOME_FILE).read()) == b"content"


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_a_coded_error_and_leaves_nothing(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whether it shows while writing or only at the end."""

    def refuse(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with begin(store) as writer, monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(BlobStoreUnavailable, match="No space left") as refusal:
            writer.write(b"a" * 2 * SEGMENT)
            writer.finish()
    assert refusal.value.code == "BLOB_STORE_UNAVAILABLE"
    assert not store.exists(BLOB)
    assert incoming(tmp_path) == []


def test_everything_is_synced_before_and_after_the_rename(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the file's bytes, then its name: a power failure in between shows nothing, one after it loses nothing."""
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        [path] = [path for path in (tmp_path / "blobs").rglob("*") if path.stat().st_ino == inode]
        synced.append((path.name, store.exists(BLOB)))
        fsync(descriptor)

    (tmp_path / "blobs" / BLOB.hex[-2:]).mkdir(mode=0o700)
    with begin(store) as writer, monkeypatch.context() as patch:
        patch.setattr(os, "fsync", note)
        writer.finish()
    assert synced == [(str(BLOB), False), (BLOB.hex[-2:], True)]


def test_a_blob_whose_name_is_not_durable_is_taken_back(
    store: BlobStore, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the directory can't be synced, nobody was told that the blob is stored, and it isn't."""

    def refuse(directory: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with begin(store) as writer, monkeypatch.context() as patch:
        patch.setattr("storage.blobs.published.sync", refuse)
        with pytest.raises(BlobStoreUnavailable):
            writer.finish()
    assert not store.exists(BLOB)
    assert not keyring.exists(blob(BLOB))
    assert incoming(tmp_path) == []


def test_writing_and_reading_need_little_memory(store: BlobStore) -> None:
    """64 MiB go in and out without being held."""
    tracemalloc.start()
    try:
        with begin(store) as writer:
            for _ in range(1024):
                writer.write(b"a" * SEGMENT)
            size = writer.finish()
        assert sum(len(piece) for piece in store.reader(BLOB, size, SOME_FILE).read()) == size == 1024 * SEGMENT
        assert tracemalloc.get_traced_memory()[1] < 16 * SEGMENT
    finally:
        tracemalloc.stop()


def test_a_killed_writer_leaves_nothing_visible_and_is_swept(
    store: BlobStore, keyring: Keyring, tmp_path: Path
) -> None:
    """Not while it lives; after `kill -9` its file and its key go."""
    with second_process(WRITE_AND_HANG, tmp_path, BLOB, PROJECT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        assert store.sweep(keep=set(), older_than_seconds=-60) == 0
        assert keyring.exists(blob(BLOB))
        process.kill()
        process.wait()
    assert not store.exists(BLOB)
    assert len(incoming(tmp_path)) == 1
    assert store.sweep(keep=set(), older_than_seconds=-60) == 1
    assert incoming(tmp_path) == []
    assert not keyring.exists(blob(BLOB))


def test_a_killed_writers_blob_can_be_written_again_at_once(store: BlobStore, tmp_path: Path) -> None:
    """Whatever resumes the work need not wait for the sweep."""
    with second_process(WRITE_AND_HANG, tmp_path, BLOB, PROJECT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.kill()
        process.wait()
    put(store)
    assert b"".join(store.reader(BLOB, 7, SOME_FILE).read()) == b"content"


def test_the_sweep_takes_orphans_and_keeps_the_rest(store: BlobStore, keyring: Keyring, tmp_path: Path) -> None:
    """Only what no row names, only what is old enough, and the keysets with it."""
    named, orphan, young = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    for blob_id in (named, orphan, young):
        put(store, blob_id)
    lost = uuid.uuid4()
    keyring.create(blob(lost), OWNER, parent=project(PROJECT))
    two_hours_ago = time.time() - 7200
    for blob_id in (named, orphan):
        [path] = (tmp_path / "blobs").glob(f"??/{blob_id}")
        os.utime(path, (two_hours_ago, two_hours_ago))
    assert store.sweep(keep={named}, older_than_seconds=3600) == 1
    assert [store.exists(blob_id) for blob_id in (named, orphan, young)] == [True, False, True]
    assert keyring.exists(blob(lost))
    assert store.sweep(keep={named, young}, older_than_seconds=-60) == 0
    assert not keyring.exists(blob(lost))
    assert b"".join(store.reader(named, 7, SOME_FILE).read()) == b"content"
