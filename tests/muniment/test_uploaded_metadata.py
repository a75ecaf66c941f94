"""The preference `stripMetadata`, acted upon: what the owner wants gone is gone before anything is sealed."""

import hashlib
import io

import pytest
from PIL import Image

from tests.storage.test_metadata import drawn, jpeg, png
from tests.world import Person, World

STATE = "query($id: ID!) { asset(id: $id) { status byteSize checksum metadataHandling } }"


def _prefer(world: World, person: Person, wish: bool) -> None:
    world.do("updatePrivacyPreferences", person, stripMetadata=wish).data  # noqa: B018 - fails where it did not work


def _put(world: World, by: Person, project: str, body: bytes, media_type: str = "image/jpeg") -> str:
    asset, url = world.announce(by, project, len(body), mediaType=media_type, fileName="a.jpg")
    assert world.client.put(url, content=body).status_code == 201
    return asset


def _state(world: World, by: Person, asset: str) -> dict[str, object]:
    found: dict[str, object] = world.ask(STATE, by, id=asset).data["asset"]
    return found


def test_an_image_loses_its_metadata_if_its_owner_says_so(world: World) -> None:
    """Size and checksum are those of what is kept and served; the asset and the trail say what was done."""
    ada, body = world.register("ada"), jpeg()
    _prefer(world, ada, True)
    asset, url = world.announce(ada, world.project(ada), len(body), mediaType="image/jpeg")
    answer = world.client.put(url, content=body)
    served = world.client.get(world.content_url(ada, asset)).content
    assert b"canary" not in served
    assert len(served) < len(body)
    assert answer.json() == {"status": "AVAILABLE", "byteSize": len(served)}
    assert _state(world, ada, asset) == {
        "status": "AVAILABLE",
        "byteSize": len(served),
        "checksum": "sha256:" + hashlib.sha256(served).hexdigest(),
        "metadataHandling": "REMOVED",
    }
    [told] = world.events("asset.uploaded")
    assert (told["details"]["byteSize"], told["details"]["metadata"]) == (len(served), "REMOVED")
    with Image.open(io.BytesIO(body)) as before, Image.open(io.BytesIO(served)) as after:
        assert after.tobytes() == before.tobytes()
        assert dict(after.getexif()) == {0x0112: 6}


def test_without_the_wish_a_file_is_kept_as_it_was_sent(world: World) -> None:
    """Byte for byte: everything optional is off until the contributor switches it on, and off again when they do."""
    ada, body = world.register("ada"), png()
    project = world.project(ada)
    asset = _put(world, ada, project, body, "image/png")
    _prefer(world, ada, True)
    _prefer(world, ada, False)
    other = _put(world, ada, project, body, "image/png")
    for each in (asset, other):
        assert world.client.get(world.content_url(ada, each)).content == body
        assert _state(world, ada, each)["metadataHandling"] == "AS_SENT"


def test_the_wish_of_the_projects_owner_counts_not_the_uploaders(world: World) -> None:
    """An editor who wants nothing removed uploads into a project whose owner does, and the other way round."""
    ada, bob = world.register("ada"), world.register("bob")
    hers, his = world.project(ada), world.project(bob)
    world.share(ada, hers, bob, "EDITOR")
    world.share(bob, his, ada, "EDITOR")
    _prefer(world, ada, True)
    assert _state(world, ada, _put(world, bob, hers, jpeg()))["metadataHandling"] == "REMOVED"
    assert _state(world, ada, _put(world, ada, his, jpeg()))["metadataHandling"] == "AS_SENT"


@pytest.mark.parametrize("media_type", ["application/pdf", "image/gif", "image/tiff", "audio/mpeg"])
def test_what_cannot_be_removed_is_told(world: World, media_type: str) -> None:
    """A type that nothing here can follow is kept as sent, and says so."""
    heads = {"application/pdf": b"%PDF-", "image/gif": b"GIF89a", "image/tiff": b"II*\x00", "audio/mpeg": b"ID3"}
    ada, body = world.register("ada"), heads[media_type] + b"canary" * 20
    _prefer(world, ada, True)
    asset = _put(world, ada, world.project(ada), body, media_type)
    assert _state(world, ada, asset)["metadataHandling"] == "NOT_REMOVABLE"
    assert world.client.get(world.content_url(ada, asset)).content == body


def test_an_image_that_cannot_be_followed_is_turned_away(world: World) -> None:
    """It begins as a JPEG and is none inside: nothing of it is kept, and the asset waits for another file."""
    ada, body = world.register("ada"), b"\xff\xd8\xff\xe1\x00\x01" + b"canary" * 50
    _prefer(world, ada, True)
    asset, url = world.announce(ada, world.project(ada), len(body), mediaType="image/jpeg")
    with world.unchanged("asset.upload_refused"):
        answer = world.client.put(url, content=body)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "BAD_USER_INPUT")
    assert "save the image anew" in error["message"]
    assert world.events("asset.upload_refused")[-1]["details"]["reason"] == "WRONG_TYPE"
    assert _state(world, ada, asset)["status"] == "AWAITING_UPLOAD"


def test_nothing_removed_is_anywhere_in_clear_or_sealed(world: World) -> None:
    """No file and no row has the marker, and what was dropped was never written: the files are too short to hold it."""
    ada, body = world.register("ada"), png()
    _prefer(world, ada, True)
    _put(world, ada, world.project(ada), body, "image/png")
    assert b"canary" not in world.everything_kept()
    [kept] = [path for path in world.settings.blob_dir.rglob("*") if path.is_file()]
    out = io.BytesIO()
    drawn("RGBA").save(out, "PNG")
    assert kept.stat().st_size < len(body)
