"""Investigations: for a bounded time, and for a reason, security may open whom a part of the trail is about."""

import enum
import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed


class InvestigationStatus(enum.StrEnum):
    """Where an investigation stands."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"


class Investigation(Record):
    """One investigation, into a person or into all that one call set in motion. Of both columns one is empty.

    `expires_at` ends it even while its status still says OPEN. What it kept from being forgotten is let go afterwards
    (`released_at`); it forgets its own person with them, if their account is gone.
    """

    __tablename__ = "investigations"
    card = DataCard(
        subject=None, retention="audit", export=NotExported("told in audit_events.jsonl: investigation.opened and on")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID | None] = plain(index=True)
    correlation_id: Mapped[uuid.UUID | None] = plain(index=True)
    status: Mapped[InvestigationStatus] = plain(default=InvestigationStatus.OPEN)
    reason: Mapped[Sealed] = sealed(under="ledger")
    opened_by: Mapped[uuid.UUID] = plain()
    opened_at: Mapped[datetime] = plain(default=now)
    expires_at: Mapped[datetime] = plain()
    ended_at: Mapped[datetime | None] = plain()
    released_at: Mapped[datetime | None] = plain()


def live(session: Session, people: Iterable[uuid.UUID], correlations: Iterable[uuid.UUID]) -> list[Investigation]:
    """The investigations under way at this moment into any of these, oldest first."""
    concerned = Investigation.person_id.in_(list(people)) | Investigation.correlation_id.in_(list(correlations))
    under_way = (Investigation.status == InvestigationStatus.OPEN) & (Investigation.expires_at > now())
    return list(session.scalars(select(Investigation).where(concerned, under_way).order_by(Investigation.id)))


def expire(session: Session, moment: datetime) -> list[Investigation]:
    """End those whose time was up at `moment`; answers them."""
    over = (Investigation.status == InvestigationStatus.OPEN) & (Investigation.expires_at <= moment)
    ended = list(session.scalars(select(Investigation).where(over).with_for_update()))
    for each in ended:
        each.status, each.ended_at = InvestigationStatus.EXPIRED, each.expires_at
    session.flush()
    return ended


def release(session: Session, moment: datetime) -> int:
    """Note that what ended investigations held may be forgotten now; answers how many there were."""
    waiting = (Investigation.status != InvestigationStatus.OPEN) & Investigation.released_at.is_(None)
    released = update(Investigation).where(waiting).values(released_at=moment).returning(Investigation.id)
    return len(session.execute(released, execution_options={"synchronize_session": False}).all())


def forget(session: Session, before: datetime) -> None:
    """Delete those that ended before that moment: no entry of the trail that they opened is personal any more."""
    session.execute(delete(Investigation).where(Investigation.released_at < before))
