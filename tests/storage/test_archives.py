"""Archives: what is written can be read by anyone, and whatever is changed afterwards is found and named."""

import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.archives import layout
from storage.archives.verifying import Report, verify
from storage.archives.writing import ArchiveWriter, Member
from storage.ledger import notes

KEY, OTHER = Ed25519PrivateKey.from_private_bytes(b"k" * 32), Ed25519PrivateKey.from_private_bytes(b"o" * 32)
WHEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MEBIBYTE = 1024 * 1024
Files = dict[str, bytes]


def vkey(key: Ed25519PrivateKey) -> str:
    return notes.vkey("test.example", key.public_key().public_bytes_raw())


def written(members: Iterator[Member], key: Ed25519PrivateKey = KEY, before: int = 0) -> bytes:
    """An archive; `before`: as if so many bytes of content stood in it already."""

    def sign(text: str) -> str:
        return notes.sign_note(text, "test.example", key.sign, key.public_key().public_bytes_raw())

    facts = {"scope": "ACCOUNT", "createdAt": WHEN, "vkey": vkey(key)}
    writer = ArchiveWriter(facts, WHEN, sign)
    writer._written = before
    return b"".join(writer.stream(members))


def members() -> Iterator[Member]:
    yield Member("profile.json", layout.JSON, (b'{"a":1}\n',), "profile")
    yield Member("things.jsonl", layout.JSON_LINES, (b'{"a":1}\n', b'{"a":2}\n'), "things")
    yield Member("assets/1/picture.png", "image/png", (b"\x89PNG" * 1000,), "asset_files", 4000)


def unpacked(archive: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(files: Files) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., Report]:
    """Verifies an archive's bytes, by default against the key that signed it."""

    def check(archive: bytes, key: str | None = vkey(KEY)) -> Report:
        file = tmp_path / "archive.zip"
        file.write_bytes(archive)
        return verify(file, key)

    return check


def test_a_whole_archive_verifies(checked: Callable[..., Report]) -> None:
    """Against the pinned key there is nothing to complain or to warn about, and the counts are told."""
    report = checked(written(members()))
    assert (report.problems, report.warnings, report.exit_code) == ([], [], 0)
    assert report.lines[0] == "The archive is complete and unchanged."
    assert "things: 2" in report.lines


def test_what_can_grow_large_or_lies_far_back_may_pass_four_gigabytes() -> None:
    """A file of no known size is ZIP64; a picture is kept as it is while 32 bits name its place, and not beyond."""

    def how(before: int) -> dict[str, zipfile.ZipInfo]:
        with zipfile.ZipFile(io.BytesIO(written(members(), before=before))) as opened:
            return {each.filename: each for each in opened.infolist()}

    near, far = how(0), how(5 * 1024**3)
    assert near["things.jsonl"].extract_version == 45
    assert near["assets/1/picture.png"].extract_version < 45
    kept = [each["assets/1/picture.png"].compress_type == zipfile.ZIP_STORED for each in (near, far)]
    assert kept == [True, False]


def test_archives_of_version_1_verify_for_ever() -> None:
    """tests/golden holds one as it was written when the format was frozen, signed by a key that is known."""
    report = verify(Path(__file__).parents[1] / "golden" / "export_v1.zip", vkey(KEY))
    assert (report.problems, report.warnings) == ([], [])
    assert "things: 2" in report.lines


def test_without_a_key_the_archives_own_is_used_and_that_is_said(checked: Callable[..., Report]) -> None:
    """It verifies, with a warning of what that does not show."""
    report = checked(written(members()), None)
    assert report.ok
    assert ["--vkey" in warning for warning in report.warnings] == [True]


def test_the_manifest_describes_every_file(checked: Callable[..., Report]) -> None:
    """Path, bytes, SHA-256, type, and counts per kind of record."""
    manifest = json.loads(unpacked(written(members()))["manifest.json"])
    assert manifest["format"] == "muniment-export/1"
    assert manifest["counts"] == {"asset_files": 1, "profile": 1, "things": 2}
    assert [(line["path"], line["bytes"], line["type"]) for line in manifest["files"]] == [
        ("profile.json", 8, "application/json"),
        ("things.jsonl", 16, "application/jsonl"),
        ("assets/1/picture.png", 4000, "image/png"),
    ]


