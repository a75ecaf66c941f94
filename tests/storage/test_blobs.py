"""Blobs: what was stored comes back whole, in part, or not at all; from a directory, and from a bucket."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.blobs.errors import BlobDamaged, BlobMissing
from storage.blobs.objects import PublishedObjects
from storage.blobs.segments import HEADER, OVERHEAD, SEGMENT, stored_size
from storage.blobs.store import BlobStore
from storage.keys.errors import KeyDestroyed
from storage.keys.keyring import Keyring
from tests.services.s3 import S3, Bucket
from tests.storage.keyrings import SOME_FILE, blob, contributor, everything_under, keyring_in, pattern, project

OWNER, PROJECT = uuid.UUID(int=1), uuid.UUID(int=2)
SEALED = SEGMENT + OVERHEAD
SIZE = 3 * SEGMENT + 1000
quick = settings(max_examples=30, deadline=None)


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    """A keyring with one contributor's keyset and one project's."""
    with keyring_in(tmp_path_factory.mktemp("home")) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        keyring.create(project(PROJECT), OWNER)
        yield keyring


class Kept(Protocol):
    """A published blob, past the program under test."""

    def read_bytes(self) -> bytes: ...

    def write_bytes(self, content: bytes, /) -> object: ...


class Object:
    """A blob in a bucket."""

    def __init__(self, bucket: Bucket, path: str) -> None:
        self._bucket, self._path = bucket, path

    def read_bytes(self) -> bytes:
        return self._bucket.read(self._path)

    def write_bytes(self, content: bytes, /) -> None:
        self._bucket.write(self._path, bytes(content))


@dataclass
class Root:
    """Where this module's blobs lie: what is being written in `directory`, and the others there or in `bucket`."""

    directory: Path
    bucket: Bucket | None = None


@pytest.fixture(scope="module", params=["directory", "bucket"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Iterator[Root]:
    """A directory, or one beside a bucket."""
    directory = tmp_path_factory.mktemp("data") / "blobs"
    if request.param == "directory":
        yield Root(directory)
        return
    with S3.running(tmp_path_factory.mktemp("s3")) as s3, pytest.MonkeyPatch.context() as patch:
        for variable, value in s3.environment.items():
            patch.setenv(variable, value)
        patch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
        yield Root(directory, s3.bucket())


@pytest.fixture(scope="module")
def store(keyring: Keyring, root: Root) -> BlobStore:
    """A blob store."""
    if root.bucket is None:
        return BlobStore(root.directory, keyring)
    published = PublishedObjects(f"{root.bucket.address}/blobs", endpoint=os.environ["AWS_ENDPOINT_URL"])
    return BlobStore(root.directory, keyring, published)


@pytest.fixture(scope="module")
def stored(store: BlobStore) -> uuid.UUID:
    """A blob of SIZE bytes, never changed by a test."""
    return put(store, pattern(SIZE))


def put(store: BlobStore, content: bytes, step: int = 50_000) -> uuid.UUID:
    """Store `content` in chunks of `step` bytes; answers the new blob's id."""
    blob_id = uuid.uuid4()
    with store.writer(blob_id, project(PROJECT), SOME_FILE) as writer:
        for start in range(0, len(content), step):
            writer.write(content[start : start + step])
        assert writer.finish() == len(content)
    return blob_id


def file_of(root: Root, blob_id: uuid.UUID) -> Kept:
    """The file of a published blob."""
    if root.bucket is not None:
        [found] = [path for path in root.bucket.paths() if path.endswith(str(blob_id))]
        return Object(root.bucket, found)
    [path] = root.directory.glob(f"??/{blob_id}")
    return path


def read(store: BlobStore, blob_id: uuid.UUID, size: int, *bounds: int) -> bytes:
    """What a reader gives, joined."""
    return b"".join(store.reader(blob_id, size, SOME_FILE).read(*bounds))


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, SIZE])
def test_a_blob_comes_back_as_it_was_stored(store: BlobStore, root: Root, size: int) -> None:
    """Empty, smaller than a segment, exactly full, and longer; the file's length follows from the size."""
    blob_id = put(store, pattern(size))
    assert read(store, blob_id, size) == pattern(size)
    assert len(file_of(root, blob_id).read_bytes()) == stored_size(size)


