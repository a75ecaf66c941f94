"""Files in format 1 open, are bound in the background, and open as nothing but what they are bound to."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from agents.erasures import erase
from agents.exports import build_export
from agents.models.gateway import Gateway
from agents.runtime import Agents
from agents.thumbnails import make
from muniment import controls
from storage import exports
from storage.assets import Asset, Blob
from storage.blobs.contexts import FileKind
from storage.blobs.segments import HEADER, UNBOUND
from storage.database import transaction
from storage.exports import Export, ExportStatus
from storage.file_bindings import FileBindings, count_unbound
from storage.keys.names import blob_keyset
from storage.scrubbing import scrub
from tests.muniment.test_thumbnails import wide
from tests.unbound_files import unbound
from tests.world import TEXT, Person, World, raw_id

CONTENT = "query($id: ID!) { asset(id: $id) { contentUrl thumbnailUrl } }"


@pytest.fixture
def agents(world: World) -> Agents:
    return Agents(world.house.store, world.house.force, Gateway([]))


@pytest.fixture
def ada(world: World) -> Person:
    return world.register("ada")


def file_of(world: World, blob_id: uuid.UUID | None) -> Path:
    (file,) = (path for path in Path(world.settings.blob_dir).rglob(str(blob_id)) if path.is_file())
    return file


def row(world: World, asset: str) -> Asset:
    with transaction(world.house.store.engine, read_only=True) as session:
        return session.get_one(Asset, raw_id(asset))


def blobs_of(world: World, asset: str) -> dict[uuid.UUID, FileKind | None]:
    with transaction(world.house.store.engine, read_only=True) as session:
        return {blob.id: blob.kind for blob in session.scalars(select(Blob).where(Blob.object_id == raw_id(asset)))}


def left(world: World) -> int:
    with transaction(world.house.store.engine, read_only=True) as session:
        return count_unbound(session)


def bind(world: World, bindings: FileBindings | None = None, go_on: Any = lambda: None) -> int:
    return (bindings or FileBindings(world.house.store)).bind_some(controls.scope(world.house), go_on)


def got(world: World, person: Person, asset: str, what: str = "contentUrl") -> bytes:
    url = world.ask(CONTENT, person, id=asset).data["asset"][what]
    response = world.client.get(url)
    assert response.status_code == 200
    return response.content


def test_old_files_open_and_are_bound(world: World, agents: Agents, ada: Person) -> None:
    """Content and thumbnail; the old files go with their keys in the round after."""
    with unbound(world.house.store):
        asset = world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg", fileName="a.jpg")
        make(agents, raw_id(asset))
    old = row(world, asset)
    assert file_of(world, old.blob_id).read_bytes().startswith(UNBOUND)
    before = got(world, ada, asset), got(world, ada, asset, "thumbnailUrl")
    assert left(world) == 2
    assert bind(world) == 2
    new = row(world, asset)
    assert {new.blob_id, new.thumbnail_id}.isdisjoint({old.blob_id, old.thumbnail_id})
    assert file_of(world, new.blob_id).read_bytes().startswith(HEADER)
    assert (got(world, ada, asset), got(world, ada, asset, "thumbnailUrl")) == before
    assert bind(world) == 0
    assert blobs_of(world, asset) == {new.blob_id: FileKind.CONTENT, new.thumbnail_id: FileKind.THUMBNAIL}
    for gone in (old.blob_id, old.thumbnail_id):
        assert gone is not None
        assert not world.house.store.blobs.exists(gone)
        assert not world.house.store.keyring.exists(blob_keyset(gone))
    assert left(world) == 0
    events = world.events("asset.file_bound")
    assert [event["resourceId"] for event in events] == [str(raw_id(asset))] * 2
    assert scrub(world.house.store).findings == []


def test_a_transfer_that_began_with_the_old_file_ends_with_it(world: World, ada: Person) -> None:
    """A reader that was opened before the file was bound reads it to its end."""
    with unbound(world.house.store):
        asset = world.asset(ada, world.project(ada))
    old = row(world, asset)
    assert old.blob_id is not None
    pieces = world.house.store.blobs.reader(old.blob_id, old.byte_size, old.file(FileKind.CONTENT)).read()
    assert bind(world) == 1
    assert b"".join(pieces) == TEXT


def test_the_old_file_stays_while_an_export_of_its_owner_runs(world: World, agents: Agents, ada: Person) -> None:
    """It is removed in the first round after the export has ended."""
    with unbound(world.house.store):
        asset = world.asset(ada, world.project(ada))
    world.step_up(ada)
    asked = world.do("requestExport", ada, wants="export { id }", scope="ACCOUNT").data
    export = raw_id(asked["it"]["export"]["id"])
    with transaction(world.house.store.engine) as session:
        exports.start(session, export)
    old = row(world, asset).blob_id
    assert old is not None
    assert (bind(world), bind(world)) == (1, 0)
    assert world.house.store.blobs.exists(old)
    build_export(agents, export)
    bind(world)
    assert not world.house.store.blobs.exists(old)
    with transaction(world.house.store.engine, read_only=True) as session:
        assert session.get_one(Export, export).status is ExportStatus.READY


def test_a_deletion_takes_old_and_new(world: World, agents: Agents, ada: Person) -> None:
    """The one that was replaced, and is not removed yet, too."""
    with unbound(world.house.store):
        asset = world.asset(ada, world.project(ada))
    bind(world)
    both = blobs_of(world, asset)
    assert len(both) == 2
    world.step_up(ada)
    asked = world.do("deleteAsset", ada, wants="deletion { id }", assetId=asset).data
    assert bind(world) == 0
    assert blobs_of(world, asset) == both
    erase(agents, raw_id(asked["it"]["deletion"]["id"]))
    assert blobs_of(world, asset) == {}
    for blob_id in both:
        assert not world.house.store.blobs.exists(blob_id)


def test_what_is_being_deleted_is_not_written_anew(world: World, ada: Person) -> None:
    """No new file, no new row, no event."""
    with unbound(world.house.store):
        asset = world.asset(ada, world.project(ada))
    world.step_up(ada)
    world.do("deleteAsset", ada, assetId=asset).data  # noqa: B018 - fails the test where it did not work
    before = blobs_of(world, asset)
    assert bind(world) == 0
    assert blobs_of(world, asset) == before
    assert world.events("asset.file_bound") == []
    assert {path.name for path in Path(world.settings.blob_dir).rglob("*") if path.is_file()} == set(map(str, before))


def test_a_file_that_does_not_open_keeps_no_other_from_being_bound(world: World, ada: Person) -> None:
    """It stays as it is."""
    project = world.project(ada)
    with unbound(world.house.store):
        assets = [world.asset(ada, project) for _ in range(3)]
    broken = file_of(world, row(world, assets[0]).blob_id)
    whole = broken.read_bytes()
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    broken.write_bytes(damaged)
    assert (bind(world), bind(world)) == (2, 0)
    assert (left(world), broken.read_bytes()) == (1, damaged)
    assert world.events("content.damaged") == []


def test_rounds_are_bounded_and_go_on(world: World, ada: Person) -> None:
    """A round without time binds nothing more, and the next begins where it ended."""
    project = world.project(ada)
    with unbound(world.house.store):
        for _ in range(3):
            world.asset(ada, project)
    asked: list[int] = []

    class Ended(Exception):
        """The process ends."""

    def once() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Ended

    with pytest.raises(Ended):
        bind(world, go_on=once)
    assert len(world.events("asset.file_bound")) == 1
    assert bind(world, FileBindings(world.house.store, seconds=0)) == 0
    assert bind(world) == 2


@pytest.mark.parametrize("other", ["owner", "object", "thumbnail"])
def test_a_row_that_points_to_another_file_opens_nothing(world: World, ada: Person, other: str) -> None:
    """Even where it names the other file's key, size and project: what S14 did with the database alone."""
    bob = world.register("bob")
    mine = world.asset(ada, world.project(ada), TEXT)
    theirs = world.asset(bob if other == "owner" else ada, world.project(bob if other == "owner" else ada), TEXT[::-1])
    stolen = row(world, theirs)
    values: dict[str, Any] = {"blob_id": stolen.blob_id, "byte_size": stolen.byte_size}
    if other == "thumbnail":
        values = {"thumbnail_id": row(world, mine).blob_id, "thumbnail_size": len(TEXT)}
    with transaction(world.house.store.engine) as session:
        session.execute(update(Asset).where(Asset.id == raw_id(mine)).values(**values))
    found = world.ask(CONTENT, ada, id=mine).data["asset"]
    url = found["thumbnailUrl" if other == "thumbnail" else "contentUrl"]
    response = world.client.get(url)
    assert response.status_code == 500
    assert TEXT[::-1] not in response.content
    assert TEXT not in response.content
    assert len(world.events("content.damaged")) == 1


def test_every_file_that_is_stored_now_is_bound(world: World, agents: Agents, ada: Person) -> None:
    """Content, thumbnail and archive."""
    asset = world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg", fileName="a.jpg")
    make(agents, raw_id(asset))
    world.step_up(ada)
    asked = world.do("requestExport", ada, wants="export { id }", scope="ACCOUNT").data
    build_export(agents, raw_id(asked["it"]["export"]["id"]))
    with transaction(world.house.store.engine, read_only=True) as session:
        counted = session.execute(select(Blob.kind, func.count()).group_by(Blob.kind)).all()
    assert set(map(tuple, counted)) == {(kind, 1) for kind in FileKind}
    assert bind(world) == 0
