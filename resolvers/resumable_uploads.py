"""Uploads in several transfers: what one brought is kept, and the next goes on from there."""

import hashlib
from dataclasses import dataclass

import structlog

from policies.actions import Action
from policies.errors import Refused
from resolvers.context import Context
from resolvers.errors import CodedError, Conflict
from resolvers.repeated_uploads import RepeatedUpload
from resolvers.tickets import Ticket
from resolvers.uploads import Upload, fillable, repeat
from storage.assets import Asset, AssetStatus, wait_for_upload
from storage.blobs.contexts import FileKind
from storage.blobs.errors import BlobBusy, BlobStoreUnavailable
from storage.blobs.partials import PartialWriter
from storage.intake import Intake
from storage.keys.names import project_keyset

log = structlog.get_logger("resolvers.uploads")


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
        """Remove what is left to go on with. It is of no use any more: where that fails, the sweep does so."""
        self.closed = True
        try:
            self.writer.done()
        except BlobStoreUnavailable as error:
            self.writer.put_away()
            log.warning("uploads.partials_left_to_sweep", code=error.code)

    def _withdraw(self, error: BaseException) -> None:
        if isinstance(error, (Refused, CodedError)):
            self.context.house.store.blobs.remove(self.blob_id)
            self._done()
        else:
            self.stop()

    def _checksum(self) -> str:
        if not self.whole:
            digest = hashlib.sha256()
            for piece in self.context.house.store.blobs.reader(self.blob_id, self.writer.size, self.writer.file).read():
                digest.update(piece)
            return digest.hexdigest()
        return super()._checksum()


def resume(context: Context, admitted: Ticket, offset: int) -> ResumableUpload | RepeatedUpload:
    """Go on at `offset` with the transfer that a ticket admits to, or begin it.

    Raises what `begin` raises, and `Conflict` while another transfer is writing.
    """
    asset, _ = fillable(context, admitted)
    if asset.status is not AssetStatus.AWAITING_UPLOAD:
        return repeat(context, asset, offset)
    blobs = context.house.store.blobs
    try:
        claim = blobs.partials.claim(admitted.object_id)
    except BlobBusy:
        raise Conflict("Another transfer is sending this file. Ask where it is (HEAD), and go on from there.") from None
    try:
        if blobs.exists(admitted.object_id):
            # An earlier transfer was the last, and how it ended is not known: its transaction may still be under way.
            wait_for_upload(context.house.store.engine, admitted.object_id)
        # Asked again: until the claim was taken, another transfer may have been the last.
        asset, strip = fillable(context, admitted)
        waits = asset.status is AssetStatus.AWAITING_UPLOAD
        file = asset.file(FileKind.CONTENT)
        writer = blobs.partials.writer(claim, project_keyset(asset.project_id), file) if waits else None
    except BaseException:
        claim.close()
        raise
    if writer is None:
        claim.close()
        return repeat(context, asset, offset)
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