@pytest.mark.parametrize("step", [1, 7, SEGMENT, SEGMENT + 1, 10 * SEGMENT])
def test_it_does_not_matter_in_which_chunks_it_came(store: BlobStore, step: int) -> None:
    """One byte at a time, or all at once."""
    content = pattern(SEGMENT + 17 if step < 10 else SIZE)
    assert read(store, put(store, content, step), len(content)) == content


@quick
@given(bounds=st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)))
def test_any_range_is_read_without_the_rest(store: BlobStore, stored: uuid.UUID, bounds: tuple[int, int]) -> None:
    """A video can be sought in."""
    start, stop = sorted(bounds)
    assert read(store, stored, SIZE, start, stop) == pattern(SIZE)[start:stop]


@pytest.mark.parametrize("bounds", [(-1, 5), (5, 4), (0, SIZE + 1), (SIZE + 1,)])
def test_a_range_outside_the_blob_is_refused(store: BlobStore, stored: uuid.UUID, bounds: tuple[int, ...]) -> None:
    """At once, not at the first piece."""
    with pytest.raises(ValueError, match="no such range"):
        store.reader(stored, SIZE, SOME_FILE).read(*bounds)


def test_a_range_opens_only_its_own_segments(store: BlobStore, root: Root) -> None:
    """With the first segment broken, the second is still read."""
    blob_id = put(store, pattern(SIZE))
    overwrite(file_of(root, blob_id), len(HEADER) + 100, b"\0\0")
    assert read(store, blob_id, SIZE, SEGMENT, 2 * SEGMENT) == pattern(SIZE)[SEGMENT : 2 * SEGMENT]


def test_a_damaged_segment_ends_the_reading_with_an_error(store: BlobStore, root: Root) -> None:
    """What comes before it is given out; then it breaks off, and never ends as if it were whole."""
    blob_id = put(store, pattern(SIZE))
    overwrite(file_of(root, blob_id), len(HEADER) + SEALED + 9, b"\0\0\0")
    pieces = store.reader(blob_id, SIZE, SOME_FILE).read()
    assert next(pieces) == pattern(SIZE)[:SEGMENT]
    with pytest.raises(BlobDamaged, match="segment 1") as refusal:
        next(pieces)
    assert refusal.value.code == "BLOB_DAMAGED"


@quick
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_found(store: BlobStore, root: Root, data: st.DataObject) -> None:
    """In the header, in a segment, in a tag."""
    content = pattern(data.draw(st.integers(0, SEGMENT + 50)))
    blob_id = put(store, content)
    path = file_of(root, blob_id)
    raw = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    path.write_bytes(raw)
    with pytest.raises(BlobDamaged):
        read(store, blob_id, len(content))


@pytest.mark.parametrize(
    "cut", [1, 1000 + OVERHEAD, SEALED, 2 * SEALED, stored_size(SIZE) - len(HEADER), stored_size(SIZE)]
)
def test_a_cut_blob_gives_out_nothing(store: BlobStore, root: Root, cut: int) -> None:
    """Also when the cut falls between two segments, and the row's size was changed to match."""
    blob_id = put(store, pattern(SIZE))
    path = file_of(root, blob_id)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(BlobDamaged):
        store.reader(blob_id, SIZE, SOME_FILE)
    for size in (SEGMENT, 2 * SEGMENT, 3 * SEGMENT, SIZE - 1, 0):
        with pytest.raises(BlobDamaged):
            store.reader(blob_id, size, SOME_FILE)


def test_a_lengthened_blob_gives_out_nothing(store: BlobStore, root: Root) -> None:
    """Nothing can be hung on behind the last segment."""
    blob_id = put(store, pattern(SIZE))
    path = file_of(root, blob_id)
    path.write_bytes(path.read_bytes() + path.read_bytes()[-1000 - OVERHEAD :])
    for size in (SIZE, SIZE + 1000, SIZE + SEGMENT):
        with pytest.raises(BlobDamaged):
            store.reader(blob_id, size, SOME_FILE)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 2), (0, 2, 1), (2, 1, 0), (1, 1, 1)])
