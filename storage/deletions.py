"""Deletions: what a contributor asked to be destroyed, and what a separate count found afterwards."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import JSON, Index, delete, select, text
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, NotExported, Record, keyed, plain


class DeletionStatus(enum.StrEnum):
    """Where a deletion stands. ERASED is said only after the verifier counted and found nothing."""

    REQUESTED = "REQUESTED"
    DEFERRED = "DEFERRED"
    ERASING = "ERASING"
    VERIFYING = "VERIFYING"
    ERASED = "ERASED"
    PARTIALLY_ERASED = "PARTIALLY_ERASED"


class DeletionScope(enum.StrEnum):
    """What is destroyed, with everything that belongs to it."""

    ACCOUNT = "ACCOUNT"
    PROJECT = "PROJECT"
    PROMPT = "PROMPT"
    OUTPUT = "OUTPUT"
    ASSET = "ASSET"


class Deletion(Record):
    """One request to destroy something, with counts per kind of record: destroyed, and found left over."""

    __tablename__ = "deletions"
    __table_args__ = (
        # One at a time for each thing: of two requests at the same moment the second is a conflict.
        Index(
            "uq_deletions_open",
            "object_id",
            unique=True,
            sqlite_where=text("status <> 'ERASED'"),
            postgresql_where=text("status <> 'ERASED'"),
        ),
    )
    card = DataCard(subject="owner_id", retention="deletion", export=Exported("deletions.jsonl"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    scope: Mapped[DeletionScope] = plain()
    object_id: Mapped[uuid.UUID] = plain(index=True)
    status: Mapped[DeletionStatus] = plain(default=DeletionStatus.REQUESTED)
    destroyed: Mapped[dict[str, int]] = plain(JSON, default=dict)
    remaining: Mapped[dict[str, int]] = plain(JSON, default=dict)
    keysets_destroyed: Mapped[int] = plain(default=0)
    requested_at: Mapped[datetime] = plain(default=now)
    finished_at: Mapped[datetime | None] = plain()


class DeletionReceipt(Record):
    """Lets whoever asked for an account's deletion watch it to the end, once the account and its sessions are gone.

    It knows the bearer token's keyed hash and the deletion, and no person.
    """

    __tablename__ = "deletion_receipts"
    card = DataCard(subject=None, retention="session", export=NotExported("names nobody, and ends within the day"))

    token_hash: Mapped[bytes] = keyed(primary_key=True)
    deletion_id: Mapped[uuid.UUID] = plain()
    expires_at: Mapped[datetime] = plain()


def find(session: Session, deletion_id: uuid.UUID, *, lock: bool = False) -> Deletion | None:
    """The deletion with this id, for an agent that has not asked the door yet; with `lock` nobody else changes it."""
    return session.get(Deletion, deletion_id, with_for_update=lock or None, populate_existing=lock)


def erased(session: Session) -> set[uuid.UUID]:
    """The deletions that these data show as done and verified, by id."""
    return set(session.scalars(select(Deletion.id).where(Deletion.status == DeletionStatus.ERASED)))


def forget_receipts(session: Session, moment: datetime) -> None:
    """Delete the receipts that ended before `moment`."""
    session.execute(delete(DeletionReceipt).where(DeletionReceipt.expires_at < moment))
