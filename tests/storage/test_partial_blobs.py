"""Blobs in several transfers: killed at any call to the disk, what was saved is there, and nothing else is believed."""

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.blobs.errors import BlobBusy, BlobStoreUnavailable
from storage.blobs.segments import OVERHEAD, SEGMENT
from storage.blobs.store import BlobStore
from storage.keys.errors import KeyDestroyed
from storage.keys.keyring import Keyring
from tests.storage.keyrings import (
    SOME_FILE,
    blob,
    contributor,
    everything_under,
    keyring_in,
    pattern,
    project,
    second_process,
)
from tests.storage.test_blobs import read

OWNER, PROJECT = uuid.UUID(int=1), uuid.UUID(int=2)
CONTENT = pattern(4 * SEGMENT + 100)
PART = 2 * SEGMENT + 1000

DYING = """
import os, signal, sys, uuid
from pathlib import Path
from storage.blobs.store import BlobStore
from tests.storage.keyrings import SOME_FILE, open_keyring, pattern, project

home, blob_id, steps = Path(sys.argv[1]), uuid.UUID(sys.argv[2]), int(sys.argv[3])
PROJECT, CONTENT, PART = uuid.UUID(sys.argv[4]), pattern(int(sys.argv[5])), int(sys.argv[6])
store = BlobStore(home / "data", open_keyring(home))

def watched(function):
    def call(*arguments, **named):
        global steps
        steps -= 1
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call

os.fsync, os.write, Path.rename, Path.unlink = map(watched, (os.fsync, os.write, Path.rename, Path.unlink))
writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
while writer.size < len(CONTENT):
    writer.write(CONTENT[writer.size : writer.size + PART])
    writer.save(writer.size)
    os.write(1, f"{writer.size}\\n".encode())
writer.finish()
os.write(1, b"finished\\n")
writer.done()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Keys and data apart, as everywhere."""
    return tmp_path


@pytest.fixture
def keyring(home: Path) -> Iterator[Keyring]:
    """A keyring with one contributor's keyset and one project's."""
    with keyring_in(home) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        keyring.create(project(PROJECT), OWNER)
        yield keyring


@pytest.fixture
def store(home: Path, keyring: Keyring) -> BlobStore:
    """A blob store."""
    return BlobStore(home / "data", keyring)


def go_on(store: BlobStore, blob_id: uuid.UUID, stop: int = len(CONTENT)) -> int:
    """Send up to `stop` in one transfer, and put it away; answers where it went on."""
    writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
    begun = writer.size
    assert writer.notes in (None, begun)
    writer.write(CONTENT[begun:stop])
    writer.save(stop)
    writer.put_away()
    return begun


def whole(store: BlobStore, blob_id: uuid.UUID) -> bytes:
    """Send the rest, publish, and read it back."""
    writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
    writer.write(CONTENT[writer.size :])
    assert writer.finish() == len(CONTENT)
    writer.done()
    return read(store, blob_id, len(CONTENT))


@pytest.mark.timeout(900)
def test_killed_at_any_step_it_goes_on_from_what_was_acknowledged(home: Path, store: BlobStore) -> None:
    """Before and after every write, sync, rename and removal, to the last: nothing acknowledged is ever missing."""
    for steps in range(1, 100):
        blob_id = uuid.uuid4()
        with second_process(DYING, home, blob_id, steps, PROJECT, len(CONTENT), PART) as process:
            told = process.communicate()[0].splitlines()
        acknowledged = [int(line) for line in told if line != "finished"]
        if process.returncode == 0:
            break
        assert not store.exists(blob_id) or acknowledged[-1:] == [len(CONTENT)]
        saved = store.partials.saved(blob_id)
        found = 0 if saved is None else saved.size
        if "finished" not in told:
            assert found >= max(acknowledged, default=0)
            assert whole(store, blob_id) == CONTENT
        assert read(store, blob_id, len(CONTENT)) == CONTENT
        shutil.rmtree(home / "data" / "unfinished")
        (home / "data" / "unfinished").mkdir(mode=0o700)
    assert process.returncode == 0
    assert steps > 15


def test_each_transfer_goes_on_where_the_last_was_saved(store: BlobStore, home: Path) -> None:
    """Within a segment, at its end, and with nothing new; a published blob leaves nothing of how it came."""
    blob_id = uuid.uuid4()
    stops = [10, 10, SEGMENT, SEGMENT + 1, 3 * SEGMENT]
    assert [go_on(store, blob_id, stop) for stop in stops] == [0, *stops[:-1]]
    assert not store.exists(blob_id)
    assert whole(store, blob_id) == CONTENT
    assert list((home / "data" / "unfinished").iterdir()) == []


