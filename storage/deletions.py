"""Deletions: what a contributor asked to be destroyed, and what a separate count found afterwards."""

import enum
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, delete, select, text, update
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, NotExported, Record, keyed, plain

_UNLOADED = {"synchronize_session": False}


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


class DeletionOrigin(enum.StrEnum):
    """On whose word something is destroyed."""

    CONTRIBUTOR = "CONTRIBUTOR"
    RETENTION = "RETENTION"


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
    copies: Mapped[list[dict[str, Any]]] = plain(JSON, default=list, server_default="[]")
    """What providers of models were sent of it, and until when they may keep that."""
    bytes_destroyed: Mapped[int] = plain(BigInteger, default=0, server_default="0")
    origin: Mapped[DeletionOrigin] = plain(default=DeletionOrigin.CONTRIBUTOR, server_default="CONTRIBUTOR")
    requested_at: Mapped[datetime] = plain(default=now)
    keys_destroyed_at: Mapped[datetime | None] = plain()
    deferred_at: Mapped[datetime | None] = plain()
    finished_at: Mapped[datetime | None] = plain()
    certificate: Mapped[dict[str, Any] | None] = plain(JSON(none_as_null=True))
    """The signed envelope (storage/certificates), once the verifier has counted and found nothing."""
    addendum: Mapped[dict[str, Any] | None] = plain(JSON(none_as_null=True))
    """Another, of what providers of models have answered since who were asked to delete their copies."""
    addendum_at: Mapped[datetime | None] = plain()


class DeletionReceipt(Record):
    """Lets whoever asked for an account's deletion watch it to the end, once the account and its sessions are gone.

    It knows the bearer token's keyed hash and the deletion, and no person; and, for as long as it lasts, the salt with
    which the certificate's commitment to the account opens.
    """

    __tablename__ = "deletion_receipts"
    card = DataCard(subject=None, retention="session", export=NotExported("names nobody, and ends within the day"))

    token_hash: Mapped[bytes] = keyed(primary_key=True)
    deletion_id: Mapped[uuid.UUID] = plain(index=True)
    expires_at: Mapped[datetime] = plain()
    salt: Mapped[bytes | None] = plain()


def find(session: Session, deletion_id: uuid.UUID, *, lock: bool = False) -> Deletion | None:
    """The deletion with this id, for an agent that has not asked the door yet; with `lock` nobody else changes it."""
    return session.get(Deletion, deletion_id, with_for_update=lock or None, populate_existing=lock)


def lock(session: Session, deletion_id: uuid.UUID) -> None:
    """Let nobody else change the deletion until this transaction ends, for whoever asks the door for it next."""
    if session.get_bind().dialect.name == "sqlite":
        return  # there is one writer at a time, and it is us
    its = Deletion.__table__.c.id
    session.execute(select(its).where(its == deletion_id).with_for_update())


def is_under_way(session: Session, things: Collection[uuid.UUID]) -> bool:
    """Whether a deletion of one of these assets, projects or accounts was asked for and is not done."""
    going_on = Deletion.status.not_in((DeletionStatus.ERASED, DeletionStatus.DEFERRED))
    return session.scalar(select(Deletion.id).where(Deletion.object_id.in_(things), going_on).limit(1)) is not None


def erased(session: Session) -> set[uuid.UUID]:
    """The deletions that these data show as done and verified, by id."""
    return set(session.scalars(select(Deletion.id).where(Deletion.status == DeletionStatus.ERASED)))


def keep_salt(session: Session, deletion_id: uuid.UUID, salt: bytes) -> None:
    """Let whoever left open their certificate's commitment while their receipt lasts; kept nowhere else."""
    theirs = update(DeletionReceipt).where(DeletionReceipt.deletion_id == deletion_id)
    session.execute(theirs.values(salt=salt), execution_options=_UNLOADED)


def salt_of(session: Session, deletion_id: uuid.UUID) -> bytes | None:
    """What `keep_salt` kept, while it is there."""
    statement = select(DeletionReceipt.salt).where(DeletionReceipt.deletion_id == deletion_id)
    return session.scalar(statement.where(DeletionReceipt.expires_at > now()))


def forget_receipts(session: Session, moment: datetime) -> None:
    """Delete the receipts that ended before `moment`, and the names of those accounts that nobody watches any more.

    An erased account's deletions are then told apart from others', and no longer say whose they were.
    """
    session.execute(delete(DeletionReceipt).where(DeletionReceipt.expires_at < moment))
    watched = select(DeletionReceipt.deletion_id)
    over = (Deletion.scope == DeletionScope.ACCOUNT) & (Deletion.status == DeletionStatus.ERASED)
    named = select(Deletion).where(over, Deletion.owner_id != Deletion.id, Deletion.id.not_in(watched))
    for account in session.scalars(named).all():
        theirs = update(Deletion).where(Deletion.owner_id == account.owner_id)
        session.execute(theirs.values(owner_id=account.id), execution_options=_UNLOADED)
        mine = update(Deletion).where(Deletion.id == account.id)
        session.execute(mine.values(object_id=account.id), execution_options=_UNLOADED)
