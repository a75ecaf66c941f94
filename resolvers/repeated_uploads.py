"""A transfer to an asset that has its bytes: accepted if it brings the same bytes again, and stores nothing.

A sender whose first transfer was committed without an answer sends it again. Bytes are compared with the stored ones,
all of them before anything is said, so that the answer does not tell how far a guess was right.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from policies.actions import Action
from resolvers.context import Context
from resolvers.errors import Conflict
from resolvers.lockdowns import holding
from storage.assets import Asset
from storage.blobs.contexts import FileKind
from storage.blobs.errors import BlobDamaged
from storage.intake import Intake
from storage.media import MediaMismatch
from storage.metadata import Handling, MetadataUnreadable

HAS_BYTES = "This asset has its bytes already. Create a new asset for another file."


@dataclass
class RepeatedUpload:
    """One such transfer. `asset` is as it was when the transfer began; what was done to metadata then is done again."""

    context: Context
    asset: Asset
    blob_id: uuid.UUID
    intake: Intake
    position: int = 0
    """Of the stored bytes: where the next ones are compared."""
    same: bool = True
    saved: int = 0
    """As in a `ResumableUpload`: bytes that are kept for good."""
    _stored: Iterator[bytes] | None = None
    _held: bytes = field(default=b"", repr=False)

    @property
    def asset_id(self) -> uuid.UUID:
        """The asset's id."""
        return self.asset.id

    @property
    def received(self) -> int:
        """Bytes that came so far, those of earlier transfers included."""
        return self.intake.received

    @property
    def complete(self) -> bool:
        """Whether nothing more is to come: what came with one request is all that is compared."""
        return True

    @property
    def is_named(self) -> bool:
        """Whether a row names what came: it names other bytes, so this transfer may be turned away."""
        return False

    @property
    def expected(self) -> int:
        """As many bytes as may come: more are not the same file."""
        if self.asset.metadata_handling is Handling.REMOVED:
            return self.context.limits.upload_bytes  # how many were announced is not kept
        return self.asset.byte_size

    def demand_size(self, announced: int) -> None:
        """Raise `Conflict` for a request that announces more bytes than can be the same."""
        if announced > self.expected:
            raise Conflict(HAS_BYTES)

    def write(self, chunk: bytes) -> None:
        """Compare the next bytes. Raises `Conflict` once there are more than can be the same."""
        self.demand_size(self.received + len(chunk))
        try:
            self._compare(self.intake.feed(chunk))
        except (MediaMismatch, MetadataUnreadable):
            self.same = False

    def finish(self) -> Asset:
        """Return the asset, which has these bytes. Raises `Conflict` where it has others, and BlobDamaged."""
        holding.admit(self.context, "upload", changes=True)
        try:
            self._compare(self.intake.finish())
        except (MediaMismatch, MetadataUnreadable):
            self.same = False
        self.context.renewed("upload")
        with self.context.asked("upload") as context:
            asset = context.access.get(Asset, self.asset.id, Action.UPLOAD)
        if not self.same or self.position != self.asset.byte_size or asset.blob_id != self.asset.blob_id:
            raise Conflict(HAS_BYTES)
        return asset

    def save(self) -> None:
        """Do nothing: the bytes are kept already."""

    def stop(self) -> None:
        """Do nothing: nobody waits for this transfer."""

    def abort(self) -> None:
        """Do nothing: nothing was stored."""

    def _compare(self, chunk: bytes) -> None:
        try:
            stored = self._stored = self._stored or self._open()
            self.position += len(chunk)
            while chunk and self.same:
                self._held = self._held or next(stored, b"")
                size = min(len(self._held), len(chunk))
                self.same = size > 0 and self._held[:size] == chunk[:size]
                self._held, chunk = self._held[size:], chunk[size:]
        except BlobDamaged as error:
            self.context.file_is_damaged(self.blob_id, error)
            raise

    def _open(self) -> Iterator[bytes]:
        size = self.asset.byte_size
        reader = self.context.house.store.blobs.reader(self.blob_id, size, self.asset.file(FileKind.CONTENT))
        return reader.read(min(self.position, size), size)
