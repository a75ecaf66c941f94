"""Exports: a copy of everything, made for its owner; from the request to the archive, which a deletion may overtake."""

import enum
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Mapped, Session

from storage.assets import Blob
from storage.blobs.contexts import FileContext, FileKind
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus
from storage.ids import new_id
from storage.records import DataCard, Exported, Record, plain, sealed
from storage.sealed import Sealed


class ExportStatus(enum.StrEnum):
    """Where an export stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    READY = "READY"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class ExportScope(enum.StrEnum):
    """How much is taken out."""

    ACCOUNT = "ACCOUNT"
    PROJECT = "PROJECT"


class Export(Record):
    """One request for a copy, and the archive that answers it until it expires.

    `recipient` is the age public key that the archive is encrypted to as well, `since` the moment before which files
    are left out, `lifetime_days` how long it is wanted. Whoever gave a `webhook_url` is told there that it has ended.
    """

    __tablename__ = "exports"
    card = DataCard(
        subject="owner_id",
        retention="export",
        export=Exported("exports.jsonl"),
        within={"export": "id", "project": "project_id"},
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    scope: Mapped[ExportScope] = plain()
    project_id: Mapped[uuid.UUID | None] = plain(index=True)
    status: Mapped[ExportStatus] = plain(default=ExportStatus.QUEUED)
    percentage: Mapped[int] = plain(default=0)
    byte_size: Mapped[int | None] = plain(BigInteger)
    blob_id: Mapped[uuid.UUID | None] = plain(index=True)
    created_at: Mapped[datetime] = plain(default=now)
    finished_at: Mapped[datetime | None] = plain()
    expires_at: Mapped[datetime | None] = plain()
    since: Mapped[datetime | None] = plain()
    lifetime_days: Mapped[int | None] = plain()
    recipient: Mapped[Sealed | None] = sealed()
    webhook_url: Mapped[Sealed | None] = sealed()
    webhook_secret: Mapped[Sealed | None] = sealed(under="platform")
    notified_at: Mapped[datetime | None] = plain()
    announce_attempts: Mapped[int] = plain(
        default=0, withheld="says how often the platform tried to announce it, and is needed until it has come"
    )

    @property
    def file(self) -> FileContext:
        """Return what its archive is bound to."""
        return FileContext(FileKind.ARCHIVE, self.owner_id, self.id)


UNFINISHED = (ExportStatus.QUEUED, ExportStatus.RUNNING)
"""While it waits to be built, and while it is."""


class ExportLost(Exception):
    """The export is no longer wanted: what it copies is being deleted, or the export itself was."""

    code = "EXPORT_LOST"


def requested_since(session: Session, owner_id: uuid.UUID, moment: datetime) -> tuple[int, datetime | None]:
    """Return how many exports the contributor asked for after `moment`, and when the first of them.

    Who asks meanwhile waits for this transaction.
    """
    session.get(Contributor, owner_id, with_for_update=True, populate_existing=True)
    counted = select(func.count(), func.min(Export.created_at)).where(
        Export.owner_id == owner_id, Export.created_at > moment
    )
    count, first = session.execute(counted).one()
    return count, first


def owner_of(session: Session, export_id: uuid.UUID) -> uuid.UUID | None:
    """Who asked for the export; None when there is no such export."""
    return session.scalar(select(Export.owner_id).where(Export.id == export_id))


def blob_of(export: Export) -> uuid.UUID:
    """The blob that a claimed export is written to. Raises ExportLost when it has none."""
    if export.blob_id is None:
        raise ExportLost
    return export.blob_id


def start(session: Session, export_id: uuid.UUID) -> tuple[Export, uuid.UUID | None]:
    """Claim an export for building under a fresh blob id; also answers the blob id that a crashed run left, if any.

    Raises ExportLost when it is gone, ended, or its owner is being erased.
    """
    export = session.get(Export, export_id, with_for_update=True, populate_existing=True)
    if export is None or export.status not in UNFINISHED:
        raise ExportLost
    _owner_must_be_active(session, export.owner_id)
    left = export.blob_id
    export.status, export.percentage, export.blob_id = ExportStatus.RUNNING, 0, new_id()
    return export, left


def advance(session: Session, export: Export, percentage: int) -> None:
    """Note how far the build is. Raises ExportLost when it is no longer wanted."""
    wanted = exists().where(Contributor.id == export.owner_id, Contributor.status == ContributorStatus.ACTIVE)
    statement = update(Export).where(_claimed(export), wanted).values(percentage=percentage).returning(Export.id)
    if session.scalar(statement, execution_options={"synchronize_session": False}) is None:
        raise ExportLost


def publish(session: Session, export: Export, byte_size: int, lifetime: timedelta) -> None:
    """Make the finished archive available for `lifetime`, or for as long as was asked if that is shorter.

    Raises ExportLost when it is no longer wanted.
    """
    _owner_must_be_active(session, export.owner_id)
    row = session.scalar(select(Export).where(_claimed(export)).with_for_update())
    if row is None:
        raise ExportLost
    whose = {"owner_id": row.owner_id, "project_id": row.project_id, "object_id": row.id}
    session.add(Blob(id=blob_of(row), byte_size=byte_size, kind=FileKind.ARCHIVE, **whose))
    moment = now()
    row.status, row.percentage, row.byte_size = ExportStatus.READY, 100, byte_size
    if row.lifetime_days is not None:
        lifetime = min(lifetime, timedelta(days=row.lifetime_days))
    row.finished_at, row.expires_at = moment, moment + lifetime


def fail(session: Session, export_id: uuid.UUID) -> bool:
    """Note that the build ended without an archive; False when the export had ended, or was gone, already."""
    unfinished = Export.status.in_(UNFINISHED)
    values = {"status": ExportStatus.FAILED, "blob_id": None, "finished_at": now()}
    statement = update(Export).where(Export.id == export_id, unfinished).values(**values).returning(Export.id)
    return session.scalar(statement, execution_options={"synchronize_session": False}) is not None


def withdraw(export: Export, moment: datetime) -> None:
    """Let nobody build or fetch the archive from now on. Its bytes are `due` at once."""
    export.status, export.expires_at = ExportStatus.EXPIRED, moment
    export.finished_at = export.finished_at or moment


@dataclass(frozen=True)
class Due:
    """An archive that is to be destroyed: its time was up, or its owner wanted it gone (`withdrawn`)."""

    export_id: uuid.UUID
    owner_id: uuid.UUID
    blob_id: uuid.UUID
    withdrawn: bool


def due(session: Session, moment: datetime, export_id: uuid.UUID | None = None) -> list[Due]:
    """Every archive whose time was up at `moment`, or this one alone, if it is."""
    ended = Export.status.in_((ExportStatus.READY, ExportStatus.EXPIRED))
    over = ended & (Export.expires_at <= moment) & Export.blob_id.is_not(None)
    if export_id is not None:
        over &= Export.id == export_id
    return [
        Due(row.id, row.owner_id, blob_of(row), row.status is ExportStatus.EXPIRED)
        for row in session.scalars(select(Export).where(over))
    ]


def expire(session: Session, export_id: uuid.UUID) -> bool:
    """Note that an archive's time was up and that it is destroyed; False when it was gone already."""
    ended = Export.status.in_((ExportStatus.READY, ExportStatus.EXPIRED))
    statement = update(Export).where(Export.id == export_id, ended, Export.blob_id.is_not(None))
    changed = statement.values(status=ExportStatus.EXPIRED, blob_id=None).returning(Export.id)
    if session.scalar(changed, execution_options={"synchronize_session": False}) is None:
        return False
    session.execute(delete(Blob).where(Blob.object_id == export_id), execution_options={"synchronize_session": False})
    return True


