"""The blob store: sealed files, each under a keyset of its own, in a local directory or as objects of a bucket.

What is being written lies in the directory either way, sealed, and is published when it is whole.
"""

import os
import time
import uuid
from collections.abc import Collection, Container, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from storage.blobs.claims import Claim, remove_abandoned
from storage.blobs.contexts import FileContext
from storage.blobs.directories import Directories
from storage.blobs.errors import disk
from storage.blobs.partials import Partials
from storage.blobs.published import Published, PublishedFiles
from storage.blobs.reader import BlobReader
from storage.blobs.segments import HEADER
from storage.blobs.writer import BlobWriter
from storage.keys.keyring import AT_ONCE, Keyring
from storage.keys.names import KeysetName, blob_keyset

_PIECE = 1024 * 1024


class BlobStore:
    """Blobs under `root`, by id. Destroying a blob's keyset makes its file unreadable wherever copies of it lie."""

    def __init__(self, root: Path, keyring: Keyring, published: Published | None = None) -> None:
        """Blobs that are whole lie in `published`, where that is given."""
        self._directories = Directories(root)
        self._published = published or PublishedFiles(self._directories)
        self._keyring = keyring
        self.partials = Partials(self._directories, self._published, keyring)
        """Blobs that come in several transfers."""

    def writer(self, blob_id: uuid.UUID, keyset: KeysetName, file: FileContext) -> BlobWriter:
        """Begin a blob under a fresh keyset of its own, wrapped by `keyset` (its project's or contributor's).

        It opens only as `file`. What a killed attempt at the same blob left is replaced. A caller that has made the
        blob's own keyset passes that. Raises BlobExists, BlobBusy, BlobStoreUnavailable, and what `Keyring.create`
        raises.
        """
        own = blob_keyset(blob_id)
        claim = Claim.take(self._directories, self._published, blob_id)
        try:
            if keyset != own:
                if self._keyring.exists(own):
                    self._keyring.destroy(own)
                self._keyring.create(own, self._keyring.owner_of(keyset), parent=keyset)
            claim.write(HEADER)
            return BlobWriter(
                claim, self._published, file, lambda: self._keyring.aead(own), lambda: self._keyring.destroy(own)
            )
        except BaseException:
            claim.release()
            raise

    def reader(self, blob_id: uuid.UUID, size: int, file: FileContext, *, at_once: bool = False) -> BlobReader:
        """Open a blob that was stored as `file` with `size` plaintext bytes; `at_once` is for who uses `whole` alone.

        Raises BlobDamaged (BlobMissing), and key errors.
        """
        own = blob_keyset(blob_id)
        return BlobReader(self._published, blob_id, size, file, lambda: self._keyring.aead(own), at_once=at_once)

    def sealed(self, blob_id: uuid.UUID) -> Iterator[bytes]:
        """A blob as it lies there, piece by piece, opened by nobody. Raises BlobMissing and BlobStoreUnavailable."""
        with self._published.opened(blob_id) as blob:
            size = blob.size
            for start in range(0, size, _PIECE):
                yield blob.read(start, min(_PIECE, size - start), size)

    def put_back(self, blob_id: uuid.UUID, pieces: Iterable[bytes]) -> None:
        """Publish what `sealed` once gave, where no blob of that id lies. Raises BlobStoreUnavailable."""
        if self.exists(blob_id):
            return
        draft = self._directories.incoming / f"{blob_id}.back"
        with disk("a blob can't be put back"):
            try:
                with draft.open("wb") as file:
                    file.writelines(pieces)
                    file.flush()
                    os.fsync(file.fileno())
                self._published.put(draft, blob_id)
            finally:
                draft.unlink(missing_ok=True)

    def ask(self) -> None:
        """Return if the place where whole blobs lie answers. Raises BlobStoreUnavailable."""
        next(iter(self._published.listed()), None)

    def exists(self, blob_id: uuid.UUID) -> bool:
        """Whether a blob of that id has been published."""
        return self._published.exists(blob_id)

    def remove(self, blob_id: uuid.UUID) -> bool:
        """Destroy a blob's keyset, then its file, durably. Answers whether there was a file."""
        return self.remove_all([blob_id]) == 1

    def remove_all(self, blob_ids: Collection[uuid.UUID]) -> int:
        """Destroy these blobs' keysets, then their files, durably. Answers how many files there were."""
        self._keyring.destroy(*(blob_keyset(blob_id) for blob_id in blob_ids))
        return self._published.remove(blob_ids)

    def sweep(self, keep: Container[uuid.UUID], older_than_seconds: float) -> int:
        """Remove what crashes left behind: unfinished files that nobody writes, and blobs and keysets not in `keep`.

        Only things older than `older_than_seconds` go, which leaves time between publishing a blob and committing its
        row; what comes in several transfers has a day to be gone on with. `keep` is asked only about such old ones,
        after they were found, so that it may wait for transactions under way. Answers how many files were removed.
        Raises BlobStoreUnavailable and key errors.
        """
        before = time.time() - older_than_seconds
        stale = self._keyring.older_than("blob", timedelta(seconds=older_than_seconds))
        with disk("the blob store can't be swept"):
            removed = sum(remove_abandoned(path, before) for path in self._directories.incoming.iterdir())
        for blob_id, published_at in self._published.listed():
            if published_at < before and blob_id not in keep and not self.partials.exists(blob_id):
                removed += self.remove(blob_id)
        removed += self.partials.sweep()
        orphans = [name for name in stale if uuid.UUID(name.id) not in keep and not self._is_there(uuid.UUID(name.id))]
        for start in range(0, len(orphans), AT_ONCE):
            self._keyring.destroy(*orphans[start : start + AT_ONCE])
        return removed

    def _is_there(self, blob_id: uuid.UUID) -> bool:
        # In this order: a blob that is published between the two looks is seen by the second.
        begun = (self._directories.incoming / str(blob_id)).exists() or self.partials.exists(blob_id)
        return begun or self.exists(blob_id)
