"""Uploads: a file's bytes on their way in, checked and sealed while they pass."""

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

import structlog

from policies.actions import Action
from resolvers import quotas
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, TooLarge, Unavailable
from resolvers.lockdowns import holding
from resolvers.repeated_uploads import HAS_BYTES, RepeatedUpload
from resolvers.tickets import Ticket
from storage.assets import PICTURES, Asset, AssetStatus, Blob, lock_awaiting
from storage.blobs.contexts import FileKind
from storage.blobs.errors import BlobStoreUnavailable
from storage.blobs.writer import BlobWriter
from storage.contributors import strips_metadata
from storage.database import OutcomeUnknown
from storage.ids import new_id
from storage.intake import Intake
from storage.keys.names import project_keyset
from storage.ledger import events
from storage.ledger.events import Outcome
from storage.media import MediaMismatch
from storage.metadata import Handling, MetadataUnreadable
from storage.quotas import give_back
from storage.work import OutsideEffect

log = structlog.get_logger("resolvers.uploads")

_WRONG = "The bytes are not of the announced mediaType."
_UNREADABLE = (
    "The owner of this project has metadata removed from images, and this file is built in a way that hides what in it "
    "is metadata. Nothing of it was kept: save the image anew, or ask the owner."
)
_UNKNOWN = "The outcome is unknown. Send the same request again."


class _AlreadyFilled(Conflict):
    """Another transfer filled the asset first, with this blob."""

    def __init__(self, blob_id: uuid.UUID | None) -> None:
        super().__init__(HAS_BYTES)
        self.blob_id = blob_id


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
    """Of what was written, as long as this transfer wrote all of it."""
    is_named: bool = False
    """Whether a row names the bytes, or may: then they are kept, whatever failed afterwards."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `TooLarge` past the announced size, `BadInput` for another type of content."""
        if self.intake.received + len(chunk) > self.expected:
            raise TooLarge(f"More bytes came than the {self.expected} that were announced as byteSize.")
        self._keep(self._checked(chunk))

    @property
    def received(self) -> int:
        """Bytes that came so far, those of earlier transfers included."""
        return self.intake.received

    def demand_size(self, announced: int) -> None:
        """Raise `TooLarge` for a request that announces more bytes than byteSize."""
        if announced > self.expected:
            raise TooLarge(f"More bytes are announced than the {self.expected} of byteSize.")

    def finish(self) -> Asset:
        """Publish the bytes: all of them, once, and only if the sender may still upload here.

        Another transfer may have been faster, or an earlier one whose outcome was unknown: where that brought the same
        bytes, its asset is returned.

        Raises `BadInput` for a short or mislabelled transfer, `Conflict` if another one was faster with other bytes,
        `LockedDown`: what several transfers brought stays; and `Unavailable` where the outcome is unknown: then the
        bytes are left alone, and the same request may be sent again.
        """
        holding.admit(self.context, "upload", changes=True)
        if self.intake.received != self.expected:
            raise BadInput(
                f"{self.intake.received} bytes came; byteSize announced {self.expected}. Send the whole file again."
            )
        self._keep(self._checked(None))
        self.writer.finish()
        checksum: str | None = None
        try:
            with OutsideEffect(self._undo) as effect:
                checksum = self._checksum()
                self.context.renewed("upload")
                try:
                    with self.context.writing("upload") as context:
                        effect.named_by(context.work)
                        asset = self._commit(context, checksum)
                finally:
                    self.is_named = effect.is_named
        except OutcomeUnknown as error:
            raise Unavailable(_UNKNOWN) from error
        except _AlreadyFilled:
            return self._repeated(str(checksum))
        self._forget_partials()
        return asset

    def _undo(self, error: BaseException) -> None:
        if isinstance(error, _AlreadyFilled) and error.blob_id == self.blob_id:
            log.error("uploads.blob_named_already", blob_id=str(self.blob_id))
            return  # a row names it: it is not this transfer's to remove
        self._withdraw(error)

    def _withdraw(self, _error: BaseException) -> None:
        self.context.house.store.blobs.remove(self.blob_id)

    def _forget_partials(self) -> None:
        """Remove what another transfer of the same asset brought, which came too late. Else the sweep does so."""
        try:
            self.context.house.store.blobs.partials.remove_all([self.asset_id])
        except BlobStoreUnavailable as error:
            log.warning("uploads.partials_left_to_sweep", code=error.code)

    def _repeated(self, checksum: str) -> Asset:
        """The asset, if it was filled with the very bytes that came now. Raises `Conflict`."""
        with self.context.asked("upload") as context:
            asset = context.access.get(Asset, self.asset_id, Action.UPLOAD)
            same = asset.blob_id is not None and context.work.vault.matches(asset, "checksum", "sha256:" + checksum)
        if not same or asset.blob_id is None or not self.context.house.store.blobs.exists(asset.blob_id):
            raise Conflict(HAS_BYTES)
        return asset

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

    def _commit(self, context: Context, checksum: str) -> Asset:
        asset = context.access.get(Asset, self.asset_id, Action.UPLOAD)
        work = context.work
        if not lock_awaiting(work.session, asset):
            raise _AlreadyFilled(asset.blob_id)
        kept = self.writer.size
        less = asset.byte_size - kept
        work.session.add(
            Blob(
                id=self.blob_id,
                owner_id=asset.owner_id,
                project_id=asset.project_id,
                object_id=asset.id,
                byte_size=kept,
                kind=FileKind.CONTENT,
            )
        )
        work.vault.seal(asset, checksum="sha256:" + checksum)
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
        if asset.media_type in PICTURES:
            work.enqueue("thumbnail", asset.id, owner=asset.owner_id)
        work.session.flush()
        if less:  # metadata that was taken out was announced, and takes no room
            give_back(work.session, asset.owner_id, 0, less)
        return asset

    def _checksum(self) -> str:
        return str(self.digest.hexdigest())

    def abort(self) -> None:
        """Leave nothing of an unfinished transfer behind."""
        self.writer.abort()