def is_waited_for(session: Session, export_id: uuid.UUID) -> bool:
    """Whether somebody named an address at which they want to hear that the export has ended."""
    return session.scalar(select(Export.id).where(Export.id == export_id, Export.webhook_url.is_not(None))) is not None


def count_announcement(session: Session, export_id: uuid.UUID) -> int:
    """Count an attempt to announce it before that is made. Return how many there were, this one included."""
    counted = update(Export).where(Export.id == export_id).values(announce_attempts=Export.announce_attempts + 1)
    again = counted.returning(Export.announce_attempts)
    return session.scalar(again, execution_options={"synchronize_session": False}) or 0


def notified(session: Session, export_id: uuid.UUID) -> bool:
    """Note that whoever waited for the export was told, or could not be; False when it is gone, or was told already."""
    waiting = update(Export).where(Export.id == export_id, Export.notified_at.is_(None))
    statement = waiting.values(notified_at=now()).returning(Export.id)
    return session.scalar(statement, execution_options={"synchronize_session": False}) is not None


def known_blobs(session: Session) -> set[uuid.UUID]:
    """Every blob that a row names or that an export is being written to: what a sweep must leave alone."""
    building = select(Export.blob_id).where(Export.status == ExportStatus.RUNNING, Export.blob_id.is_not(None))
    return {*session.scalars(select(Blob.id)), *(blob_id for blob_id in session.scalars(building) if blob_id)}


def holding_copies(owner_id: uuid.UUID, project_id: uuid.UUID) -> ColumnElement[bool]:
    """The condition that an export may hold copies of things in that project of that owner: built, or begun already."""
    covers = or_(Export.scope == ExportScope.ACCOUNT, Export.project_id == project_id)
    return (Export.owner_id == owner_id) & Export.status.in_((ExportStatus.RUNNING, ExportStatus.READY)) & covers


def _claimed(export: Export) -> ColumnElement[bool]:
    return (Export.id == export.id) & (Export.status == ExportStatus.RUNNING) & (Export.blob_id == export.blob_id)


def _owner_must_be_active(session: Session, owner_id: uuid.UUID) -> None:
    owner = session.get(Contributor, owner_id, with_for_update={"read": True}, populate_existing=True)
    if owner is None or owner.status is not ContributorStatus.ACTIVE:
        raise ExportLost
