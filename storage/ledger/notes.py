"""Signed notes: text with an Ed25519 signature under it, as C2SP signed-note defines it (https://c2sp.org/signed-note).

A note is its text, an empty line, and one line per signature: an em dash, the signer's name, and base64 of the key's
id and the signature. A verifier key is `name+id+key`. Pure: signing is a function passed in, so that whoever has only a
verifier key can check a note with this file and `cryptography`.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"
_KEY = 32
_SIGNATURE = 64
_ID = 4
_DASH = "\u2014 "
_MOST_SIGNATURES = 100
_LONGEST = 1_000_000
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class NoteRefused(ValueError):
    """A note that is malformed, or not signed by the key it was checked with; or a key that is malformed."""


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a signer: a name, and an Ed25519 key of 32 bytes."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise NoteRefused("a signer's name is not empty and has no space and no plus sign")
        if len(self.public_key) != _KEY:
            raise NoteRefused("an Ed25519 public key has 32 bytes")

    @property
    def id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, a line feed, the algorithm's byte and the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:_ID]

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The key in the encoded form that `vkey` makes. Raises NoteRefused, also where id and key do not agree."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        material = decoded(encoded)
        if material is None or material[:1] != _ED25519 or not _KEY_ID.fullmatch(key_id):
            raise NoteRefused("not a verifier key for Ed25519")
        key = cls(name, material[1:])
        if key.id.hex() != key_id:
            raise NoteRefused("a verifier key whose id is not its own")
        return key


def vkey(origin: str, public_key: bytes) -> str:
    """The verifier key to publish for the signer `origin`. Raises NoteRefused for a name or key that can't be one."""
    key = VerifierKey(origin, public_key)
    return f"{origin}+{key.id.hex()}+{base64.b64encode(_ED25519 + public_key).decode()}"


def sign_note(text: str, origin: str, sign: Callable[[bytes], bytes], public_key: bytes) -> str:
    """`text` as a note signed by `origin`. `sign` makes a raw Ed25519 signature of 64 bytes (RFC 8032).

    `text` ends with a line feed and holds no other control character; else NoteRefused is raised. So it is when the
    signature does not verify under `public_key`: nothing is handed out that nobody can check.
    """
    key = VerifierKey(origin, public_key)
    _check_text(text)
    signature = sign(text.encode())
    _verify(key, signature, text)
    return f"{text}\n{line(origin, key.id + signature)}"


def countersign(note: str, origin: str, sign: Callable[[bytes], bytes], public_key: bytes) -> str:
    """`note` with one more signature under it. Raises NoteRefused as `sign_note` does."""
    text, _ = parts(note)
    return note + sign_note(text, origin, sign, public_key).removeprefix(f"{text}\n")


def verify_note(note: str, vkey: str) -> str:
    """The text of `note`, if the key signed it. Signatures of other keys are passed over.

    Raises NoteRefused if the note or the key is malformed, the key did not sign it, or any signature of the key's is
    wrong.
    """
    key = VerifierKey.parse(vkey)
    text, signatures = parts(note)
    mine = [signature[_ID:] for name, signature in signatures if name == key.name and signature[:_ID] == key.id]
    if not mine:
        raise NoteRefused("the key did not sign this note")
    for signature in mine:
        _verify(key, signature, text)
    return text


def line(name: str, signature: bytes) -> str:
    """A signature line. `signature` begins with the 4 bytes of the key's id."""
    return f"{_DASH}{name} {base64.b64encode(signature).decode()}\n"


def parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text and signatures of a note, each the signer's name and the key's id with the signature behind it.

    Raises NoteRefused where it is malformed; nothing is verified.
    """
    # The last empty line divides: the text itself may hold others.
    body, divider, block = note.rpartition("\n\n")
    if len(note) > _LONGEST or not divider or not block.endswith("\n"):
        raise NoteRefused("not a signed note")
    text = body + "\n"
    _check_text(text)
    lines = block.removesuffix("\n").split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise NoteRefused("a note has at most 100 signatures")
    return text, [_signature(each) for each in lines]


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    signature = decoded(encoded)
    if not line.startswith(_DASH) or not is_name(name) or signature is None or len(signature) <= _ID:
        raise NoteRefused("a malformed signature line")
    return name, signature


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoteRefused("a note's text is UTF-8") from None
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise NoteRefused("a note's text ends with a line feed and holds no other control character")


def is_name(name: str) -> bool:
    """Whether a signer may be called this."""
    return bool(name) and not any(character.isspace() or character in "+\x00" for character in name)


def decoded(encoded: str) -> bytes | None:
    """Standard base64 in its one canonical form, or None: two texts never stand for the same bytes."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if base64.b64encode(decoded).decode() == encoded else None


def _verify(key: VerifierKey, signature: bytes, text: str) -> None:
    try:
        if len(signature) != _SIGNATURE:
            raise InvalidSignature
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, text.encode())
    except InvalidSignature:
        raise NoteRefused(f"the signature by {key.name} is wrong") from None
