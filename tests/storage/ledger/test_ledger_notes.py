"""Signed notes: byte for byte what other implementations of C2SP signed-note make and accept."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.ledger.notes import NoteRefused, VerifierKey, sign_note, verify_note, vkey

# The published example of golang.org/x/mod/sumdb/note: verifier key, seed of the signing key, text, and signed note.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
NOTE = f"{TEXT}\n{LINE}"

PETER = Ed25519PrivateKey.from_private_bytes(SEED)
PETER_PUBLIC = PETER.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_PUBLIC = OTHER.public_key().public_bytes_raw()


def test_signing_gives_the_published_note() -> None:
    """Ed25519 is deterministic: the example's key and text give the example's note, byte for byte."""
    assert sign_note(TEXT, "PeterNeumann", PETER.sign, PETER_PUBLIC) == NOTE


def test_the_published_note_verifies() -> None:
    """A note made elsewhere opens with its verifier key."""
    assert verify_note(NOTE, VKEY) == TEXT


def test_the_verifier_key_is_the_published_one() -> None:
    """Name, id and key are encoded as published, and read back."""
    assert vkey("PeterNeumann", PETER_PUBLIC) == VKEY
    assert VerifierKey.parse(VKEY) == VerifierKey("PeterNeumann", PETER_PUBLIC)


def test_a_note_of_the_specification_has_an_empty_line_in_its_text() -> None:
    """The last empty line divides text and signatures; earlier ones belong to the text."""
    text = "origin.example\n\nstill the text\n"
    note = sign_note(text, "origin.example/log", OTHER.sign, OTHER_PUBLIC)
    assert verify_note(note, vkey("origin.example/log", OTHER_PUBLIC)) == text


def test_signatures_of_strangers_are_passed_over() -> None:
    """Unknown keys, and keys that share only the name, neither help nor harm."""
    stranger = sign_note(TEXT, "example.org/other", OTHER.sign, OTHER_PUBLIC).removeprefix(f"{TEXT}\n")
    namesake = sign_note(TEXT, "PeterNeumann", OTHER.sign, OTHER_PUBLIC).removeprefix(f"{TEXT}\n")
    assert verify_note(f"{TEXT}\n{stranger}{LINE}{namesake}", VKEY) == TEXT
    with pytest.raises(NoteRefused, match="did not sign"):
        verify_note(f"{TEXT}\n{stranger}{namesake}", VKEY)


def test_one_wrong_signature_of_the_key_spoils_the_note() -> None:
    """A good signature beside a bad one by the same key is refused."""
    bad = base64.b64encode(VerifierKey.parse(VKEY).id + bytes(64)).decode()
    with pytest.raises(NoteRefused, match="is wrong"):
        verify_note(f"{NOTE}— PeterNeumann {bad}\n", VKEY)


def test_no_changed_character_goes_unnoticed() -> None:
    """Whichever character of the note is changed, it is refused."""
    for at in range(len(NOTE)):
        changed = NOTE[:at] + chr(ord(NOTE[at]) ^ 1) + NOTE[at + 1 :]
        with pytest.raises(NoteRefused):
            verify_note(changed, VKEY)


def test_no_part_of_a_note_is_a_note() -> None:
    """Cut anywhere at the end, it is refused."""
    for end in range(len(NOTE)):
        with pytest.raises(NoteRefused):
            verify_note(NOTE[:end], VKEY)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}{LINE}",
        f"{TEXT}\n{LINE}\n",
        f"{TEXT}\n{LINE}".replace("—", "-"),
        f"{TEXT}\n— PeterNeumann \n{LINE}",
        f"{TEXT}\n— Peter+Neumann AAAAAAA=\n{LINE}",
        f"{TEXT}\n— x AAAA\n{LINE}",
        f"{TEXT}\t\n\n{LINE}",
        f"{TEXT}\r\n\n{LINE}",
        f"{TEXT}\n{LINE * 101}",
        f"{TEXT}\ud800\n\n{LINE}",
        "x" * 1_000_001 + f"\n\n{LINE}",
    ],
)
def test_what_is_malformed_is_refused(note: str) -> None:
    """No blank line, no signature, bad lines, control characters, too much of anything: refused, never a crash."""
    with pytest.raises(NoteRefused):
        verify_note(note, VKEY)


def test_base64_has_one_form() -> None:
    """A signature or a key whose last base64 character carries stray bits is refused."""
    with pytest.raises(NoteRefused):
        verify_note(NOTE.replace("JnAM=", "JnAN="), VKEY)
    with pytest.raises(NoteRefused):
        verify_note(NOTE.replace("JnAM=", "JnAM"), VKEY)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "no\u00a0break", "line\nfeed"])
def test_a_name_without_space_or_plus(name: str) -> None:
    """Names that could not be told from the rest of a line are refused."""
    with pytest.raises(NoteRefused, match="name"):
        sign_note(TEXT, name, OTHER.sign, OTHER_PUBLIC)
    with pytest.raises(NoteRefused, match="name"):
        vkey(name, OTHER_PUBLIC)


def test_no_mangled_verifier_key_is_taken() -> None:
    """No part of a verifier key, and none with one character changed, is a verifier key."""
    whole = len(VKEY)
    mangled = {VKEY[start:end] for start in range(whole) for end in range(start, whole + 1)} - {VKEY}
    mangled |= {VKEY[:at] + chr(ord(VKEY[at]) + 1) + VKEY[at + 1 :] for at in range(whole)}
    for wrong in mangled:
        with pytest.raises(NoteRefused):
            VerifierKey.parse(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long, id adjusted
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # another algorithm, id adjusted
        VKEY.replace("c74f20a3", "C74F20A3"),
    ],
)
def test_keys_of_another_length_or_algorithm_are_refused(wrong: str) -> None:
    """Even where their id is right."""
    with pytest.raises(NoteRefused):
        VerifierKey.parse(wrong)


@pytest.mark.parametrize("text", ["", "no line feed", "tab\t\n", "nul\x00\n", "carriage\r\n"])
def test_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    """The signer is not even asked."""

    def never(_: bytes) -> bytes:
        raise AssertionError("asked to sign")

    with pytest.raises(NoteRefused):
        sign_note(text, "example.org", never, OTHER_PUBLIC)


def test_a_signature_that_nobody_can_check_is_not_handed_out() -> None:
    """A signer that does not match the public key, or adds a prefix, is found before its note leaves."""
    with pytest.raises(NoteRefused, match="is wrong"):
        sign_note(TEXT, "example.org", PETER.sign, OTHER_PUBLIC)
    with pytest.raises(NoteRefused, match="is wrong"):
        sign_note(TEXT, "example.org", lambda data: b"\x01\x00\x00\x00\x00" + OTHER.sign(data), OTHER_PUBLIC)
