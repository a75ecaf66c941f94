"""Lock-downs: for a bounded time and a reason nobody of staff and no agent works, and nothing new begins."""

import enum
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed


class LockdownStatus(enum.StrEnum):
    """Whether it is on. Past `expires_at` it is not, whatever stands here: the agents note that within minutes."""

    ACTIVE = "ACTIVE"
    ENDED = "ENDED"
    EXPIRED = "EXPIRED"


class LockdownEnding(enum.StrEnum):
    """How a lock-down came to its end."""

    SECOND_PERSON = "SECOND_PERSON"  # another member of staff than whoever began it
    MACHINE = "MACHINE"  # whoever runs the server, at its command line: nobody knows their name
    EXPIRED = "EXPIRED"  # its time was up


class Lockdown(Record):
    """One lock-down: when, until when at the latest, why, and who ended it. At most one is on.

    `begun_by` and `ended_by` are members of staff; None: it was done at the command line of the server.
    """

    __tablename__ = "lockdowns"
    __table_args__ = (
        Index(
            "uq_lockdowns_active",
            "status",
            unique=True,
            sqlite_where=text("status = 'ACTIVE'"),
            postgresql_where=text("status = 'ACTIVE'"),
        ),
    )
    card = DataCard(subject=None, retention="continuity", export=NotExported("how the platform stood: at /status"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    status: Mapped[LockdownStatus] = plain(default=LockdownStatus.ACTIVE)
    reason: Mapped[Sealed] = sealed(under="ledger", opens_with="read_reason")
    begun_by: Mapped[uuid.UUID | None] = plain()
    begun_at: Mapped[datetime] = plain(default=now)
    expires_at: Mapped[datetime] = plain()
    ended_by: Mapped[uuid.UUID | None] = plain()
    ended_at: Mapped[datetime | None] = plain()


class AlreadyLockedDown(Exception):
    """There is a lock-down already. Nothing of this one is kept."""


@dataclass(frozen=True)
class Span:
    """From when a lock-down is on, and when it ends by itself."""

    since: datetime
    until: datetime


_STANDING = select(Lockdown.begun_at, Lockdown.expires_at).where(Lockdown.status == LockdownStatus.ACTIVE)
"""Built once: every process asks it twice a second."""


def standing(session: Session, moment: datetime) -> Span | None:
    """The lock-down that is on at `moment`; None where there is none. One row by its index."""
    row = session.execute(_STANDING).first()
    return Span(row.begun_at, row.expires_at) if row is not None and row.expires_at > moment else None


def active(session: Session, moment: datetime) -> Lockdown | None:
    """The one that is on at `moment`, kept from others until this transaction ends."""
    on = (Lockdown.status == LockdownStatus.ACTIVE) & (Lockdown.expires_at > moment)
    return session.scalar(select(Lockdown).where(on).with_for_update())


def begin(session: Session, lockdown: Lockdown) -> None:
    """Switch it on with this transaction. Raises AlreadyLockedDown."""
    session.add(lockdown)
    try:
        session.flush()
    except IntegrityError as error:
        raise AlreadyLockedDown from error


def expire(session: Session, moment: datetime) -> Lockdown | None:
    """Note of the one whose time was up at `moment` that it has ended; answers it."""
    over = (Lockdown.status == LockdownStatus.ACTIVE) & (Lockdown.expires_at <= moment)
    found = session.scalar(select(Lockdown).where(over).with_for_update())
    if found is not None:
        found.status, found.ended_at = LockdownStatus.EXPIRED, found.expires_at
        session.flush()
    return found


def lock(session: Session, lockdown: Lockdown) -> LockdownStatus:
    """Keep others from ending it until this transaction does; answers where it stands now."""
    session.execute(select(Lockdown.id).where(Lockdown.id == lockdown.id).with_for_update())
    session.refresh(lockdown)
    return lockdown.status
