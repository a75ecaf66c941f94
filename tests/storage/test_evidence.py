"""Evidence packs and OSCAL, without a server: what is made is valid, and what was changed is found."""

import copy
import json
import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.certificates import envelopes as dsse
from storage.controls.catalogue import checks
from storage.controls.findings import Result
from storage.evidence import oscal
from storage.evidence.packs import SIGNATURE, Pack, manifest, statement
from storage.evidence.verifying import verify
from storage.ledger import notes
from storage.populations import envelopes

MOMENT = datetime(2026, 11, 27, 12, tzinfo=UTC)
RUN = uuid.UUID("0199e7a2-0000-7000-8000-000000000001")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = notes.vkey("muniment.test", KEY.public_key().public_bytes_raw())
OTHER = notes.vkey("muniment.test", Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw())
LINES = [b'{"id":1}\n', b'{"id":2}\n']


def _results(failing: str | None = "policy") -> list[Result]:
    return [Result(name, control, int(name == failing), f"{name} as it is") for name, control in checks().items()]


def documents() -> dict[str, oscal.Document]:
    """Everything that a pack says as OSCAL."""
    return {
        "catalog": oscal.catalog(MOMENT, "0.1.0"),
        "component-definition": oscal.component_definition(MOMENT, "0.1.0"),
        "assessment-results": oscal.assessment_results(_results(), RUN, MOMENT, "0.1.0"),
    }


@pytest.mark.parametrize("name", ["catalog", "component-definition", "assessment-results"])
def test_what_is_said_as_oscal_is_oscal(name: str) -> None:
    """By types that are generated from the schema that NIST publishes; once more, it is the same to the byte."""
    from oscal_bindings import parse_oscal  # a second to load, which every worker would spend

    said = documents()[name]
    parse_oscal(json.dumps(said))
    assert said == documents()[name]


def _without_status(said: Any) -> None:
    del said["results"][0]["findings"][0]["target"]["status"]


def _with_another_uuid(said: Any) -> None:
    said["uuid"] = str(RUN)  # version 7, which OSCAL does not know


def _naive(said: Any) -> None:
    said["metadata"]["last-modified"] = "2026-11-27T12:00:00"


def _empty(said: Any) -> None:
    said["results"][0]["observations"] = []


def _unknown(said: Any) -> None:
    said["results"][0]["verdict"] = "effective"


def _numbered(said: Any) -> None:
    said["results"][0]["findings"][0]["target"]["target-id"] = "6.1"


@pytest.mark.parametrize("spoil", [_without_status, _with_another_uuid, _naive, _empty, _unknown, _numbered])
def test_what_is_not_oscal_is_noticed(spoil: Callable[[Any], None]) -> None:
    """The check above can fail: on a missing part, a wrong id, a naive time, an empty list, a part that there is none of."""
    from oscal_bindings import OscalParseError, parse_oscal

    said = copy.deepcopy(documents()["assessment-results"])
    spoil(said["assessment-results"])
    with pytest.raises(OscalParseError):
        parse_oscal(json.dumps(said))


def test_every_reference_leads_somewhere() -> None:
    """Which no schema sees. A finding that points to an observation that is not there is named."""
    said = documents()["assessment-results"]
    assert oscal.broken_references(said) == []
    found = said["assessment-results"]["results"][0]
    lost = found["findings"][0]["related-observations"][0]["observation-uuid"]
    found["observations"] = [each for each in found["observations"] if each["uuid"] != lost]
    assert oscal.broken_references(said) == [lost]


def test_a_check_that_failed_is_not_satisfied_and_no_tool_gives_an_opinion() -> None:
    """Each control of a failed check; all others are satisfied; one that nothing looks at has no finding."""
    [result] = documents()["assessment-results"]["assessment-results"]["results"]
    states = {each["title"]: each["target"]["status"]["state"] for each in result["findings"]}
    assert {name for name, state in states.items() if state == "not-satisfied"} == {"one-policy", "policy-changes"}
    assert "no-standing-access" not in states
    methods = {method for each in result["observations"] for method in each["methods"]}
    assert methods == {"TEST", "EXAMINE"}
    assert all(each["origins"][0]["actors"][0]["type"] == "tool" for each in result["observations"])


def envelope(**other: Any) -> dict[str, Any]:
    """That of a list of two lines."""
    said = {
        "name": "DELETIONS", "available": True, "sha256": envelopes.digest(LINES), "rowCount": 2, "gaps": [],
        "reconciliation": {"sourceCount": 2}, "limitations": ["It is short."],
    }  # fmt: skip
    return said | other


def make(place: Path, **other: Any) -> Path:
    """A small pack, signed."""
    told = {"checkpoint": None, "checks": 2, "failedChecks": 1}
    with Pack(place) as pack:
        pack.add_json("populations/DELETIONS.envelope.json", envelope(**other))
        pack.add("populations/DELETIONS.jsonl", b"".join(LINES))
        said = manifest(pack_id="1", origin="muniment.test", made_at=MOMENT, start=MOMENT, end=MOMENT, told=told)
        pack.seal(said, VKEY, KEY.sign)
    return place


