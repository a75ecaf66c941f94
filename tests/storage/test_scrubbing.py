"""A scrub tries all that is sealed, names what does not open, and gives out nothing of it."""

import os
import uuid
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from muniment.cli import app
from storage.assets import Blob
from storage.blobs.published import Sealed
from storage.blobs.reader import BlobReader
from storage.blobs.segments import OVERHEAD, SEGMENT
from storage.database import transaction
from storage.keys.names import blob_keyset
from storage.scrubbing import Finding, Scrubbed, scrub
from tests.beginnings import Beginning
from tests.storage.keyrings import pattern
from tests.world import Person, World, begun, raw_id

BODY = b"ID3" + pattern(2 * SEGMENT + 500)


def found_in(world: World) -> Scrubbed:
    """What a scrub finds."""
    return scrub(world.house.store)


def make(world: World) -> tuple[Person, uuid.UUID]:
    """Somebody, and an asset of theirs with its bytes."""
    ada = world.register("ada")
    return ada, raw_id(world.asset(ada, world.project(ada), BODY, mediaType="audio/mpeg"))


pytestmark = pytest.mark.begins_with("asset", fill=begun(make))


@pytest.fixture
def asset(beginning: Beginning) -> uuid.UUID:
    """An asset with its bytes."""
    found: uuid.UUID = beginning.left[1]
    return found


@pytest.fixture
def ada(asset: uuid.UUID, beginning: Beginning) -> Person:
    """Whose it is."""
    found: Person = beginning.left[0]
    return found


@pytest.fixture
def file(world: World, asset: uuid.UUID) -> Path:
    """Its file."""
    [path] = world.settings.blob_dir.glob("??/*")
    return path


def test_what_is_whole_opens(world: World, asset: uuid.UUID) -> None:
    """Every value and every byte is tried, nothing is changed, nothing recorded."""
    with world.unchanged():
        found = found_in(world)
    assert (found.files, found.bytes, found.findings) == (1, len(BODY), [])
    assert found.values > 8


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_damaged_segment_is_found_wherever_it_is(world: World, file: Path, segment: int) -> None:
    """Nobody has to fetch the file to find out; the finding names it and says why."""
    place = 100 + segment * (SEGMENT + OVERHEAD)
    damaged = bytearray(file.read_bytes())
    damaged[place] ^= 1
    file.write_bytes(damaged)
    found = found_in(world)
    assert (found.unread, found.files) == (0, 0)
    assert found.findings == [Finding("blobs", "file", uuid.UUID(file.name), "BLOB_DAMAGED")]


def test_a_cut_and_a_missing_file_are_found(world: World, file: Path) -> None:
    """A row that names what is not there."""
    os.truncate(file, file.stat().st_size - 1)
    assert [each.code for each in found_in(world).findings] == ["BLOB_DAMAGED"]
    file.unlink()
    assert [each.code for each in found_in(world).findings] == ["BLOB_MISSING"]


def test_a_destroyed_key_is_found(world: World, file: Path) -> None:
    """The file is there, and shut for good."""
    world.house.store.keyring.destroy(blob_keyset(uuid.UUID(file.name)))
    assert [each.code for each in found_in(world).findings] == ["KEY_DESTROYED"]


def test_a_changed_and_a_moved_value_are_found(world: World, ada: Person, asset: uuid.UUID) -> None:
    """By table, column and id; the other values of the row are tried all the same."""
    before = found_in(world).values
    with world.house.store.engine.begin() as connection:
        connection.execute(text("UPDATE assets SET title = description"))
    found = found_in(world)
    assert found.findings == [Finding("assets", "title", asset, "SEALED_DAMAGED")]
    assert found.values == before - 1


def test_what_is_erased_meanwhile_is_no_finding(world: World, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row was read, then key, file and row went."""
    opening = BlobReader.__init__

    def erased_first(reader: BlobReader, *arguments: object, **named: object) -> None:
        world.house.store.blobs.remove(uuid.UUID(file.name))
        with world.house.store.engine.begin() as connection:
            connection.execute(text("DELETE FROM blobs"))
        opening(reader, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(BlobReader, "__init__", erased_first)
    assert found_in(world).findings == []


@pytest.mark.one_database("sqlite", reason="the command opens what MUNIMENT_DATABASE_URL names; one is enough")
def test_the_command_tells_and_says_by_its_exit_code(world: World, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 where everything opens, 1 with a line for each that does not; no content, no key."""
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", world.settings.database_url)
    command = ["scrub", "--home", str(world.settings.home)]
    good = CliRunner().invoke(app, command)
    assert (good.exit_code, good.output.startswith("Everything opens: ")) == (0, True)
    file.unlink()
    bad = CliRunner().invoke(app, command)
    assert bad.exit_code == 1
    assert f"BLOB_MISSING: file of blobs {file.name}" in bad.output


def test_seeking_costs_the_same_at_the_end_as_at_the_start(
    world: World, asset: uuid.UUID, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte anywhere takes the last segment, which proves the length, and its own: never those in between."""
    opened: list[int] = []
    opening = BlobReader._segment

    def counted(reader: BlobReader, raw: Sealed, bound: bytes, index: int, until: int) -> bytes:
        opened.append(index)
        return opening(reader, raw, bound, index, until)

    monkeypatch.setattr(BlobReader, "_segment", counted)
    with transaction(world.house.store.engine, read_only=True) as session:
        blob = session.get_one(Blob, uuid.UUID(file.name))
    for place in (0, SEGMENT, len(BODY) - 1):
        reader = world.house.store.blobs.reader(blob.id, len(BODY), blob.file)
        assert b"".join(reader.read(place, place + 1)) == BODY[place : place + 1]
    assert opened == [2, 0, 2, 1, 2, 2]