def change(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    return lambda files: files | {name: files[name].replace(old, new)}


def drop(name: str) -> Callable[[Files], Files]:
    return lambda files: {path: content for path, content in files.items() if path != name}


def signed_by_another(files: Files) -> Files:
    return unpacked(written(members(), OTHER))


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        pytest.param(change("things.jsonl", b"2", b"3"), "things.jsonl is not the file", id="byte changed"),
        pytest.param(change("assets/1/picture.png", b"P", b"PP"), "assets/1/picture.png is not the", id="file longer"),
        pytest.param(drop("profile.json"), "profile.json is in the manifest but missing", id="file removed"),
        pytest.param(lambda f: f | {"more.txt": b""}, "more.txt is in the archive but not in the", id="file added"),
        pytest.param(
            change("manifest.json", b'"things": 2', b'"things": 1'), "manifest.json is not the", id="manifest"
        ),
        pytest.param(change("manifest.json.sig", b"sha256 ", b"sha256 0"), "manifest.json.sig is not", id="note"),
        pytest.param(drop("manifest.json"), "manifest.json is missing", id="no manifest"),
        pytest.param(drop("manifest.json.sig"), "manifest.json.sig is missing", id="no signature"),
        pytest.param(signed_by_another, "manifest.json.sig is not a signature by the key", id="another key"),
        pytest.param(lambda f: {"../evil": b""} | f, "'../evil' would be unpacked outside", id="path"),
        pytest.param(lambda f: f | {"manifest.json": b"{}"}, "manifest.json does not say that its format", id="empty"),
        pytest.param(lambda f: f | {"manifest.json": b"{"}, "manifest.json is not JSON", id="not JSON"),
    ],
)
def test_what_was_tampered_with_is_named(
    checked: Callable[..., Report], tamper: Callable[[Files], Files], named: str
) -> None:
    """The first problem names the file and what is wrong with it, and the exit code says so."""
    report = checked(packed(tamper(unpacked(written(members())))))
    assert report.problems[0].startswith(named)
    assert report.exit_code == 1
    assert report.lines[0].startswith("Do not trust it: ")


def test_counts_that_do_not_add_up_are_named(checked: Callable[..., Report]) -> None:
    """Even if whoever holds the key signed them."""
    files = unpacked(written(members()))
    manifest = json.loads(files["manifest.json"])
    manifest["counts"]["things"] = 3
    content = json.dumps(manifest).encode()
    statement = layout.statement(hashlib.sha256(content).hexdigest())
    note = notes.sign_note(statement, "test.example", KEY.sign, KEY.public_key().public_bytes_raw()).encode()
    report = checked(packed(files | {"manifest.json": content, "manifest.json.sig": note}))
    assert report.problems == ["there are 2 things, and the manifest says 3."]


@settings(max_examples=200, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    """Wherever it is: either verifying complains, or every file still has the bytes that were exported."""
    archive = bytearray(written(members()))
    archive[int(place * len(archive))] ^= 1 << bit
    file = tmp_path_factory.mktemp("flip") / "archive.zip"
    file.write_bytes(archive)
    if verify(file, vkey(KEY)).ok:
        assert unpacked(bytes(archive)) == unpacked(written(members()))


@pytest.mark.parametrize("kept", [0, 1, 100, 2000])
def test_a_cut_archive_is_named(checked: Callable[..., Report], kept: int) -> None:
    """A download that broke off is no archive."""
    report = checked(written(members())[:kept])
    assert report.problems[0].startswith("the file is not a whole ZIP archive")


@pytest.mark.parametrize(
    "members",
    [
        lambda: [Member("big.bin", "video/mp4", (bytes(MEBIBYTE) for _ in range(64)), None, 64 * MEBIBYTE)],
        lambda: (Member(f"{n}.png", "image/png", [bytes(MEBIBYTE)], "asset_files", MEBIBYTE) for n in range(64)),
    ],
    ids=["one large", "many, each in one piece"],
)
def test_writing_takes_constant_memory(members: Callable[[], Iterator[Member]]) -> None:
    """64 MiB go through with less than 6 MiB at a time, as one file or as many: of what is written nothing is held."""
    written(iter([Member("a.json", layout.JSON, (b"{}",))]))  # what is loaded at first use is no part of it
    tracemalloc.start()
    try:
        facts = {"vkey": vkey(KEY)}
        size = sum(len(piece) for piece in ArchiveWriter(facts, WHEN, lambda text: text).stream(members()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 64 * MEBIBYTE
    assert peak < 6 * MEBIBYTE


@pytest.mark.parametrize("path", ["../up", "/root", "a//b", "a\\b", "c:/x", "a/./b", ""])
def test_a_path_that_leads_out_is_not_written(path: str) -> None:
    """The writer refuses it, whatever made it."""
    with pytest.raises(ValueError, match="must stay inside"):
        written(iter([Member(path, layout.JSON, (b"{}",))]))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.png", "photo.png"),
        ("Größe 日本.txt", "Größe 日本.txt"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\x00b\n.txt", "a_b_.txt"),
        ("invoice\u202egnp.exe", "invoice_gnp.exe"),
        ("CON.txt", "_CON.txt"),
        ("", "file"),
        ("...", "file"),
        ('a:b*"?.txt', "a_b___.txt"),
    ],
)
def test_file_names_are_made_safe_and_stay_readable(name: str, safe: str) -> None:
    """What can stay stays; what could point elsewhere or deceive becomes an underscore."""
    assert layout.safe_name(name) == safe


@given(st.text(max_size=300))
def test_every_file_name_becomes_one_safe_component(name: str) -> None:
    """Whatever people call their files, it is one component, not too long, and the same each time."""
    safe = layout.safe_name(name)
    assert layout.is_safe_path(f"assets/1/{safe}")
    assert "/" not in safe
    assert 0 < len(safe.encode()) <= 140
    assert safe == safe.strip(" .")
    assert layout.safe_name(safe) == safe
