"""Uploads: a file's bytes on their way in, checked and sealed while they pass."""

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from policies.actions import Action
from policies.errors import Refused
from resolvers import quotas
from resolvers.context import Context
from resolvers.errors import BadInput, CodedError, Conflict, TooLarge
from resolvers.lockdowns import holding
from resolvers.tickets import Ticket
from storage.assets import PICTURES, Asset, AssetStatus, Blob, lock_awaiting
from storage.blobs.errors import BlobBusy
from storage.blobs.partials import PartialWriter
from storage.blobs.writer import BlobWriter
from storage.contributors import strips_metadata
from storage.ids import new_id
from storage.intake import Intake
from storage.keys.names import project_keyset
from storage.ledger import events
from storage.ledger.events import Outcome
from storage.media import MediaMismatch
from storage.metadata import MetadataUnreadable
from storage.quotas import give_back

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
    """Of what was written, as long as this transfer wrote all of it."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `TooLarge` past the announced size, `BadInput` for another type of content."""
        if self.intake.received + len(chunk) > self.expected:
            raise TooLarge(f"More bytes came than the {self.expected} that were announced as byteSize.")
        self._keep(self._checked(chunk))

    def finish(self) -> Asset:
        """Publish the bytes: all of them, once, and only if the sender may still upload here.

        Raises `BadInput` for a short or mislabelled transfer, `Conflict` if another one was faster, and `LockedDown`:
        what several transfers brought stays.
        """
        holding.admit(self.context, "upload", changes=True)
        if self.intake.received != self.expected:
            raise BadInput(
                f"{self.intake.received} bytes came; byteSize announced {self.expected}. Send the whole file again."
            )
        self._keep(self._checked(None))
        self.writer.finish()
        blobs = self.context.house.store.blobs
        try:
            checksum = self._checksum()
            self.context.renewed("upload")
            with self.context.writing("upload") as context:
                asset = self._commit(context, checksum)
        except BaseException as error:
            self._withdraw(error)
            raise
        blobs.partials.remove_all([self.asset_id])  # another transfer of the same asset came too late
        return asset

    def _withdraw(self, _error: BaseException) -> None:
        self.context.house.store.blobs.remove(self.blob_id)

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
            raise Conflict("This asset has its bytes already.")
        kept = self.writer.size
        less = asset.byte_size - kept
        work.session.add(
            Blob(
                id=self.blob_id,
                owner_id=asset.owner_id,
                project_id=asset.project_id,
                object_id=asset.id,
                byte_size=kept,
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


def begin(context: Context, admitted: Ticket) -> Upload:
    """Open the transfer that a ticket admits to.

    Raises `NotFound` where the asset is gone or not the caller's to fill, `Conflict` where it has its bytes, and
    `OverQuota` where a limit was lowered below what its owner has.
    """
    asset, strip = _awaiting(context, admitted)
    blob_id = new_id()
    writer = context.house.store.blobs.writer(blob_id, project_keyset(asset.project_id))
    return Upload(context, asset.id, blob_id, asset.byte_size, writer, Intake(asset.media_type, strip=strip))


@dataclass
class ResumableUpload(Upload):
    """A transfer of a part of an asset's bytes, from where the last one was saved. `stop` lets another go on."""

    writer: PartialWriter
    whole: bool = True
    """Whether this transfer wrote all that there is."""
    saved: int = 0
    """Bytes that are kept for good."""
    closed: bool = False
    """Whether the right to go on was given up."""

    @property
    def complete(self) -> bool:
        """Whether all bytes have come."""
        return self.intake.received == self.expected

    def save(self) -> None:
        """Make all that came durable: from now on it may be acknowledged."""
        self.writer.save(self.intake.state())
        self.saved = self.intake.received

    def stop(self) -> None:
        """Let others go on from what was last saved."""
        if not self.closed:
            self.closed = True
            self.writer.put_away()

    def finish(self) -> Asset:
        """As `Upload.finish`. Where that fails for a reason that may pass, the last part can be sent again."""
        asset = super().finish()
        self._done()
        return asset

    def abort(self) -> None:
        """Leave nothing behind of what came, now or before."""
        self.closed = True
        super().abort()

    def _done(self) -> None:
        self.closed = True
        self.writer.done()

    def _withdraw(self, error: BaseException) -> None:
        if isinstance(error, (Refused, CodedError)):
            self.context.house.store.blobs.remove(self.blob_id)
            self._done()
        else:
            self.stop()

    def _checksum(self) -> str:
        if not self.whole:
            digest = hashlib.sha256()
            for piece in self.context.house.store.blobs.reader(self.blob_id, self.writer.size).read():
                digest.update(piece)
            return digest.hexdigest()
        return super()._checksum()


def resume(context: Context, admitted: Ticket) -> ResumableUpload:
    """Go on with the transfer that a ticket admits to, or begin it.

    Raises what `begin` raises, and `Conflict` while another transfer is writing.
    """
    _awaiting(context, admitted)
    partials = context.house.store.blobs.partials
    try:
        claim = partials.claim(admitted.object_id)
    except BlobBusy:
        raise Conflict("Another transfer is sending this file. Ask where it is (HEAD), and go on from there.") from None
    try:
        # Asked again: until the claim was taken, another transfer may have been the last.
        asset, strip = _awaiting(context, admitted)
        writer = partials.writer(claim, project_keyset(asset.project_id))
    except BaseException:
        claim.close()
        raise
    notes = writer.notes
    intake = Intake(asset.media_type, strip=strip) if notes is None else Intake.at(notes)
    return ResumableUpload(
        context, asset.id, asset.id, asset.byte_size, writer, intake, whole=notes is None, saved=intake.received
    )


@dataclass(frozen=True)
class Standing:
    """How many bytes of an asset are kept for good, of how many."""

    offset: int
    length: int


def standing(context: Context, admitted: Ticket) -> Standing:
    """Where to go on. Raises `NotFound` where the asset is gone or not the caller's to fill."""
    with context.asked("upload"):
        asset = context.access.get(Asset, admitted.object_id, Action.UPLOAD)
    if asset.status is not AssetStatus.AWAITING_UPLOAD:
        return Standing(asset.byte_size, asset.byte_size)
    saved = context.house.store.blobs.partials.saved(asset.id)
    return Standing(0 if saved is None else Intake.at(saved.notes).received, asset.byte_size)


def _awaiting(context: Context, admitted: Ticket) -> tuple[Asset, bool]:
    """The asset to be filled, and whether its owner has metadata removed. Raises `LockedDown` and `OverQuota`."""
    holding.admit(context, "upload", changes=True)
    with context.asked("upload"):
        asset = context.access.get(Asset, admitted.object_id, Action.UPLOAD)
        strips = strips_metadata(context.work.session, asset.owner_id)
        use = quotas.use_of(context, asset.owner_id)
    if asset.status is not AssetStatus.AWAITING_UPLOAD:
        refused(context, asset.id, events.UploadRefusal.ALREADY_UPLOADED, 0)
        raise Conflict("This asset has its bytes already. Create a new asset for another file.")
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
