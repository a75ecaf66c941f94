"""The newest checkpoint in an object store: one object, never put back behind a newer one."""

from collections.abc import Iterator

import pytest

from storage.ledger.buckets import Bucket, BucketRefused, BucketUnreachable
from storage.ledger.checkpoint import CheckpointRefused
from tests.services.bucket import S3, serving

PLACE = "/trail/of/ours/checkpoint"


@pytest.fixture
def s3() -> Iterator[S3]:
    with serving() as running:
        yield running


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket.at(s3.reach(monkeypatch), inside_too=True)


def note(size: int) -> str:
    return f"muniment.local\n{size}\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u2014 muniment.local AAAAAAAA\n"


def test_what_was_put_is_what_lies_there(bucket: Bucket, s3: S3) -> None:
    """Under the prefix, byte for byte, and nothing else beside it; before the first there is nothing."""
    assert bucket.newest() is None
    for size in (1, 5, 5, 9):
        bucket.put(note(size), size)
        assert bucket.newest() == note(size)
    assert s3.objects == {PLACE: note(9).encode()}


def test_an_older_checkpoint_never_takes_the_place_of_a_newer_one(bucket: Bucket, s3: S3) -> None:
    """Not even where the newer one comes between look and write: it is looked at again."""
    bucket.put(note(9), 9)
    bucket.put(note(8), 8)
    assert bucket.newest() == note(9)
    s3.before_put = lambda path: s3.objects.update({path: note(20).encode()})
    bucket.put(note(10), 10)
    assert bucket.newest() == note(20)
    del s3.objects[PLACE]
    s3.before_put = lambda path: s3.objects.update({path: note(20).encode()})
    bucket.put(note(10), 10)
    assert bucket.newest() == note(20)
    s3.before_put = lambda path: s3.objects.update({path: note(21).encode()})
    bucket.put(note(30), 30)
    assert bucket.newest() == note(30)


def test_what_is_no_checkpoint_is_not_written_over(bucket: Bucket, s3: S3) -> None:
    """Somebody has to look."""
    s3.objects[PLACE] = b"noise"
    with pytest.raises(CheckpointRefused):
        bucket.put(note(1), 1)
    assert (bucket.newest(), s3.objects) == ("noise", {PLACE: b"noise"})


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
def test_a_store_that_refuses_is_unreachable(bucket: Bucket, s3: S3, status: int) -> None:
    """Neither taken for empty nor for written; and then all is well."""
    bucket.put(note(1), 1)
    s3.status = status
    with pytest.raises(BucketUnreachable):
        bucket.newest()
    with pytest.raises(BucketUnreachable):
        bucket.put(note(2), 2)
    s3.status = None
    assert bucket.newest() == note(1)
    bucket.put(note(2), 2)
    assert bucket.newest() == note(2)


def test_a_store_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens."""
    with serving() as gone:
        bucket = Bucket.at(gone.reach(monkeypatch), inside_too=True)
    with pytest.raises(BucketUnreachable):
        bucket.newest()


def test_a_store_in_clear_is_not_asked(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside development an http endpoint is refused before a byte leaves."""
    bucket = Bucket.at(s3.reach(monkeypatch))
    with pytest.raises(BucketUnreachable):
        bucket.newest()
    with pytest.raises(BucketUnreachable):
        bucket.put(note(1), 1)
    assert s3.asked == []


@pytest.mark.parametrize(
    "url",
    ["", "bucket", "/a/directory", "file:///a/directory", "memory:///", "https://bucket.example/x", "s3://", "s3:///x",
     "s3://key@bucket/x", "s3://bucket/x?a=b", "s3://bucket/x#y"],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    """A directory has a setting of its own, and nobody's password belongs into an address."""
    with pytest.raises(BucketRefused):
        Bucket.at(url)
