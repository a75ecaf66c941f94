"""Checkpoints: what is signed about the whole tree, as C2SP tlog-checkpoint defines it (https://c2sp.org/tlog-checkpoint).

A checkpoint is a signed note of three lines: who signs (origin), how many leaves, and the root in base64. A proof that
one leaf is in it, as a text to keep beside the leaf, is C2SP tlog-proof. Pure: knows neither database nor keys.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage.ledger import merkle, notes
from storage.ledger.leaves import leaf_hash

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_ROOT = 32
_PROOF = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (?:0|[1-9][0-9]{0,17})")


class CheckpointRefused(ValueError):
    """Text that is no checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """The tree at one moment: its size in leaves and its root, under the name of whoever signs."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint in a note's text; lines after the third are passed over. Raises CheckpointRefused."""
        lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
            raise CheckpointRefused("not a checkpoint")
        origin, size, root = lines[:3]
        try:
            decoded = base64.b64decode(root, validate=True)
        except (binascii.Error, ValueError):
            raise CheckpointRefused("a checkpoint's root is base64") from None
        if len(decoded) != _ROOT or base64.b64encode(decoded).decode() != root:
            raise CheckpointRefused("a checkpoint's root has 32 bytes")
        return cls(origin, int(size), decoded)


def signed(checkpoint: Checkpoint, sign: Callable[[bytes], bytes], public_key: bytes) -> str:
    """The checkpoint as a signed note. Raises what `notes.sign_note` raises."""
    return notes.sign_note(checkpoint.text, checkpoint.origin, sign, public_key)


def verified(note: str, vkey: str) -> Checkpoint:
    """The checkpoint in `note`, if the key signed it and its origin is the key's name.

    Raises NoteRefused, or CheckpointRefused.
    """
    checkpoint = Checkpoint.parse(notes.verify_note(note, vkey))
    if checkpoint.origin != notes.VerifierKey.parse(vkey).name:
        raise CheckpointRefused("the checkpoint speaks for another log than its key")
    return checkpoint


def proof_text(index: int, hashes: Sequence[bytes], note: str) -> str:
    """The inclusion proof of leaf `index` against the checkpoint in `note`, as C2SP tlog-proof writes it."""
    lines = [f"index {index}", *(base64.b64encode(each).decode() for each in hashes)]
    return "\n".join([_PROOF, *lines, "", note])


def parse_proof(text: str) -> tuple[int, list[bytes], str]:
    """Index, hashes and signed note out of a C2SP tlog-proof. Raises CheckpointRefused; nothing is verified yet."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(lines) > 2 and lines[1].startswith("extra "):
        del lines[1]  # what an application put beside the proof; we put nothing there
    if len(lines) < 2 or lines[0] != _PROOF or not _INDEX.fullmatch(lines[1]):
        raise CheckpointRefused("not a proof")
    try:
        hashes = [base64.b64decode(each, validate=True) for each in lines[2:]]
    except (binascii.Error, ValueError):
        raise CheckpointRefused("a proof's hashes are base64") from None
    return int(lines[1].removeprefix("index ")), hashes, note


def verify_leaf(leaf: bytes, text: str, vkey: str) -> Checkpoint:
    """The signed checkpoint that `leaf` is proven to be in by the proof `text`, checked with the log's key alone.

    Raises CheckpointRefused, NoteRefused or ProofRefused, all of them ValueErrors.
    """
    index, hashes, note = parse_proof(text)
    found = verified(note, vkey)
    merkle.verify_inclusion(leaf_hash(leaf), index, found.size, hashes, found.root)
    return found
