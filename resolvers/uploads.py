"""Uploads: a file's bytes on their way in, checked and sealed while they pass."""

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from policies.actions import Action
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, TooLarge
from resolvers.tickets import Ticket
from storage.assets import Asset, AssetStatus, Blob, lock_awaiting
from storage.blobs.writer import BlobWriter
from storage.contributors import strips_metadata
from storage.ids import new_id
from storage.intake import Intake
from storage.keys.names import project_keyset
from storage.ledger import events
from storage.ledger.events import Outcome
from storage.media import MediaMismatch
from storage.metadata import MetadataUnreadable

_WRONG = "The bytes are not of the announced mediaType."
_UNREADABLE = (
    "The owner of this project has metadata removed from images, and this file is built in a way that hides what in it "
    "is metadata. Nothing of it was kept: save the image anew, or ask the owner."
)


@dataclass
class Upload:
    """One transfer of an asset's bytes, from ticket to published blob. Abort it unless it was finished."""

    context: Context
    asset_id: uuid.UUID
    blob_id: uuid.UUID
    expected: int
    writer: BlobWriter
    intake: Intake
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `TooLarge` past the announced size, `BadInput` for another type of content."""
        if self.intake.received + len(chunk) > self.expected:
            raise TooLarge(f"More bytes came than the {self.expected} that were announced as byteSize.")
        self._keep(self._checked(chunk))

    def finish(self) -> Asset:
        """Publish the bytes: all of them, once, and only if the sender may still upload here.

        Raises `BadInput` for a short or mislabelled transfer, `Conflict` if another one was faster.
        """
        if self.intake.received != self.expected:
            raise BadInput(
                f"{self.intake.received} bytes came; byteSize announced {self.expected}. Send the whole file again."
            )
        self._keep(self._checked(None))
        self.writer.finish()
        store = self.context.house.store
        try:
            self.context.renewed("upload")
            with self.context.writing("upload") as context:
                return self._commit(context)
        except BaseException:
            store.blobs.remove(self.blob_id)
            raise

    def _checked(self, chunk: bytes | None) -> bytes:
        try:
            return self.intake.finish() if chunk is None else self.intake.feed(chunk)
        except MediaMismatch:
            raise BadInput(_WRONG, field="mediaType") from None
        except MetadataUnreadable:
            raise BadInput(_UNREADABLE, field="mediaType") from None

    def _keep(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.writer.write(chunk)

    def _commit(self, context: Context) -> Asset:
        asset = context.access.get(Asset, self.asset_id, Action.UPLOAD)
        work = context.work
        if not lock_awaiting(work.session, asset):
            raise Conflict("This asset has its bytes already.")
        kept = self.writer.size
        work.session.add(
            Blob(
                id=self.blob_id,
                owner_id=asset.owner_id,
                project_id=asset.project_id,
                object_id=asset.id,
                byte_size=kept,
            )
        )
        work.vault.seal(asset, checksum="sha256:" + self.digest.hexdigest())
        asset.blob_id, asset.status, asset.updated_at = self.blob_id, AssetStatus.AVAILABLE, work.now
        asset.byte_size, asset.metadata_handling = kept, self.intake.handling
        work.record(
            events.AssetUploaded(
                resource_id=asset.id,
                subject_id=asset.owner_id,
                project_id=asset.project_id,
                byte_size=kept,
                metadata=self.intake.handling,
            )
        )
        work.session.flush()
        return asset

    def abort(self) -> None:
        """Leave nothing of an unfinished transfer behind."""
        self.writer.abort()


def begin(context: Context, admitted: Ticket) -> Upload:
    """Open the transfer that a ticket admits to.

    Raises `NotFound` where the asset is gone or not the caller's to fill, `Conflict` where it has its bytes.
    """
    asset, strip = _awaiting(context, admitted)
    blob_id = new_id()
    writer = context.house.store.blobs.writer(blob_id, project_keyset(asset.project_id))
    return Upload(context, asset.id, blob_id, asset.byte_size, writer, Intake(asset.media_type, strip=strip))


def _awaiting(context: Context, admitted: Ticket) -> tuple[Asset, bool]:
    """The asset to be filled, and whether its owner has metadata removed."""
    with context.asked("upload"):
        asset = context.access.get(Asset, admitted.object_id, Action.UPLOAD)
        if asset.status is not AssetStatus.AWAITING_UPLOAD:
            raise Conflict("This asset has its bytes already. Create a new asset for another file.")
        return asset, strips_metadata(context.work.session, asset.owner_id)


def refused(context: Context, asset_id: uuid.UUID, reason: events.UploadRefusal, received: int) -> None:
    """Record that a transfer was turned away or broke off; the asset waits for another."""
    with context.writing("upload"):
        asset = context.access.get(Asset, asset_id, Action.UPLOAD)
        context.work.record(
            events.AssetUploadRefused(
                resource_id=asset.id,
                subject_id=asset.owner_id,
                project_id=asset.project_id,
                reason=reason,
                bytes_received=received,
            ),
            Outcome.DENIED,
        )
