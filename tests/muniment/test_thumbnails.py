"""Thumbnails: made of what opens safely, sealed like the image, and gone with it."""

import io
import struct
import uuid
import zlib

import pytest
from PIL import Image, ImageFile

from agents.erasures import erase
from agents.generation.pictures import describe
from agents.models.gateway import Gateway
from agents.runtime import Agents
from agents.thumbnails import EDGE, make, small
from policies.actions import Action
from policies.errors import NotFound
from storage.assets import Asset
from storage.keys.names import KeysetName
from tests.storage.test_metadata import drawn, jpeg, png, webp
from tests.world import Person, World, raw_id

ASKED = "query($id: ID!) { asset(id: $id) { thumbnailUrl } }"


@pytest.fixture
def ada(world: World) -> Person:
    return world.register("ada")


@pytest.fixture
def agents(world: World) -> Agents:
    return Agents(world.house.store, world.house.force, Gateway([]))


def url(world: World, by: Person, asset: str) -> str | None:
    found: str | None = world.ask(ASKED, by, id=asset).data["asset"]["thumbnailUrl"]
    return found


def wide(width: int = 1600, height: int = 900) -> bytes:
    out = io.BytesIO()
    drawn().resize((width, height)).save(out, "JPEG")
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims to be huge and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )


def test_an_uploaded_image_is_queued_by_its_id_and_gets_a_thumbnail(world: World, ada: Person, agents: Agents) -> None:
    """A WebP of at most 512 pixels an edge; the queue and the trail hold ids and sizes."""
    asset = world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg", fileName="a.jpg")
    assert url(world, ada, asset) is None
    make(agents, raw_id(asset))
    found = url(world, ada, asset)
    assert found is not None
    with world.unchanged():
        answer = world.client.get(found)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (EDGE, EDGE * 900 // 1600))
    [told] = world.events("asset.thumbnail_made")
    assert (told["component"], told["details"]["byteSize"]) == ("agent:thumbnails", len(answer.content))
    with world.unchanged():
        make(agents, raw_id(asset))


def test_a_damaged_image_stays_without_and_is_in_the_trail(world: World, ada: Person, agents: Agents) -> None:
    """The job ends well, so that it is not tried for ever; the entry says whose file it is."""
    asset = world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg", fileName="a.jpg")
    [file] = [path for path in world.settings.blob_dir.rglob("*") if path.is_file() and path.stat().st_size > 1000]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    make(agents, raw_id(asset))
    assert url(world, ada, asset) is None
    [told] = world.events("content.damaged")
    assert (told["component"], told["details"]["damage"]) == ("agent:thumbnails", "BLOB_DAMAGED")


def test_only_images_are_queued(world: World, ada: Person) -> None:
    """One job for the picture, none for the text."""
    project = world.project(ada)
    before = len(world.footprint()["queue"])
    world.asset(ada, project)
    assert len(world.footprint()["queue"]) == before
    world.asset(ada, project, wide(), mediaType="image/jpeg")
    assert len(world.footprint()["queue"]) == before + 1


@pytest.mark.parametrize("body", [jpeg(), png(), webp()], ids=["JPEG", "PNG", "WebP"])
def test_a_thumbnail_is_upright_and_says_nothing_of_the_camera(body: bytes) -> None:
    """Whatever the image carries; the picture in it is turned as it is shown."""
    made = small(body)
    assert made is not None
    assert b"canary" not in made
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.size == (40, 61)
        assert dict(picture.getexif()) == {}
        assert "icc_profile" not in picture.info


def broken_tiff() -> bytes:
    """A TIFF whose StripOffsets are text: Pillow raises TypeError."""
    out = io.BytesIO()
    drawn().save(out, "TIFF")
    file = bytearray(out.getvalue())
    (first,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, first)
    places = [first + 2 + 12 * each for each in range(count)]
    (place,) = [place for place in places if struct.unpack_from("<H", file, place) == (273,)]
    struct.pack_into("<H", file, place + 2, 2)
    return bytes(file)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xd8\xff garbage", id="no JPEG inside"),
        pytest.param(wide()[:2000], id="cut"),
        pytest.param(bomb(60_000, 60_000), id="more pixels than Pillow lets pass"),
        pytest.param(bomb(9_000, 9_000), id="more pixels than we do"),
        pytest.param(broken_tiff(), id="an error that no decoder should raise"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", id="a format that is not let in"),
    ],
)
def test_what_does_not_open_safely_stays_without(world: World, ada: Person, agents: Agents, body: bytes) -> None:
    """Neither an error nor a trace; the asset is served as ever."""
    assert small(body) is None
    asset = world.asset(ada, world.project(ada), b"\xff\xd8\xff" + body, mediaType="image/jpeg")
    with world.unchanged():
        make(agents, raw_id(asset))
    assert url(world, ada, asset) is None


