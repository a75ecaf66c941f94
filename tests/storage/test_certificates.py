"""Deletion certificates: signed as DSSE, checked offline, and refused for whatever was changed."""

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.certificates import envelopes, statements
from storage.certificates.envelopes import EnvelopeRefused
from storage.certificates.verifying import OPENING, verify
from storage.deletions import Deletion, DeletionScope
from storage.ledger import notes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = notes.vkey("example.org/log", KEY.public_key().public_bytes_raw())
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_VKEY = notes.vkey("example.org/log", OTHER.public_key().public_bytes_raw())
MOMENT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
THING, SALT = uuid.UUID(int=7), bytes(range(16))
GOLDEN = Path(__file__).parents[1] / "golden" / "certificate-1" / "account.json"


def statement(scope: DeletionScope = DeletionScope.ASSET, checks: dict[str, int] | None = None) -> bytes:
    """What the verifier would sign of a deletion of `THING`."""
    deletion = Deletion(
        id=uuid.UUID(int=1), owner_id=uuid.UUID(int=2), scope=scope, object_id=THING,
        destroyed={"assets": 1, "blobs": 2}, bytes_destroyed=12, keysets_destroyed=2,
        requested_at=MOMENT, keys_destroyed_at=MOMENT + timedelta(seconds=1), origin=statements.DeletionOrigin.CONTRIBUTOR,
    )  # fmt: skip
    found = statements.Findings(
        verifier="agent:verifier", checks={"files": 0} if checks is None else checks, residue=(), copies=(),
        event_id=uuid.UUID(int=3), checkpoint=None, cache_seconds=60, database="sqlite",
        backups=statements.BackupPeriods(timedelta(days=30), timedelta(days=7)), moment=MOMENT + timedelta(seconds=2),
    )  # fmt: skip
    return statements.statement(deletion, SALT, found)


def signed(payload: bytes | None = None) -> dict[str, Any]:
    return envelopes.sign(statement() if payload is None else payload, VKEY, KEY.sign)


def written(directory: Path, envelope: Any) -> Path:
    """The certificate as somebody has it on their disk."""
    file = directory / "certificate.json"
    file.write_text(envelope if isinstance(envelope, str) else json.dumps(envelope))
    return file


def test_a_certificate_says_what_went_and_is_believed_with_the_key_alone(tmp_path: Path) -> None:
    """Counts, keys, who counted what is left, until when backups open: in sentences, under the platform's own key."""
    report = verify(written(tmp_path, signed()), VKEY)
    assert (report.problems, report.warnings, report.exit_code) == ([], [], 0)
    told = "\n".join(report.lines)
    assert str(THING) in told
    assert "assets 1, blobs 2; 12 bytes of files; 2 keysets" in told
    assert "agent:verifier" in told
    assert "2026-12-04" in told  # keys are in backups seven days longer


def test_other_tools_verify_what_was_signed() -> None:
    """The signature is plain Ed25519 over DSSE's encoding: checked here without any code of ours."""
    envelope = signed()
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    encoded = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    KEY.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), encoded)
    said = json.loads(payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicate"]["keys"]["outOfUseBy"] == "2026-11-27T12:01:01Z"


def test_the_key_inside_is_only_a_hint(tmp_path: Path) -> None:
    """Without a key from elsewhere it is checked, with a warning; with another key than signed, it is refused."""
    file = written(tmp_path, signed())
    report = verify(file)
    assert (report.exit_code, len(report.warnings)) == (0, 1)
    assert verify(file, OTHER_VKEY).lines == ["Do not trust it: the key did not sign it."]
    forged = envelopes.sign(statement(), OTHER_VKEY, OTHER.sign)
    forged["signatures"][0]["keyid"] = VKEY
    assert verify(written(tmp_path, forged), VKEY).exit_code == 1


def _payload(change: Callable[[Any], None]) -> Callable[[dict[str, Any]], None]:
    def changed(envelope: dict[str, Any]) -> None:
        said = json.loads(base64.b64decode(envelope["payload"]))
        change(said)
        envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()

    return changed


@pytest.mark.parametrize(
    "change",
    [
        _payload(lambda said: said["predicate"]["scope"].update(bytes=13)),
        _payload(lambda said: said["predicate"].update(residue=[])),
        lambda envelope: envelope.update(payloadType="application/json"),
        lambda envelope: envelope.update(payload=envelope["payload"] + "===="),
        lambda envelope: envelope.update(signatures=[]),
        lambda envelope: envelope["signatures"][0].update(sig=base64.b64encode(bytes(64)).decode()),
        lambda envelope: envelope["signatures"][0].update(sig="AAAA"),
        lambda envelope: envelope["signatures"][0].update(sig=7),
        lambda envelope: envelope.pop("payload"),
    ],
)
def test_whatever_is_changed_is_noticed(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A count, a kind, an encoding, a signature: none passes, and none ends in a stack trace."""
    envelope = signed()
    change(envelope)
    for key in (VKEY, None):
        report = verify(written(tmp_path, envelope), key)
        assert report.exit_code == 1
        assert report.lines[0].startswith("Do not trust it: ")


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '"x"', "[" * 100_000, '{"signatures": 1}', "\x00\x01"])
def test_what_is_no_certificate_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    """Any file may be given; each is answered in a sentence."""
    assert verify(written(tmp_path, content), VKEY).exit_code == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"[]",
        b"nonsense",
        b'{"_type": "https://in-toto.io/Statement/v1", "predicateType": "other", "subject": []}',
    ],
)
def test_another_signed_thing_is_no_certificate(tmp_path: Path, payload: bytes) -> None:
    """The platform signs more than certificates; a signature alone makes none."""
    assert verify(written(tmp_path, signed(payload)), VKEY).exit_code == 1


def test_a_signed_count_of_something_left_is_no_proof_of_deletion(tmp_path: Path) -> None:
    """The verifier never issues one; were it signed all the same, it would not be believed."""
    report = verify(written(tmp_path, signed(statement(checks={"files": 1}))), VKEY)
    assert report.problems == ["it says that something is left."]


def test_only_their_own_copy_names_whoever_left(tmp_path: Path) -> None:
    """The signed part holds a salted commitment; with the opening beside it, and no other, it is about that account."""
    payload = statement(DeletionScope.ACCOUNT)
    assert str(THING).encode() not in payload
    assert SALT.hex().encode() not in payload
    ours = signed(payload)
    assert not any(str(THING) in fact for fact in verify(written(tmp_path, ours), VKEY).facts)
    theirs = {**ours, OPENING: statements.opening(THING, SALT)}
    assert f"It is about the account {THING}." in verify(written(tmp_path, theirs), VKEY).facts
    for wrong in (
        statements.opening(uuid.UUID(int=8), SALT),
        statements.opening(THING, bytes(16)),
        {"id": str(THING), "salt": "00"},
        {"id": "nobody"},
    ):
        assert verify(written(tmp_path, {**ours, OPENING: wrong}), VKEY).exit_code == 1


def test_nothing_is_handed_out_that_does_not_verify() -> None:
    """A key store that signs with another key than it publishes is found before anybody has the certificate."""
    with pytest.raises(EnvelopeRefused):
        envelopes.sign(statement(), VKEY, OTHER.sign)


def test_a_certificate_of_version_1_is_verified_for_ever() -> None:
    """The golden file was issued by the first release that had them."""
    report = verify(GOLDEN, VKEY)
    assert report.problems == []
    assert f"It is about the account {THING}." in report.facts