def _rewritten(place: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The same pack with other files in it; not signed anew."""
    with zipfile.ZipFile(place) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place


def test_a_pack_holds_and_says_so(tmp_path: Path) -> None:
    """With the key from elsewhere; without one it says what that is worth."""
    place = make(tmp_path / "pack.zip")
    assert place.stat().st_mode & 0o077 == 0
    report = verify(place, VKEY)
    assert (report.exit_code, report.warnings) == (0, [])
    assert "Of 2 live checks 1 found something amiss" in " ".join(report.facts)
    assert "pass --vkey" in verify(place).warnings[0]
    with zipfile.ZipFile(place) as archive:
        assert {"VERIFY.md", "manifest.json", SIGNATURE} <= set(archive.namelist())


def _signed_for_less(files: dict[str, bytes]) -> None:
    said = json.loads(files[SIGNATURE])
    said["payload"] = said["payload"][:-8]
    files[SIGNATURE] = json.dumps(said).encode()


def _another_kind(files: dict[str, bytes]) -> None:
    said = json.loads(statement({}, {}))
    said["predicateType"] = "https://muniment.dev/deletion-certificate/v1"
    files[SIGNATURE] = json.dumps(dsse.sign(json.dumps(said).encode(), VKEY, KEY.sign)).encode()


CHANGES: dict[str, Callable[[dict[str, bytes]], Any]] = {
    "a line changed": lambda files: files.update({"populations/DELETIONS.jsonl": LINES[0] + b'{"id":3}\n'}),
    "a line less": lambda files: files.update({"populations/DELETIONS.jsonl": LINES[0]}),
    "a file gone": lambda files: files.pop("populations/DELETIONS.jsonl"),
    "a file more": lambda files: files.update({"populations/CONSENTS.jsonl": b""}),
    "the manifest changed": lambda files: files.update({"manifest.json": b"{}"}),
    "no signature": lambda files: files.pop(SIGNATURE),
    "no envelope": lambda files: files.update({SIGNATURE: b"{}"}),
    "no JSON": lambda files: files.update({SIGNATURE: b"{"}),
    "a statement cut off": _signed_for_less,
    "a statement of another kind": _another_kind,
    "a way out": lambda files: files.update({"../elsewhere": b""}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_pack_that_was_changed_is_not_trusted(tmp_path: Path, change: str) -> None:
    """Whatever was changed after it was signed; the first line says not to trust it."""
    report = verify(_rewritten(make(tmp_path / "pack.zip"), CHANGES[change]), VKEY)
    assert report.exit_code == 1
    assert report.lines[0].startswith("Do not trust it: ")


@pytest.mark.parametrize(
    "other", [{"sha256": "0" * 64}, {"rowCount": 3}, {"reconciliation": {"sourceCount": 3}}], ids=str
)
def test_a_list_that_is_not_whole_is_not_trusted_whoever_signed(tmp_path: Path, other: dict[str, Any]) -> None:
    """Signed as it is, by the right key: an envelope that describes another list, or says that its source had more."""
    report = verify(make(tmp_path / "pack.zip", **other), VKEY)
    assert report.exit_code == 1
    assert "populations/DELETIONS.jsonl" in report.problems[0]


def test_another_key_vouches_for_nothing(tmp_path: Path) -> None:
    """Nor is a file that is no pack taken for one."""
    assert verify(make(tmp_path / "pack.zip"), OTHER).exit_code == 1
    assert verify(make(tmp_path / "second.zip"), "no key").exit_code == 1
    (tmp_path / "text").write_text("no pack")
    assert verify(tmp_path / "text", VKEY).exit_code == 1


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    """Gaps as a warning, a question that nothing answers as a fact: both are signed for, and neither is hidden."""
    gaps = verify(make(tmp_path / "pack.zip", gaps=[{"day": "2026-03-01"}]), VKEY)
    assert (gaps.exit_code, "2026-03-01" in gaps.warnings[0]) == (0, True)
    missing = verify(make(tmp_path / "second.zip", available=False), VKEY)
    assert (missing.exit_code, "nothing records it" in missing.facts[0]) == (0, True)


def test_a_pack_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    """Neither half of one, nor in the place of what was there."""
    with pytest.raises(RuntimeError, match="in the middle"), Pack(tmp_path / "pack.zip") as pack:
        pack.add("one", b"1")
        raise RuntimeError("in the middle")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "pack.zip").write_bytes(b"mine")
    with pytest.raises(FileExistsError), Pack(tmp_path / "pack.zip"):
        pass
    assert (tmp_path / "pack.zip").read_bytes() == b"mine"
    with pytest.raises(ValueError, match="already"), Pack(tmp_path / "third.zip") as pack:
        pack.add(SIGNATURE, b"")
