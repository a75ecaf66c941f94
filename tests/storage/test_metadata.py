"""Metadata leaves, pixels stay: whatever the picture, and in whatever pieces it comes."""

import io
import json
import struct
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from storage.metadata import REMOVABLE, MetadataUnreadable, Walker, scrubber
from storage.metadata.orientation import orientation_of, tiff_with
from storage.metadata.walker import HELD

SECRETS = (b"Canary Lane 7", b"canary-camera", b"canary-xmp", b"canary-text", b"canary-after", b"canary-iptc")
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>canary-xmp</x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def drawn(mode: str = "RGB") -> Image.Image:
    """A picture in which no two corners are alike."""
    picture = Image.radial_gradient("L").resize((61, 40)).convert(mode)
    picture.paste(200 if mode == "L" else (250, 20, 20), (0, 0, 9, 9))
    return picture


def exif(orientation: int = 6) -> Image.Exif:
    """Where, with what, and which way up."""
    found = Image.Exif()
    found[0x0112], found[0x010F], found[0x9286] = orientation, "canary-camera", "Canary Lane 7"
    found.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 1.0), 3: "E", 4: (16.0, 22.0, 2.0)})
    return found


def jpeg(orientation: int = 6, **more: object) -> bytes:
    out = io.BytesIO()
    drawn().save(
        out, "JPEG", exif=exif(orientation), xmp=XMP, comment=b"canary-text", icc_profile=PROFILE, quality=90, **more
    )
    body = out.getvalue()
    iptc = b"Photoshop 3.0\x008BIM\x04\x04canary-iptc"
    return body[:2] + b"\xff\xed" + struct.pack(">H", 2 + len(iptc)) + iptc + body[2:] + b"canary-after" * 9


def png(orientation: int = 6) -> bytes:
    out, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    texts.add_text("Comment", "canary-text")
    texts.add_text("Note", "canary-text" * 50, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    texts.add(b"prVt", b"canary-camera")
    drawn("RGBA").save(out, "PNG", pnginfo=texts, exif=exif(orientation), icc_profile=PROFILE, dpi=(72, 72))
    return out.getvalue() + b"canary-after" * 9


def webp(orientation: int = 6, lossless: bool = False) -> bytes:
    out = io.BytesIO()
    drawn("RGBA").save(out, "WEBP", exif=exif(orientation), xmp=XMP, icc_profile=PROFILE, lossless=lossless)
    body = bytearray(out.getvalue())
    body += struct.pack("<4sI", b"PrVt", 13) + b"canary-camera\x00"
    body[4:8] = struct.pack("<I", len(body) - 8)
    return bytes(body) + b"canary-after" * 9


PICTURES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG": ("image/jpeg", jpeg),
    "progressive JPEG": ("image/jpeg", lambda: jpeg(progressive=True)),
    "JPEG with restarts": ("image/jpeg", lambda: jpeg(restart_marker_blocks=2)),
    "PNG": ("image/png", png),
    "WebP": ("image/webp", webp),
    "lossless WebP": ("image/webp", lambda: webp(lossless=True)),
}
every_picture = pytest.mark.parametrize("name", PICTURES)


def clean(media_type: str, body: bytes, step: int = 0) -> bytes:
    """`body` without metadata, fed in pieces of `step` bytes."""
    walker = scrubber(media_type)
    assert walker is not None
    pieces = [body[start : start + step] for start in range(0, len(body), step)] if step else [body]
    return b"".join(walker.feed(piece) for piece in pieces) + walker.finish()


@every_picture
def test_metadata_leaves_and_pixels_stay(name: str) -> None:
    """Camera, place, XMP, IPTC, texts, what is unknown and what follows the end are gone; what is seen is the same."""
    media_type, make = PICTURES[name]
    before = make()
    after = clean(media_type, before)
    assert any(secret in before for secret in SECRETS)
    assert [secret for secret in SECRETS if secret in after] == []
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        assert dict(new.getexif()) == {0x0112: 6}
        assert new.info.get("icc_profile") == old.info["icc_profile"] == PROFILE
        assert {"comment", "xmp", "photoshop", "Comment", "Note", "XML:com.adobe.xmp"}.isdisjoint(new.info)
        assert new.tobytes() == old.tobytes()
        assert ImageOps.exif_transpose(new).tobytes() == ImageOps.exif_transpose(old).tobytes()


@every_picture
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_it_does_not_matter_in_which_pieces_it_comes(name: str, step: int) -> None:
    """The same bytes come out, though a piece may end anywhere."""
    media_type, make = PICTURES[name]
    assert clean(media_type, make(), step) == clean(media_type, make())


@every_picture
def test_what_is_clean_stays_as_it_is(name: str) -> None:
    """Removing twice changes nothing the second time."""
    media_type, make = PICTURES[name]
    once = clean(media_type, make())
    assert clean(media_type, once) == once


