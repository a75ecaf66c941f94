"""What this installation signs, and what it recognises as signed by itself: with the keys of today, or of before.

While the signing key is rotated there are two, and both sign: whoever knows only one of them finds its signature.
"""

from collections.abc import Iterator

from storage.keys.keyring import Keyring
from storage.ledger import notes
from storage.ledger.checkpoint import Checkpoint, verified
from storage.ledger.notes import NoteRefused

_STATEMENT = "signing key"


def log_key(origin: str, keyring: Keyring) -> str:
    """The verifier key of this installation's log: the newest that signs on its own account."""
    return notes.vkey(origin, keyring.public_key())


def signed(text: str, origin: str, keyring: Keyring) -> str:
    """`text` as a note with a signature of each key that signs now, the one in use first. Raises NoteRefused."""
    first, *others = keyring.signers()
    note = notes.sign_note(text, origin, first.sign, first.public_key)
    for signer in others:
        note = notes.countersign(note, origin, signer.sign, signer.public_key)
    return note


def verified_here(note: str, origin: str, keyring: Keyring) -> Checkpoint:
    """The checkpoint in `note`, if a key of this installation signed it, today's or an earlier one.

    Raises NoteRefused, or CheckpointRefused.
    """
    refused: NoteRefused | None = None
    for vkey in known_keys(origin, keyring):
        try:
            return verified(note, vkey)
        except NoteRefused as problem:
            refused = refused or problem
    raise refused or NoteRefused("no key of this installation signed this note")


def statement(origin: str, public_key: bytes) -> str:
    """What is signed about a key by those that sign beside it: that it signs here too."""
    return f"{_STATEMENT}\n{origin}\n{notes.vkey(origin, public_key)}\n"


def known_keys(origin: str, keyring: Keyring) -> Iterator[str]:
    """Verifier keys, the likeliest first; those from before are looked up only when they are needed."""
    for signer in keyring.signers():
        yield notes.vkey(origin, signer.public_key)
    for known in keyring.known_signers():
        yield notes.vkey(origin, known.public_key)
