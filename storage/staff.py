"""Staff: the people who run the platform. No role of theirs opens a contributor's content."""

import enum
import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, keyed, plain, sealed
from storage.sealed import Sealed

_NOT_A_SUBJECT = NotExported("staff accounts are not contributors; the row is about an employee of the operator")


class StaffRole(enum.StrEnum):
    """A job, with the access it needs and no more. Job statements stand in policy.polar."""

    AUDITOR = "AUDITOR"
    PRIVACY = "PRIVACY"
    SECURITY = "SECURITY"
    SUPPORT = "SUPPORT"
    SYSADMIN = "SYSADMIN"


class StaffMember(Record):
    """An employee's account."""

    __tablename__ = "staff_members"
    card = DataCard(subject=None, retention="staff", export=_NOT_A_SUBJECT)
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = plain(default=now)
    email: Mapped[Sealed] = sealed()
    email_lookup: Mapped[bytes] = keyed(unique=True)
    password_hash: Mapped[Sealed] = sealed()


class RoleAssignment(Record):
    """One role held by one member of staff."""

    __tablename__ = "role_assignments"
    card = DataCard(subject=None, retention="staff", export=_NOT_A_SUBJECT)

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    staff_id: Mapped[uuid.UUID] = plain(index=True)
    role: Mapped[StaffRole] = plain()
    assigned_at: Mapped[datetime] = plain(default=now)
