"""Cosignatures: those of public witnesses verify, and no other does."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.ledger.checkpoint import CheckpointRefused
from storage.ledger.cosignatures import WitnessKey, cosignatures, joined, submission
from storage.ledger.notes import NoteRefused
from tests.services.witness import Witness

# A checkpoint that a public log of Certificate Transparency published in May 2026, cosigned by public witnesses.
PUBLIC = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
"""
REMORA = WitnessKey.parse("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")
SMARTIT = WitnessKey.parse("witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO")
COSIGNED_AT = 1779573024
TEXT = PUBLIC.partition("\n\n")[0] + "\n"
BARE = "".join(PUBLIC.splitlines(keepends=True)[:5])


@pytest.fixture(params=[False, True], ids=["Ed25519", "ML-DSA-44"])
def witness(request: pytest.FixtureRequest, tmp_path: Path) -> Witness:
    """Somebody who cosigns in one of the two ways."""
    return Witness("witness.example/w1", tmp_path / "memory", post_quantum=request.param)


def test_cosignatures_of_public_witnesses_verify() -> None:
    """Each with the time that it tells; signatures of keys that were not asked about are passed over."""
    assert cosignatures(PUBLIC, [REMORA, SMARTIT]) == {REMORA: COSIGNED_AT, SMARTIT: COSIGNED_AT}
    assert cosignatures(PUBLIC, []) == {}
    assert cosignatures(BARE, [REMORA]) == {}


@pytest.mark.parametrize("old", ["1432088532", "U7WM", "arche2025h1.staging.ct.transparency.dev\n1"])
def test_they_cover_every_line_of_the_checkpoint(old: str) -> None:
    """Another size, root or origin under the same signature is refused."""
    with pytest.raises(NoteRefused, match=r"cosignature by remora\.n621\.de is wrong"):
        cosignatures(PUBLIC.replace(old, old[:-1] + ("4" if old[-1] != "4" else "5"), 1), [REMORA])


def test_they_cover_lines_that_were_added(witness: Witness) -> None:
    """Ed25519 covers extension lines, ML-DSA-44 does not: so says the specification, and so says ours."""
    key = WitnessKey.parse(witness.vkey)
    extended = TEXT + "more\n"
    note = joined(f"{TEXT}\n{BARE.splitlines(keepends=True)[-1]}", witness.cosigned(TEXT), key)
    changed = note.replace(TEXT, extended)
    if witness.post_quantum:
        assert cosignatures(changed, [key]).keys() == {key}
    else:
        with pytest.raises(NoteRefused, match="is wrong"):
            cosignatures(changed, [key])


def test_an_answer_is_added_to_the_note_once(witness: Witness) -> None:
    """Only what this witness signed, however often it is handed in, and whatever else the answer holds."""
    key = WitnessKey.parse(witness.vkey)
    line = witness.cosigned(TEXT)
    note = joined(BARE, PUBLIC.splitlines(keepends=True)[-1] + line, key)
    assert note == BARE + line
    assert joined(note, line, key) == note
    assert cosignatures(note, [key, REMORA]).keys() == {key}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: "",
        lambda line: "not a signature\n",
        lambda line: line.removesuffix("\n"),
        lambda line: line.replace("w1", "w2"),
        lambda line: _signature(line, lambda raw: raw[:-1]),
        lambda line: _signature(line, lambda raw: raw + b"x"),
        lambda line: _signature(line, lambda raw: raw[:20] + bytes([raw[20] ^ 1]) + raw[21:]),
        lambda line: _signature(line, lambda raw: raw[:11] + bytes([raw[11] ^ 1]) + raw[12:]),
        lambda line: _signature(line, lambda raw: raw[:4] + bytes(8) + raw[12:]),
        lambda line: _signature(line, lambda raw: raw[:4] + b"\xff" * 8 + raw[12:]),
        lambda line: line + _signature(line, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
    ],
    ids=["nothing", "no line", "cut", "another name", "short", "long", "altered", "another time", "no time", "too late", "and a wrong one"],
)  # fmt: skip
def test_an_answer_without_a_right_cosignature_is_refused(witness: Witness, spoil: Callable[[str], str]) -> None:
    """Nothing of it gets into the note."""
    with pytest.raises(NoteRefused):
        joined(BARE, spoil(witness.cosigned(TEXT)), WitnessKey.parse(witness.vkey))


def _signature(line: str, change: Callable[[bytes], bytes]) -> str:
    dash, name, encoded = line.removesuffix("\n").split(" ")
    return f"{dash} {name} {base64.b64encode(change(base64.b64decode(encoded))).decode()}\n"


def test_what_cosigns_nothing_is_not_cosigned(witness: Witness) -> None:
    """A note that is no checkpoint has no cosignature, even where the signature were right."""
    with pytest.raises((NoteRefused, CheckpointRefused)):
        joined(
            "no checkpoint\n\n" + BARE.splitlines(keepends=True)[-1],
            witness.cosigned(TEXT),
            WitnessKey.parse(witness.vkey),
        )


def test_verifier_keys_are_read_back(witness: Witness) -> None:
    """As they are published; a log's key, an id that is not the key's, and a key of another length are refused."""
    key = WitnessKey.parse(witness.vkey)
    assert key.vkey == witness.vkey
    assert REMORA.id.hex() == "da77ade7"
    name, key_id, encoded = witness.vkey.split("+", 2)
    log = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    short = base64.b64encode(witness.material[:-1]).decode()
    for wrong in (
        log, "", name, f"{name}+{key_id}", f"{name}+00000000+{encoded}", f"{name}+{key_id.upper()}x+{encoded}",
        f"a name+{key_id}+{encoded}", f"{name}+{key_id}+{short}", f"{name}+{key_id}+{encoded[:-4]}",
        f"\udcff+{key_id}+{encoded}", f"{'n' * 256}+{key_id}+{encoded}", f"{name}+{key_id}+AA==",
    ):  # fmt: skip
        with pytest.raises(NoteRefused):
            WitnessKey.parse(wrong)


def test_a_submission_is_what_the_protocol_says() -> None:
    """The old size, one hash a line, an empty line, the checkpoint; never more than 63 hashes."""
    note = "log\n2\nroot\n\n— log AAAA\n"
    assert submission(0, [], note) == f"old 0\n\n{note}".encode()
    assert submission(1, [b"x" * 32], note) == f"old 1\neHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=\n\n{note}".encode()
    assert submission(1, [b"x" * 32] * 63, note).count(b"\n") == 63 + 2 + 5
    with pytest.raises(ValueError, match="63"):
        submission(1, [b"x" * 32] * 64, note)