def test_what_was_not_saved_is_forgotten(store: BlobStore) -> None:
    """It was not acknowledged either: the next transfer overwrites it."""
    blob_id = uuid.uuid4()
    go_on(store, blob_id, SEGMENT)
    writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
    writer.write(bytes(3 * SEGMENT))
    writer.put_away()
    assert whole(store, blob_id) == CONTENT


def test_one_writes_at_a_time(store: BlobStore) -> None:
    """The other is told; who only asks how far it is needs no claim."""
    blob_id = uuid.uuid4()
    go_on(store, blob_id, 10)
    claim = store.partials.claim(blob_id)
    with pytest.raises(BlobBusy):
        store.partials.claim(blob_id)
    saved = store.partials.saved(blob_id)
    assert saved is not None
    assert (saved.size, saved.notes) == (10, 10)
    claim.close()
    store.partials.claim(blob_id).close()


def test_a_publication_that_no_row_came_to_name_is_taken_back(store: BlobStore) -> None:
    """The last part can be sent again."""
    blob_id = uuid.uuid4()
    go_on(store, blob_id, 3 * SEGMENT)
    writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
    writer.write(CONTENT[writer.size :])
    writer.finish()
    writer.put_away()
    assert store.exists(blob_id)
    assert store.sweep(frozenset(), 0) == 0
    assert go_on(store, blob_id, 3 * SEGMENT + 5) == 3 * SEGMENT
    assert not store.exists(blob_id)
    assert whole(store, blob_id) == CONTENT


@pytest.mark.parametrize("damage", ["cut", "note", "swapped note"])
def test_what_was_tampered_with_is_begun_anew(store: BlobStore, home: Path, damage: str) -> None:
    """A file that lost its end, a note that was changed or is another blob's: none is gone on with."""
    blob_id, other = uuid.uuid4(), uuid.uuid4()
    go_on(store, blob_id, 2 * SEGMENT + 5)
    go_on(store, other, 3 * SEGMENT + 5)
    directory = home / "data" / "unfinished" / str(blob_id)
    if damage == "cut":
        os.truncate(directory / "data", SEGMENT + OVERHEAD)
    elif damage == "note":
        raw = bytearray((directory / "note").read_bytes())
        raw[-1] ^= 1
        (directory / "note").write_bytes(raw)
    else:
        shutil.copy(directory.parent / str(other) / "note", directory / "note")
    assert go_on(store, blob_id, 10) == 0
    assert whole(store, blob_id) == CONTENT


def test_nothing_lies_in_clear_and_everything_is_private(store: BlobStore, home: Path) -> None:
    """Neither in the data nor in the note; files are this user's alone."""
    blob_id = uuid.uuid4()
    writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
    writer.write(b"canary-77 " * 9000)
    writer.save({"held": "canary-77"})
    writer.put_away()
    unfinished = home / "data" / "unfinished"
    assert b"canary-77" not in everything_under(unfinished)
    assert {path.stat().st_mode & 0o077 for path in unfinished.rglob("*")} == {0}


def test_removing_ends_whoever_is_writing(store: BlobStore, keyring: Keyring) -> None:
    """Key first, then files: the writer fails at its next segment, and leaves nothing behind."""
    blob_id = uuid.uuid4()
    go_on(store, blob_id, 10)
    writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
    assert store.partials.remove_all([blob_id, uuid.uuid4()]) == 1
    assert not keyring.exists(blob(blob_id))
    with pytest.raises(KeyDestroyed):
        writer.write(CONTENT)
    writer.put_away()
    assert not store.partials.exists(blob_id)


def test_the_disk_may_refuse(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coded error, and what was saved before stays."""
    blob_id = uuid.uuid4()
    go_on(store, blob_id, 3 * SEGMENT)
    writer = store.partials.writer(store.partials.claim(blob_id), project(PROJECT), SOME_FILE)
    writer.write(b"more")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(BlobStoreUnavailable, match="No space left"):
            writer.save(None)
    writer.put_away()
    assert whole(store, blob_id) == CONTENT


def test_a_day_without_a_transfer_ends_it(store: BlobStore, keyring: Keyring, home: Path) -> None:
    """Counted from the last save; one that is being written is left alone, however old."""
    left, busy, fresh = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    for each in (left, busy, fresh):
        go_on(store, each, 10)
    for each in (left, busy):
        os.utime(home / "data" / "unfinished" / str(each) / "note", (time.time() - 90_000,) * 2)
    claim = store.partials.claim(busy)
    assert store.sweep(frozenset(), 3600) == 1
    assert [store.partials.exists(each) for each in (left, busy, fresh)] == [False, True, True]
    assert [keyring.exists(blob(each)) for each in (left, busy, fresh)] == [False, True, True]
    claim.close()
