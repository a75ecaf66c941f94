"""Exports: a copy of everything, made for its owner."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, Record, plain


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
    """One request for a copy, and the archive that answers it until it expires."""

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
    project_id: Mapped[uuid.UUID | None] = plain()
    status: Mapped[ExportStatus] = plain(default=ExportStatus.QUEUED)
    percentage: Mapped[int] = plain(default=0)
    byte_size: Mapped[int | None] = plain(BigInteger)
    blob_id: Mapped[uuid.UUID | None] = plain()
    created_at: Mapped[datetime] = plain(default=now)
    finished_at: Mapped[datetime | None] = plain()
    expires_at: Mapped[datetime | None] = plain()
