"""Checkpoints: what is signed about the whole tree, as C2SP tlog-checkpoint defines it (https://c2sp.org/tlog-checkpoint).

A checkpoint is a signed note of three lines: who signs (origin), how many leaves, and the root in base64. A proof that
one leaf is in it, as a text to keep beside the leaf, is C2SP tlog-proof. Pure: knows neither database nor keys.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage.ledger import notes

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_ROOT = 32


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
        origin, size, root, *_ = [*text.split("\n"), "", ""]
        if not origin or not _SIZE.fullmatch(size):
            raise CheckpointRefused("not a checkpoint")
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
    return "\n".join(["c2sp.org/tlog-proof@v1", *lines, "", note])