def test_segments_that_were_moved_do_not_open(store: BlobStore, root: Root, order: tuple[int, ...]) -> None:
    """Swapped, repeated, or the last one put elsewhere."""
    content = pattern(3 * SEGMENT)
    blob_id = put(store, content)
    path = file_of(root, blob_id)
    raw = path.read_bytes()[len(HEADER) :]
    segments = [raw[index * SEALED : (index + 1) * SEALED] for index in range(3)]
    path.write_bytes(HEADER + b"".join(segments[index] for index in order))
    with pytest.raises(BlobDamaged):
        read(store, blob_id, len(content))


def test_a_segment_of_another_blob_does_not_open(store: BlobStore, root: Root) -> None:
    """Nor does the whole file under another's name, though both have the same size, owner and project."""
    one, other = put(store, pattern(SIZE)), put(store, pattern(SIZE))
    raw = file_of(root, one).read_bytes()
    overwrite(file_of(root, other), len(HEADER), raw[len(HEADER) : len(HEADER) + SEALED])
    with pytest.raises(BlobDamaged, match="segment 0"):
        read(store, other, SIZE)
    file_of(root, other).write_bytes(raw)
    with pytest.raises(BlobDamaged):
        store.reader(other, SIZE, SOME_FILE)


def test_an_older_blob_of_the_same_id_does_not_come_back(store: BlobStore, root: Root) -> None:
    """A file kept from before it was removed does not open when the id is used again: its key is gone."""
    blob_id = put(store, b"older")
    kept = file_of(root, blob_id).read_bytes()
    store.remove(blob_id)
    with store.writer(blob_id, project(PROJECT), SOME_FILE) as writer:
        writer.write(b"newer")
        writer.finish()
    file_of(root, blob_id).write_bytes(kept)
    with pytest.raises(BlobDamaged):
        store.reader(blob_id, 5, SOME_FILE)


def test_a_blob_that_is_not_there_says_so(store: BlobStore) -> None:
    """As damage: a row that names it was told that it is stored."""
    with pytest.raises(BlobMissing) as refusal:
        store.reader(uuid.uuid4(), 5, SOME_FILE)
    assert isinstance(refusal.value, BlobDamaged)


def test_destroying_the_key_ends_a_running_read(store: BlobStore, keyring: Keyring) -> None:
    """At the next segment, with an error."""
    blob_id = put(store, pattern(SIZE))
    pieces = store.reader(blob_id, SIZE, SOME_FILE).read()
    next(pieces)
    keyring.destroy(blob(blob_id))
    with pytest.raises(KeyDestroyed):
        next(pieces)


def test_removing_a_blob_removes_key_and_file(store: BlobStore, keyring: Keyring, root: Root) -> None:
    """A copy of the file, put back, stays shut; a second removal finds nothing."""
    blob_id = put(store, pattern(SIZE))
    path = file_of(root, blob_id)
    kept = path.read_bytes()
    assert store.remove(blob_id) is True
    assert not store.exists(blob_id)
    assert not keyring.exists(blob(blob_id))
    assert store.remove(blob_id) is False
    path.write_bytes(kept)
    with pytest.raises(KeyDestroyed):
        store.reader(blob_id, SIZE, SOME_FILE)


def test_destroying_a_projects_keyset_shuts_its_blobs(store: BlobStore, keyring: Keyring) -> None:
    """Nothing is rewritten for it."""
    mill, blob_id = uuid.uuid4(), uuid.uuid4()
    keyring.create(project(mill), OWNER)
    with store.writer(blob_id, project(mill), SOME_FILE) as writer:
        writer.finish()
    assert read(store, blob_id, 0) == b""
    assert keyring.destroy(project(mill)) == 2
    with pytest.raises(KeyDestroyed):
        store.reader(blob_id, 0, SOME_FILE)


def test_nothing_is_in_clear_on_disk(store: BlobStore, root: Root) -> None:
    """Neither while a blob is being written, nor when it is stored."""
    marker = b"canary-4b1d" * 20
    blob_id = uuid.uuid4()
    with store.writer(blob_id, project(PROJECT), SOME_FILE) as writer:
        for _ in range(1000):
            writer.write(marker)
        assert list((root.directory / "incoming").iterdir()) != []
        assert b"canary" not in everything_under(root.directory / "incoming")
        writer.finish()
    assert b"canary" not in file_of(root, blob_id).read_bytes()


def overwrite(kept: Kept, offset: int, data: bytes) -> None:
    """Change bytes in the middle."""
    raw = kept.read_bytes()
    kept.write_bytes(raw[:offset] + data + raw[offset + len(data) :])