def test_a_webp_keeps_the_length_that_it_says_it_has() -> None:
    """What was in it is blanked; only what hung on behind its end goes."""
    assert len(clean("image/webp", webp())) == len(webp()) - len(b"canary-after" * 9)


def test_an_upright_picture_needs_no_exif() -> None:
    """Orientation 1 is what a picture without the tag has."""
    for media_type, body in (("image/jpeg", jpeg(1)), ("image/png", png(1))):
        with Image.open(io.BytesIO(clean(media_type, body))) as new:
            assert dict(new.getexif()) == {}


@pytest.mark.parametrize("turned", range(1, 9))
def test_orientation_is_read_as_it_was_written(turned: int) -> None:
    """In both byte orders."""
    big = struct.pack(">4sIHHHIHHI", b"MM\x00*", 8, 1, 0x0112, 3, 1, turned, 0, 0)
    assert orientation_of(tiff_with(turned)) == orientation_of(big) == turned


@given(st.binary(max_size=200))
def test_damaged_exif_is_upright(raw: bytes) -> None:
    """Whatever stands in it, nothing is raised and no other value comes out."""
    assert 1 <= orientation_of(b"II*\x00" + raw) <= 8


@every_picture
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_another_process_takes_it_up_where_this_one_stopped(name: str, data: st.DataObject) -> None:
    """At any byte: the state goes through JSON, and what comes out is the same."""
    media_type, make = PICTURES[name]
    body = make()
    cut = data.draw(st.integers(0, len(body)))
    first = scrubber(media_type)
    assert first is not None
    begun = first.feed(body[:cut])
    second = type(first).at(json.loads(json.dumps(first.state())))
    assert begun + second.feed(body[cut:]) + second.finish() == clean(media_type, body)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        pytest.param("image/jpeg", b"", id="no byte"),
        pytest.param("image/jpeg", b"\xff\xd8\x00\x01\x02", id="no marker"),
        pytest.param("image/jpeg", b"\xff\xd8\xff\xe1\x00\x01", id="a segment shorter than its length"),
        pytest.param("image/jpeg", b"\xff\xd8\xff\x02\x00\x04ab", id="an unknown segment"),
        pytest.param("image/jpeg", jpeg()[:300], id="cut in its metadata"),
        pytest.param("image/png", png()[:8], id="nothing but a signature"),
        pytest.param("image/png", png()[:200], id="cut in a chunk"),
        pytest.param(
            "image/png", b"\x89PNG\r\n\x1a\n" + _chunk(b"ABCD", b"x"), id="an unknown chunk that must be shown"
        ),
        pytest.param("image/png", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT", id="a chunk of four gigabytes"),
        pytest.param("image/png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x01\x00\x00\x00\x00", id="a chunk without a name"),
        pytest.param("image/webp", webp()[:200], id="cut"),
        pytest.param("image/webp", b"RIFF\x0c\x00\x00\x00WEBPVP8 \xff\xff\xff\x7f", id="longer than the file"),
    ],
)
def test_what_has_not_the_structure_of_its_type_is_refused(media_type: str, body: bytes) -> None:
    """Nobody could say what in it is metadata."""
    with pytest.raises(MetadataUnreadable):
        clean(media_type, body)


@pytest.mark.parametrize("media_type", REMOVABLE)
@given(raw=st.binary(max_size=4000))
def test_garbage_is_refused_or_followed_and_little_is_held_back(media_type: str, raw: bytes) -> None:
    """Nothing but a refusal is ever raised, and memory is bounded."""
    head = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/webp": b"RIFF\xf0\xff\x00\x00WEBP"}
    walker = scrubber(media_type)
    assert isinstance(walker, Walker)
    try:
        walker.feed(head[media_type] + raw)
        walker.finish()
    except MetadataUnreadable:
        pass
    assert len(walker.held) <= HELD


def test_a_png_text_of_any_length_is_not_held_back() -> None:
    """What is left out passes through without being gathered."""
    walker = scrubber("image/png")
    assert walker is not None
    walker.feed(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 2**30, b"tEXt"))
    for _ in range(20):
        assert walker.feed(bytes(100_000)) == b""
        assert len(walker.held) == 0


def test_a_scan_without_a_marker_takes_linear_time() -> None:
    """A mebibyte of FF, after which no marker comes, took hours: it is a second now, in whichever pieces it comes."""
    head = b"\xff\xd8\xff\xda\x00\x08\x00\x00\x00\x00\x00\x00"
    for filler in (b"\xff" * 1_000_000 + b"\x00", b"\xff\x00" * 500_000, b"\xff\xd0" * 500_000, b"\xff" * 1_000_000):
        for step in (0, 1_000, 65_536):
            body = head + filler + b"\xff\xd9"
            began = time.process_time()
            assert clean("image/jpeg", body, step) == body
            assert time.process_time() - began < 5