def test_a_thumbnail_is_for_those_who_may_open_the_asset(world: World, ada: Person, agents: Agents) -> None:
    """A viewer, whose looking at it is in the trail as reading; not a stranger, nor a key that only writes."""
    bob, eve, project = world.register("bob"), world.register("eve"), world.project(ada)
    asset = world.asset(ada, project, wide(), mediaType="image/jpeg")
    make(agents, raw_id(asset))
    world.share(ada, project, bob, "VIEWER")
    shown = url(world, bob, asset)
    assert shown is not None
    with world.unchanged("content.read"):
        assert world.client.get(shown).status_code == 200
    assert url(world, world.key(ada, "write")[1], asset) is None
    assert world.ask(ASKED, eve, id=asset).code == "NOT_FOUND"
    world.do("unshareProject", ada, projectId=project, email=bob.email).data  # noqa: B018
    with world.unchanged("access.denied"):
        assert world.client.get(shown).status_code == 404


def test_a_thumbnail_goes_with_its_asset(world: World, ada: Person, agents: Agents) -> None:
    """File, key, row and what the queue knew of it; and a run that comes too late makes none."""
    asset = world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg")
    make(agents, raw_id(asset))
    files = world.footprint()["files"]
    assert len(files) == 2
    world.step_up(ada)
    asked = world.do("deleteAsset", ada, wants="deletion { id }", assetId=asset).data["it"]["deletion"]["id"]
    erase(agents, raw_id(asked))
    after = world.footprint()
    assert (after["files"], after["blobs"], after["assets"]) == ([], [], [])
    assert not any(world.house.store.keyring.exists(KeysetName("blob", name)) for name in files)
    with world.unchanged():
        make(agents, raw_id(asset))


def test_nothing_is_made_for_somebody_whose_image_it_is_not(world: World, ada: Person, agents: Agents) -> None:
    """The agent opens the asset of its run for its owner: under another run the door says no."""
    asset = world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg")
    other = raw_id(world.asset(ada, world.project(ada), wide(), mediaType="image/jpeg"))
    owner = raw_id(ada.id)
    with agents.acting("thumbnails", owner, run=other) as (_, access), pytest.raises(NotFound):
        access.get(Asset, raw_id(asset), Action.READ_CONTENT)
    with agents.acting("thumbnails", uuid.uuid4(), run=other) as (_, access), pytest.raises(NotFound):
        access.get(Asset, other, Action.READ_CONTENT)


def _encoded(kind: str, mode: str, size: tuple[int, int], **how: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 128).save(out, kind, **how)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode", "size", "how", "made"),
    [
        ("PNG", "L", (8_000, 8_000), {}, False),
        ("PNG", "RGB", (6_000, 4_000), {}, True),
        ("WEBP", "RGB", (5_000, 5_000), {}, False),
        ("JPEG", "CMYK", (8_000, 8_000), {"progressive": True}, False),
        ("JPEG", "L", (7_000, 7_000), {}, True),
        ("TIFF", "L", (8_000, 8_000), {"compression": "tiff_lzw"}, False),
    ],
)
def test_what_would_take_too_much_memory_is_not_decoded(
    kind: str, mode: str, size: tuple[int, int], how: dict[str, object], made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the pixels that the file claims and what its decoder takes for each; its size is described all the same."""
    body = _encoded(kind, mode, size, **how)
    loads: list[tuple[int, int]] = []
    really = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: (loads.append(self.size), really(self))[1])
    assert (small(body) is not None) is made
    assert bool(loads) is made
    said = describe(body)
    assert said is not None
    assert f"{size[0]} by {size[1]} pixels" in said


def test_any_error_of_a_decoder_means_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is."""
    for error in (
        struct.error("x"),
        TypeError("x"),
        KeyError("x"),
        ZeroDivisionError(),
        AssertionError(),
        MemoryError(),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(ImageFile.ImageFile, "load", _raising(error))
            assert small(png()) is None
            assert describe(png()) is None
    assert small(png()) is not None


def _raising(error: Exception) -> object:
    def fail(*_: object) -> None:
        raise error

    return fail
