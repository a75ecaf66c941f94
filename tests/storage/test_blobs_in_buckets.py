"""Blobs in a bucket: what differs from a directory. The service is real, speaks on the wire, and can be gone."""

import os
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.assets import Blob
from storage.blobs.errors import BlobExists, BlobStoreRefused, BlobStoreUnavailable
from storage.blobs.objects import PublishedObjects
from storage.blobs.segments import SEGMENT
from storage.blobs.store import BlobStore
from storage.keys.keyring import Keyring
from storage.scrubbing import scrub
from storage.work import Store
from tests.services.s3 import S3, Bucket
from tests.storage.keyrings import SOME_FILE, blob, contributor, keyring_in, pattern, project, second_process
from tests.storage.test_blobs import put, read
from tests.world import agent_scope

OWNER, PROJECT, BLOB = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=0xABC)
SECONDS = 1.0
"""How long an impatient store waits. Others wait as long as they do at work: what goes well may take its time."""

LARGE = pattern(20 * 1024 * 1024 + 5)
"""More than goes in one request."""

DYING = """
import os, signal, sys, uuid
from pathlib import Path
import obstore
from storage.blobs.objects import PublishedObjects
from storage.blobs.store import BlobStore
from tests.storage.keyrings import SOME_FILE, open_keyring, pattern, project

home, bucket, endpoint, moment = sys.argv[1:5]
PROJECT, BLOB, LARGE = uuid.UUID(sys.argv[5]), uuid.UUID(sys.argv[6]), pattern(int(sys.argv[7]))
store = BlobStore(Path(home, "data"), open_keyring(Path(home)), PublishedObjects(bucket, endpoint=endpoint))
publish = obstore.put

def dying(*given, **named):
    if moment == "after":
        publish(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    class Dying:
        def __init__(self, content): self.content, self.left = content, 2
        def read(self, size=-1):
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return self.content.read(size)
    store_, path, content = given
    return publish(store_, path, iter(lambda: reading.read(8 << 20), b"") if (reading := Dying(content)) else None, **named)

obstore.put = dying
writer = store.partials.writer(store.partials.claim(BLOB), project(PROJECT), SOME_FILE)
writer.write(LARGE)
writer.save("all of it")
print("saved", flush=True)
writer.finish()
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3.running(tmp_path_factory.mktemp("s3")) as s3, pytest.MonkeyPatch.context() as patch:
        for variable, value in s3.environment.items():
            patch.setenv(variable, value)
        yield s3


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    return s3.bucket()


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    """A keyring with one contributor's keyset and one project's."""
    with keyring_in(tmp_path) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        keyring.create(project(PROJECT), OWNER)
        yield keyring


@pytest.fixture
def store(s3: S3, bucket: Bucket, keyring: Keyring, tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "data", keyring, PublishedObjects(f"{bucket.address}/blobs", endpoint=s3.endpoint))


@pytest.fixture
def impatient(s3: S3, bucket: Bucket, keyring: Keyring, tmp_path: Path) -> BlobStore:
    """The same blobs, for whoever waits for a service that is silent."""
    published = PublishedObjects(f"{bucket.address}/blobs", endpoint=s3.endpoint, seconds=SECONDS)
    return BlobStore(tmp_path / "data", keyring, published)


def left_on_disk(home: Path) -> list[Path]:
    return [path for path in (home / "data").rglob("*") if path.is_file()]


def test_a_large_blob_is_read_from_anywhere(store: BlobStore, bucket: Bucket, tmp_path: Path, s3: S3) -> None:
    """It went in parts; nothing of it stays on disk, nothing in clear came to the bucket."""
    blob_id = put(store, LARGE, step=3 << 20)
    assert bucket.paths() == [f"{blob_id.hex[-2:]}/{blob_id}"]
    assert left_on_disk(tmp_path) == []
    assert s3.unfinished(bucket) == 0
    for bounds in ((0, 10), (SEGMENT - 5, SEGMENT + 5), (9 << 20, 14 << 20), (len(LARGE) - 7, len(LARGE))):
        assert read(store, blob_id, len(LARGE), *bounds) == LARGE[slice(*bounds)]
    assert read(store, blob_id, len(LARGE)) == LARGE
    assert LARGE[: 4 * SEGMENT : SEGMENT] not in bucket.read(bucket.paths()[0])


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_what_is_stored_is_never_overwritten(store: BlobStore, bucket: Bucket, tmp_path: Path, size: int) -> None:
    """Not by a second writer, nor by one of another machine that came between."""
    blob_id = put(store, LARGE[:size])
    [path] = bucket.paths()
    before = bucket.read(path)
    with pytest.raises(BlobExists):
        store.writer(blob_id, project(PROJECT), SOME_FILE)
    late = uuid.uuid4()
    with store.writer(late, project(PROJECT), SOME_FILE) as writer:
        writer.write(LARGE[:size])
        bucket.write(f"{late.hex[-2:]}/{late}", b"of another machine")
        with pytest.raises(BlobExists):
            writer.finish()
    assert bucket.read(path) == before
    assert bucket.read(f"{late.hex[-2:]}/{late}") == b"of another machine"
    assert left_on_disk(tmp_path) == []


@pytest.mark.parametrize("moment", ["in parts", "after"])
def test_killed_while_publishing_it_goes_on(
    store: BlobStore, bucket: Bucket, s3: S3, keyring: Keyring, tmp_path: Path, moment: str
) -> None:
    """What was saved is on disk still, sealed; no row names what may be visible, and it is published once."""
    arguments = (tmp_path, f"{bucket.address}/blobs", s3.endpoint, moment, PROJECT, BLOB, len(LARGE))
    with second_process(DYING, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "saved\n"
        process.wait()
    assert store.exists(BLOB) is (moment == "after")
    writer = store.partials.writer(store.partials.claim(BLOB), project(PROJECT), SOME_FILE)
    assert (writer.size, writer.notes) == (len(LARGE), "all of it")
    assert not store.exists(BLOB)
    assert writer.finish() == len(LARGE)
    writer.done()
    assert read(store, BLOB, len(LARGE)) == LARGE
    assert left_on_disk(tmp_path) == []
    assert keyring.exists(blob(BLOB))


def test_the_sweep_takes_what_no_row_names(store: BlobStore, bucket: Bucket, keyring: Keyring) -> None:
    """And its key; the rest, and what is no blob of ours, stays."""
    named, orphan = put(store, b"named"), put(store, b"orphan")
    bucket.write("ff/readme", b"not a blob")
    assert store.sweep({named}, older_than_seconds=3600) == 0
    assert store.sweep({named}, older_than_seconds=-60) == 1
    assert [store.exists(each) for each in (named, orphan)] == [True, False]
    assert [keyring.exists(blob(each)) for each in (named, orphan)] == [True, False]
    assert bucket.read("ff/readme") == b"not a blob"
    assert read(store, named, 5) == b"named"


@pytest.mark.parametrize("outage", ["silent", "hanging_up"])
def test_a_service_that_is_gone_is_a_coded_error_in_time(
    store: BlobStore, impatient: BlobStore, s3: S3, keyring: Keyring, tmp_path: Path, outage: str
) -> None:
    """For every way to use it; nothing is kept in clear, nothing half done is visible, and it goes on afterwards."""
    stored, late = put(store, LARGE[:SEGMENT]), uuid.uuid4()
    reader = impatient.reader(stored, SEGMENT, SOME_FILE)
    with impatient.writer(late, project(PROJECT), SOME_FILE) as writer:
        writer.write(b"late")
        with getattr(s3.relay, outage)():
            for use in (
                writer.finish,
                lambda: impatient.exists(stored),
                lambda: impatient.reader(stored, SEGMENT, SOME_FILE),
                lambda: list(reader.read()),
                lambda: impatient.sweep(set(), older_than_seconds=-60),
            ):
                began = time.monotonic()
                with pytest.raises(BlobStoreUnavailable) as refusal:
                    use()  # type: ignore[operator]
                assert time.monotonic() - began < 4 * SECONDS + 10
                assert refusal.value.code == "BLOB_STORE_UNAVAILABLE"
                assert s3.secret not in "".join(traceback.format_exception(refusal.value))
    assert left_on_disk(tmp_path) == []
    assert not store.exists(late)
    assert not keyring.exists(blob(late))
    assert read(store, stored, SEGMENT) == LARGE[:SEGMENT]


def test_what_the_service_says_is_not_repeated(
    store: BlobStore, bucket: Bucket, s3: S3, keyring: Keyring, tmp_path: Path
) -> None:
    """It may name the credentials that it refused; of a bucket that is not there, only that it failed is said."""
    gone = PublishedObjects("s3://no-such-bucket/blobs", endpoint=s3.endpoint, seconds=SECONDS)
    elsewhere = BlobStore(tmp_path / "elsewhere", keyring, gone)
    with pytest.raises(BlobStoreUnavailable) as refusal, elsewhere.writer(BLOB, project(PROJECT), SOME_FILE) as writer:
        writer.write(b"content")
        writer.finish()
    told = "".join(traceback.format_exception(refusal.value)) + repr(vars(gone))
    assert [word for word in (s3.secret, "<Code>", s3.environment["AWS_ACCESS_KEY_ID"]) if word in told] == []
    assert refusal.value.__context__ is None
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == s3.secret  # it was there to be shown


@pytest.mark.parametrize("address", ["s3://", "s3://A", "https://bucket/x", "s3://bucket/../x y", "bucket"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """Before anything is asked."""
    with pytest.raises(BlobStoreRefused, match="s3://BUCKET/PREFIX"):
        PublishedObjects(address)


@pytest.mark.one_database("sqlite", reason="rows that name blobs are the same on both; the bucket is what is tried")
def test_a_scrub_tries_every_byte_in_the_bucket(
    engine: Engine, store: BlobStore, impatient: BlobStore, bucket: Bucket, s3: S3
) -> None:
    """What was changed, cut or lost there is named; while it does not answer, nothing is said of it, and not for long."""
    sizes = [10, 3 * SEGMENT + 1, 5 * SEGMENT, 2 * SEGMENT, 0, 1]
    ids = [put(store, LARGE[:size]) for size in sizes]
    house = Store(engine, store._keyring, store)
    with house.begin(agent_scope()) as unit:
        unit.session.add_all(
            Blob(
                id=blob_id,
                owner_id=SOME_FILE.owner_id,
                project_id=PROJECT,
                object_id=SOME_FILE.object_id,
                byte_size=size,
                kind=SOME_FILE.kind,
            )
            for blob_id, size in zip(ids, sizes, strict=True)
        )
    whole = scrub(house)
    assert (whole.files, whole.bytes, whole.unread, whole.findings) == (6, sum(sizes), 0, [])

    changed, cut, lost = ids[1], ids[2], ids[3]
    paths = {blob_id: f"{blob_id.hex[-2:]}/{blob_id}" for blob_id in ids}
    raw = bytearray(bucket.read(paths[changed]))
    raw[2 * SEGMENT] ^= 1
    bucket.write(paths[changed], bytes(raw))
    bucket.write(paths[cut], bucket.read(paths[cut])[:-1])
    store._published.remove([lost])
    found = scrub(house)
    assert {(each.column, each.row_id, each.code) for each in found.findings} == {
        ("file", changed, "BLOB_DAMAGED"),
        ("file", cut, "BLOB_DAMAGED"),
        ("file", lost, "BLOB_MISSING"),
    }
    assert (found.files, found.unread) == (3, 0)

    with s3.relay.silent():
        began = time.monotonic()
        silent = scrub(Store(engine, store._keyring, impatient))
    assert (silent.files, silent.unread, silent.findings) == (0, 6, [])
    assert time.monotonic() - began < 30 * SECONDS
    assert [each.code for each in scrub(house).findings] == [each.code for each in found.findings]
