"""Follow-ups: what is to be done after an incident, whose it is, by when, and whether somebody else saw that it was."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed


class FollowUpStatus(enum.StrEnum):
    """Where one stands."""

    OPEN = "OPEN"
    DONE = "DONE"  # its owner says so
    VERIFIED = "VERIFIED"  # and somebody else has seen it


class FollowUp(Record):
    """One thing to be done after an incident. It outlives the incident, which may be closed before it is done.

    `owner_id` is who of staff has to do it: they say when it is done, and never that they have seen it. `notes` is what
    people wrote about it, oldest first. Past `due_at` it is a finding until it is verified (`storage.controls`).
    """

    __tablename__ = "follow_ups"
    card = DataCard(
        subject=None, retention="audit", export=NotExported("what staff have to mend, which is about no contributor")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    incident_id: Mapped[uuid.UUID] = plain(index=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    task: Mapped[Sealed] = sealed(under="platform")
    status: Mapped[FollowUpStatus] = plain(default=FollowUpStatus.OPEN)
    opened_at: Mapped[datetime] = plain(default=now)
    due_at: Mapped[datetime] = plain(index=True)
    done_at: Mapped[datetime | None] = plain()
    verified_at: Mapped[datetime | None] = plain()
    verified_by: Mapped[uuid.UUID | None] = plain()
    notes: Mapped[Sealed | None] = sealed(under="platform")

    def overdue(self, moment: datetime) -> bool:
        """Whether nobody has seen at `moment`, when it was due, that it is done."""
        return self.status is not FollowUpStatus.VERIFIED and self.due_at <= moment


def overdue(session: Session, moment: datetime) -> frozenset[uuid.UUID]:
    """Those that nobody has seen done at `moment`, though they were due."""
    return frozenset(session.scalars(select(FollowUp.id).where(late(moment))))


def late(moment: datetime) -> ColumnElement[bool]:
    """`FollowUp.overdue`, as a condition."""
    return (FollowUp.status != FollowUpStatus.VERIFIED) & (FollowUp.due_at <= moment)


def lock(session: Session, follow_up: FollowUp) -> FollowUpStatus:
    """Keep others from deciding about it until this transaction ends; answers where it stands now."""
    session.execute(select(FollowUp.id).where(FollowUp.id == follow_up.id).with_for_update())
    session.refresh(follow_up)
    return follow_up.status
