"""That this program has found a policy sound: a mark beside the data, so that a start need not find it again.

The change that brought a policy into force has one too, so that the other processes need not either.

A mark decides nothing. What anybody may do is compiled from the policy's text, marked or not; without a mark all of it
is compiled and looked over before anything is served, with one it is compiled as it is asked for. The mark is a keyed
hash: who can write the file, and has not the keys, can only take it away.
"""

import hmac
import os
from pathlib import Path

from storage.keys.keyring import Keyring

_PURPOSE = "sound_policy"


def mark_of(keyring: Keyring, fingerprint: bytes) -> bytes:
    """Return the mark of what has this fingerprint: 32 bytes. Raises KeyStoreUnavailable."""
    return keyring.keyed_hash(_PURPOSE, fingerprint)


def fits(keyring: Keyring, fingerprint: bytes, mark: bytes) -> bool:
    """Whether `mark` was made for this fingerprint, under the newest key or one before. Raises KeyStoreUnavailable."""
    return any(hmac.compare_digest(mark, known) for known in keyring.keyed_hashes(_PURPOSE, fingerprint))


class Marks:
    """The mark of one policy at a time, in the file `place`."""

    def __init__(self, keyring: Keyring, place: Path) -> None:
        self._keyring = keyring
        self._place = place

    def is_sound(self, fingerprint: bytes) -> bool:
        """Whether what has this fingerprint was marked here. A mark that can't be read is none."""
        try:
            with self._place.open("rb") as file:
                found = file.read(65)
        except OSError:
            return False
        try:
            return fits(self._keyring, fingerprint, bytes.fromhex(found.decode()))
        except ValueError:
            return False

    def mark(self, fingerprint: bytes) -> None:
        """Mark it, in place of what was marked before. Where nothing can be written, the next start looks again."""
        new = self._place.with_name(f"{self._place.name}.{os.getpid()}")
        try:
            new.write_bytes(mark_of(self._keyring, fingerprint).hex().encode())
            new.replace(self._place)
        except OSError:
            new.unlink(missing_ok=True)
