"""Appointments: who is to work here, and as what, as one asks for it and a second one agrees to it."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import JSON, select
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed
from storage.staff import StaffRole


class AppointmentStatus(enum.StrEnum):
    """Where it stands."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    DENIED = "DENIED"


class Appointment(Record):
    """Jobs that somebody is to have, with an account where they have none (`opens_account`).

    `staff_id` is whose they are; of an account that is not there yet, the id that it will have. Its address, and the
    first password, are forgotten as soon as somebody has decided: from then on the account has them, or nobody.
    """

    __tablename__ = "appointments"
    card = DataCard(
        subject=None, retention="appointments", export=NotExported("who works here, which is about no contributor")
    )
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    staff_id: Mapped[uuid.UUID] = plain(index=True)
    opens_account: Mapped[bool] = plain()
    roles: Mapped[list[str]] = plain(JSON)
    ends_at: Mapped[datetime | None] = plain()
    email: Mapped[Sealed | None] = sealed(opens_with="read_reason")
    password_hash: Mapped[Sealed | None] = sealed()
    why: Mapped[Sealed] = sealed(opens_with="read_reason")
    status: Mapped[AppointmentStatus] = plain(default=AppointmentStatus.REQUESTED)
    requested_by: Mapped[uuid.UUID] = plain()
    requested_at: Mapped[datetime] = plain(default=now)
    decided_by: Mapped[uuid.UUID | None] = plain()
    decided_at: Mapped[datetime | None] = plain()

    @property
    def jobs(self) -> list[StaffRole]:
        """The jobs, by their names."""
        return [StaffRole(each) for each in self.roles]


def lock(session: Session, row: Appointment) -> AppointmentStatus:
    """Keep others from deciding about it until this transaction ends; answers where it stands now."""
    session.execute(select(Appointment.id).where(Appointment.id == row.id).with_for_update())
    session.refresh(row)
    return row.status


def waiting(session: Session) -> list[Appointment]:
    """Those that nobody has decided about, oldest first."""
    undecided = select(Appointment).where(Appointment.status == AppointmentStatus.REQUESTED)
    return list(session.scalars(undecided.order_by(Appointment.requested_at, Appointment.id)))