def begin(context: Context, admitted: Ticket) -> Upload | RepeatedUpload:
    """Open the transfer that a ticket admits to. To an asset that has its bytes, it may bring the same ones again.

    Raises `NotFound` where the asset is gone or not the caller's to fill, and `OverQuota` where a limit was lowered
    below what its owner has.
    """
    asset, strip = fillable(context, admitted)
    if asset.status is not AssetStatus.AWAITING_UPLOAD:
        return repeat(context, asset, 0)
    blob_id = new_id()
    file = asset.file(FileKind.CONTENT)
    writer = context.house.store.blobs.writer(blob_id, project_keyset(asset.project_id), file)
    return Upload(context, asset.id, blob_id, asset.byte_size, writer, Intake(asset.media_type, strip=strip))


def repeat(context: Context, asset: Asset, offset: int) -> RepeatedUpload:
    """The same transfer once more: of the whole file, or from where the last part was saved whose end is not known.

    From no other place, or the answers would tell the file byte by byte. Raises `Conflict`, which is recorded.
    """
    blob_id, intake, position = asset.blob_id, None, 0
    if offset == 0:
        intake = Intake(asset.media_type, strip=asset.metadata_handling is not Handling.AS_SENT)
    elif blob_id == asset.id:
        saved = context.house.store.blobs.partials.saved(blob_id)
        if saved is not None and Intake.at(saved.notes).received == offset:
            intake, position = Intake.at(saved.notes), saved.size
    if intake is None or blob_id is None:
        refused(context, asset.id, events.UploadRefusal.ALREADY_UPLOADED, 0)
        raise Conflict(HAS_BYTES)
    return RepeatedUpload(context, asset, blob_id, intake, position)


def fillable(context: Context, admitted: Ticket) -> tuple[Asset, bool]:
    """The asset to be filled, and whether its owner has metadata removed. Raises `LockedDown` and `OverQuota`."""
    holding.admit(context, "upload", changes=True)
    with context.asked("upload"):
        asset = context.access.get(Asset, admitted.object_id, Action.UPLOAD)
        strips = strips_metadata(context.work.session, asset.owner_id)
        use = quotas.use_of(context, asset.owner_id)
    if asset.status is AssetStatus.AWAITING_UPLOAD:
        quotas.demand(context, asset.owner_id, asset.byte_size, use)
    return asset, strips


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
