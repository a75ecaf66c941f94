"""Files that rows name and storage does not have: found, recorded, counted, and in nobody's way."""

import io
import uuid
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents import imports
from agents.exports import build_export
from agents.imports import Wishes
from agents.models.gateway import Gateway
from agents.runtime import Agents
from agents.thumbnails import make
from muniment import controls
from storage.archives import reading
from storage.archives.verifying import examine
from storage.assets import Asset, Blob
from storage.clock import now
from storage.controls import measures
from storage.damages import Damage
from storage.database import transaction
from storage.exports import Export, ExportStatus
from storage.keys.names import blob_keyset
from storage.ledger import signing
from storage.missing_files import MissingFiles
from tests.muniment.test_thumbnails import wide
from tests.world import TEXT, Person, World, raw_id

LOSSES = {"file": Damage.GONE, "keyset": Damage.LOST}


@pytest.fixture
def agents(world: World) -> Agents:
    return Agents(world.house.store, world.house.force, Gateway([]))


def row(world: World, model: Any, row_id: uuid.UUID) -> Any:
    with transaction(world.house.store.engine, read_only=True) as session:
        return session.get(model, row_id)


def lose(world: World, blob_id: uuid.UUID, loss: str) -> bytes:
    """Take a file away, or its keyset, as no part of the product does; answers what the file held."""
    (file,) = (path for path in Path(world.settings.blob_dir).rglob(str(blob_id)) if path.is_file())
    held = file.read_bytes()
    if loss == "file":
        file.unlink()
    else:
        world.house.store.keyring.destroy(blob_keyset(blob_id))
    return held


def amiss(world: World) -> int:
    with transaction(world.house.store.engine, read_only=True) as session:
        return measures.measure(session, "files-present", now())


@pytest.mark.parametrize("loss", LOSSES)
def test_a_missing_file_is_found_recorded_once_and_counted(world: World, loss: str) -> None:
    """By rounds of a few, wherever they begin; and it is no finding any more once it was restored."""
    ada = world.register("ada")
    project = world.project(ada)
    assets = [world.asset(ada, project) for _ in range(7)]
    gone = row(world, Asset, raw_id(assets[3])).blob_id
    check, scope = MissingFiles(world.house.store, most=2), controls.scope(world.house)
    for _ in range(5):
        assert check.look(scope) == 0
    held = lose(world, gone, loss)
    assert sum(check.look(scope) for _ in range(5)) == 1
    assert sum(MissingFiles(world.house.store).look(scope) for _ in range(3)) == 0
    (event,) = world.events("content.damaged")
    assert event["details"] == {"place": "blobs.file", "damage": LOSSES[loss].value}
    assert event["resourceId"] == str(gone)
    assert amiss(world) == 1
    if loss == "file":
        world.house.store.blobs.put_back(gone, [held])
        assert MissingFiles(world.house.store).look(scope) == 0
        assert amiss(world) == 0


def test_what_is_being_deleted_is_not_missing(world: World) -> None:
    """A deletion takes the file before the row: no finding."""
    ada = world.register("ada")
    asset = world.asset(ada, world.project(ada))
    world.step_up(ada)
    lose(world, row(world, Asset, raw_id(asset)).blob_id, "file")
    world.do("deleteAsset", ada, assetId=asset).data  # noqa: B018 - fails the test where it did not work
    assert MissingFiles(world.house.store).look(controls.scope(world.house)) == 0
    assert (amiss(world), world.events("content.damaged")) == (0, [])


def test_a_missing_file_is_a_coded_answer(world: World, agents: Agents, subtests: pytest.Subtests) -> None:
    """Of an asset, of a thumbnail, whole or in part; without a word from inside."""
    ada = world.register("ada")
    asset = world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg", fileName="a.jpg")
    make(agents, raw_id(asset))
    found = world.ask("query($id: ID!) { asset(id: $id) { contentUrl thumbnailUrl } }", ada, id=asset).data["asset"]
    kept = row(world, Asset, raw_id(asset))
    for url, blob_id in ((found["contentUrl"], kept.blob_id), (found["thumbnailUrl"], kept.thumbnail_id)):
        lose(world, blob_id, "file")
        for headers in ({}, {"range": "bytes=0-9"}):
            with subtests.test(url=url[:12], headers=headers):
                got = world.client.get(url, headers=headers)
                assert (got.status_code, got.json()["errors"][0]["extensions"]["code"]) == (410, "CONTENT_MISSING")
                assert str(blob_id) not in got.text


@pytest.mark.parametrize("loss", LOSSES)
def test_an_export_names_what_is_missing_and_holds_the_rest(world: World, agents: Agents, loss: str) -> None:
    """Manifest and page say which and why; the archive is verified as unchanged, and is taken in elsewhere."""
    ada = world.register("ada")
    project = world.project(ada)
    kept, gone = (world.asset(ada, project, fileName=name) for name in ("kept.txt", "gone.txt"))
    lose(world, row(world, Asset, raw_id(gone)).blob_id, loss)
    archive = _exported(world, agents, ada)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        manifest, page = orjson.loads(opened.read("manifest.json")), opened.read("README.html").decode()
        names = opened.namelist()
    path = f"assets/{raw_id(gone)}/gone.txt"
    assert manifest["missing"] == [
        {"path": path, "assetId": str(raw_id(gone)), "bytes": len(TEXT), "reason": LOSSES[loss].value}
    ]
    assert path not in names
    assert f"assets/{raw_id(kept)}/kept.txt" in names
    assert page.count("Its bytes are missing") == 1
    store = world.house.store
    report = examine(io.BytesIO(archive), signing.log_key(store.origin, store.keyring))
    assert (report.ok, report.exit_code, report.missing) == (True, 0, 1)
    assert any(path in line for line in report.lines)
    assert "not complete" in report.lines[0]
    nova = raw_id(world.register("nova").id)
    taken = reading.open_archive(io.BytesIO(archive), signing.known_keys(store.origin, store.keyring), 10**9)
    assert imports.take_in(agents, nova, taken, Wishes(upload_bytes=10**6)).files == 1
    with transaction(store.engine, read_only=True) as session:
        theirs = session.query(Asset).where(Asset.owner_id == nova).all()
    assert sorted((each.status.value, each.blob_id is None) for each in theirs) == [
        ("AVAILABLE", False),
        ("AWAITING_UPLOAD", True),
    ]
    assert {damaged["details"]["damage"] for damaged in world.events("content.damaged")} == {LOSSES[loss].value}


def test_an_export_of_all_that_is_there_names_nothing(world: World, agents: Agents) -> None:
    """Its manifest is as it has always been."""
    ada = world.register("ada")
    world.asset(ada, world.project(ada))
    with zipfile.ZipFile(io.BytesIO(_exported(world, agents, ada))) as opened:
        assert "missing" not in orjson.loads(opened.read("manifest.json"))


def _exported(world: World, agents: Agents, person: Person) -> bytes:
    world.step_up(person)
    asked = world.do("requestExport", person, wants="export { id }", scope="ACCOUNT").data
    export = raw_id(asked["it"]["export"]["id"])
    build_export(agents, export)
    found = row(world, Export, export)
    assert found.status is ExportStatus.READY
    assert row(world, Blob, found.blob_id).byte_size == found.byte_size
    return b"".join(agents.store.blobs.reader(found.blob_id, found.byte_size, found.file).read())
