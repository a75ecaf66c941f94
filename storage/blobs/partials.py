"""Blobs that come in several transfers, across lost connections and restarts of this process.

What has been acknowledged is sealed and durable: whole segments in the data, the rest of them, with what the caller
must know to go on, in a sealed note. Nothing is visible until the blob is whole.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from storage.blobs.contexts import FileContext
from storage.blobs.directories import Directories
from storage.blobs.errors import disk
from storage.blobs.published import Published
from storage.blobs.segments import HEADER, SegmentKey, offset
from storage.blobs.unfinished import Unfinished, lock_directory, read_note, remove_directory, saved_at
from storage.blobs.writer import BlobWriter
from storage.keys.errors import CiphertextDamaged, KeyDestroyed
from storage.keys.keyring import Keyring
from storage.keys.names import KeysetName, blob_keyset

# A note is read for as long as its upload may be gone on with, about a day: another layout gets another label.
_LABEL = b"MUNPART\x02"

LIFE = 24 * 3600
"""Seconds after which an unfinished blob that nobody went on with is swept."""


class Saved(NamedTuple):
    """How far a blob is: segments in its data, plaintext bytes in all, those in no segment yet, the caller's notes."""

    segments: int
    size: int
    pending: bytes
    notes: Any


class PartialWriter(BlobWriter):
    """A blob being written that can be put away and gone on with. `notes` are the caller's own, None at the start."""

    def __init__(
        self,
        claim: Unfinished,
        published: Published,
        file: FileContext,
        key: Callable[[], SegmentKey],
        give_up: Callable[[], object],
        saved: Saved | None,
    ) -> None:
        super().__init__(claim, published, file, key, give_up)
        self._unfinished = claim
        self.notes = None
        if saved is None:
            claim.write(HEADER)
        else:
            self._index, self.size, self.notes = saved.segments, saved.size, saved.notes
            self._pending, self._held = [saved.pending] if saved.pending else [], len(saved.pending)

    def save(self, notes: Any) -> None:
        """Make all that was taken durable, with `notes` (what JSON holds). Raises BlobStoreUnavailable, key errors."""
        self._refuse_closed()
        held = base64.b64encode(b"".join(self._pending)).decode()
        plain = json.dumps([self._index, self.size, held, notes], separators=(",", ":")).encode()
        self._unfinished.save(_LABEL + self._key().encrypt(plain, _context(self._claim.blob_id)))

    def put_away(self) -> None:
        """Let others go on from what was last saved. After `finish`: only while no row names the blob."""
        self._open = False
        self._pending.clear()
        self._unfinished.close()

    def done(self) -> None:
        """The blob is published and a row names it: nothing is left to go on with."""
        self._unfinished.release()


class Partials:
    """The unfinished blobs of a store."""

    def __init__(self, directories: Directories, published: Published, keyring: Keyring) -> None:
        self._directories = directories
        self._published = published
        self._keyring = keyring

    def claim(self, blob_id: uuid.UUID) -> Unfinished:
        """The only right to go on with a blob. Raises BlobBusy and BlobStoreUnavailable."""
        return Unfinished.take(self._directories, blob_id)

    def writer(self, claim: Unfinished, keyset: KeysetName, file: FileContext) -> PartialWriter:
        """Go on with a blob where it was last saved, or begin it, under a fresh keyset that `keyset` wraps.

        It opens only as `file`, which is the same each time. The caller MUST know that no row names the blob. Raises
        BlobStoreUnavailable, and what `Keyring.create` raises.
        """
        own = blob_keyset(claim.blob_id)
        saved = self._opened(claim.blob_id, claim.note())
        if saved is None or not claim.resume(offset(saved.segments), self._published):
            saved = None
            self._keyring.destroy(own)
            self._keyring.create(own, self._keyring.owner_of(keyset), parent=keyset)
            claim.begin()
        return PartialWriter(
            claim, self._published, file, lambda: self._keyring.aead(own), lambda: self._keyring.destroy(own), saved
        )

    def saved(self, blob_id: uuid.UUID) -> Saved | None:
        """How far a blob is, without a claim on it; None where nothing can be gone on with."""
        with disk("a blob's note can't be read"):
            note = read_note(self._directories.unfinished / str(blob_id))
        return self._opened(blob_id, note)

    def exists(self, blob_id: uuid.UUID) -> bool:
        """Whether a blob was begun and is neither finished nor removed."""
        return (self._directories.unfinished / str(blob_id)).is_dir()

    def all(self) -> Iterator[uuid.UUID]:
        """Every blob that was begun and is neither finished nor removed."""
        with disk("unfinished blobs can't be listed"):
            yield from (blob_id for blob_id, _ in list(self._directories.all_unfinished()))

    def remove_all(self, blob_ids: Collection[uuid.UUID]) -> int:
        """Destroy the keysets of those of these blobs that are unfinished, then their files; how many there were.

        Whoever is writing one fails at the next segment.
        """
        there = [blob_id for blob_id in blob_ids if self.exists(blob_id)]
        for blob_id in there:
            self._give_up(blob_id)
        with disk("unfinished blobs can't be removed"):
            return sum(remove_directory(self._directories.unfinished / str(blob_id)) for blob_id in there)

    def sweep(self) -> int:
        """Remove unfinished blobs that were last saved more than LIFE ago and that nobody is writing; how many."""
        removed = 0
        for blob_id, path in list(self._directories.all_unfinished()):
            lock = lock_directory(path)
            if lock is None:
                continue
            claim = Unfinished(blob_id, path, lock)
            if saved_at(path) < time.time() - LIFE:
                self._give_up(blob_id)
                claim.release()
                removed += 1
            else:
                claim.close()
        return removed

    def _give_up(self, blob_id: uuid.UUID) -> None:
        if not self._published.exists(blob_id):  # a row may name it: then the key is no longer ours
            self._keyring.destroy(blob_keyset(blob_id))

    def _opened(self, blob_id: uuid.UUID, note: bytes | None) -> Saved | None:
        if note is None or not note.startswith(_LABEL):
            return None
        try:
            plain = self._keyring.aead(blob_keyset(blob_id)).decrypt(note[len(_LABEL) :], _context(blob_id))
        except (CiphertextDamaged, KeyDestroyed):
            return None  # it can't be gone on with, and is begun anew
        segments, size, pending, notes = json.loads(plain)
        return Saved(segments, size, base64.b64decode(pending), notes)


def _context(blob_id: uuid.UUID) -> bytes:
    return _LABEL + blob_id.bytes
