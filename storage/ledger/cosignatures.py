"""Cosignatures: that a witness has seen this checkpoint and none that contradicts it (https://c2sp.org/tlog-cosignature).

A cosignature is one more signature line under a checkpoint, made by somebody else, at a time that it tells. There are
two kinds: Ed25519 (`cosignature/v1`) and ML-DSA-44 (`subtree/v1`). Pure: knows neither database nor network.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from storage.ledger import notes
from storage.ledger.checkpoint import Checkpoint
from storage.ledger.notes import NoteRefused

ED25519, ML_DSA_44 = 0x04, 0x06
_KEY = {ED25519: 32, ML_DSA_44: 1312}
_SIGNATURE = {ED25519: 64, ML_DSA_44: 2420}
_TIME = 8
_LATEST = 253_402_300_799
"""The end of the year 9999. A later one is refused, as the specification lets a verifier do."""
_MOST_HASHES = 63
_KEY_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True)
class WitnessKey:
    """The public half of a witness: its name, which kind of cosignature it makes, and the key of that kind."""

    name: str
    kind: int
    public_key: bytes

    def __post_init__(self) -> None:
        if not notes.is_name(self.name) or len(self.name.encode(errors="replace")) > 255 or not _is_text(self.name):
            raise NoteRefused("a witness's name is not empty, not long, and has no space and no plus sign")
        if _KEY.get(self.kind) != len(self.public_key):
            raise NoteRefused("a witness's key is one for Ed25519 or ML-DSA-44 cosignatures")

    @property
    def id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, a line feed, the kind's byte and the key."""
        told = self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key
        return hashlib.sha256(told).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as it is handed around (C2SP signed-note, verifier keys)."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public_key).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The key that `vkey` encodes. Raises NoteRefused: also for a log's key, which cosigns nothing."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        material = notes.decoded(encoded)
        if not material or material[0] not in _KEY or not _KEY_ID.fullmatch(key_id):
            raise NoteRefused("not a witness's verifier key")
        key = cls(name, material[0], material[1:])
        if key.id.hex() != key_id:
            raise NoteRefused("a verifier key whose id is not its own")
        return key

    def cosigned_at(self, text: str, signature: bytes) -> int:
        """When this witness cosigned the checkpoint `text`, in seconds since 1970. Raises NoteRefused if it did not.

        `signature` is what stands behind the key's id: the time in 8 bytes, and the signature itself.
        """
        moment = int.from_bytes(signature[:_TIME], "big")
        if len(signature) != _TIME + _SIGNATURE[self.kind] or not 0 < moment <= _LATEST:
            raise NoteRefused(f"the cosignature by {self.name} is none")
        message = cosigned_message(self.kind, self.name, text, moment)
        try:
            if self.kind == ED25519:
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature[_TIME:], message)
            else:
                MLDSA44PublicKey.from_public_bytes(self.public_key).verify(signature[_TIME:], message)
        except (InvalidSignature, UnsupportedAlgorithm):
            raise NoteRefused(f"the cosignature by {self.name} is wrong") from None
        return moment


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def cosigned_message(kind: int, name: str, text: str, moment: int) -> bytes:
    """What the witness `name` signs for the checkpoint `text` at `moment`. Raises CheckpointRefused.

    Ed25519 covers the text; ML-DSA-44 what its first three lines say, as a subtree that begins at 0.
    """
    told = Checkpoint.parse(text)
    if kind == ED25519:
        return f"cosignature/v1\ntime {moment}\n{text}".encode()
    cosigner, origin = name.encode(), told.origin.encode()
    if not len(origin) < 256:
        raise NoteRefused("an origin of more than 255 bytes has no ML-DSA-44 cosignature")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(cosigner)]),
            cosigner,
            moment.to_bytes(8, "big"),
            bytes([len(origin)]),
            origin,
            bytes(8),
            told.size.to_bytes(8, "big"),
            told.root,
        )
    )


def cosignatures(note: str, keys: Sequence[WitnessKey]) -> dict[WitnessKey, int]:
    """Which of these witnesses cosigned the checkpoint in `note`, and when. Others' signatures are passed over.

    Raises NoteRefused where the note is malformed, or a signature that claims to be one of theirs is wrong. That the
    log signed it too is not looked at.
    """
    text, signatures = notes.parts(note)
    known = {(key.name, key.id): key for key in keys}
    found: dict[WitnessKey, int] = {}
    for name, signature in signatures:
        key = known.get((name, signature[:4]))
        if key is not None:
            found[key] = max(found.get(key, 0), key.cosigned_at(text, signature[4:]))
    return found


def joined(note: str, lines: str, key: WitnessKey) -> str:
    """`note` with this witness's cosignatures out of `lines`, its answer. Raises NoteRefused where there is none.

    Whatever else the answer holds is left behind (C2SP tlog-witness).
    """
    text, _ = notes.parts(note)
    mine = []
    for name, signature in notes.parts(f"{text}\n{lines}")[1]:
        if (name, signature[:4]) == (key.name, key.id):
            key.cosigned_at(text, signature[4:])
            mine.append(notes.line(name, signature))
    if not mine:
        raise NoteRefused(f"{key.name} did not cosign this checkpoint")
    return note + "".join(line for line in dict.fromkeys(mine) if line not in note)


def submission(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """The body of `add-checkpoint`: that the tree of `old` entries, which the witness knows, begins the one in `note`.

    Raises ValueError for more hashes than the protocol takes.
    """
    if len(proof) > _MOST_HASHES:
        raise ValueError("a submission has at most 63 hashes")
    return "\n".join([f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", note]).encode()
