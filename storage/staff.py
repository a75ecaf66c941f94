"""Staff: the people who run the platform. No role of theirs opens a contributor's content."""

import enum
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, UtcDateTime, keyed, plain, sealed
from storage.sealed import Sealed
from storage.statements import Question

_NOT_A_SUBJECT = NotExported("staff accounts are not contributors; the row is about an employee of the operator")


class StaffRole(enum.StrEnum):
    """A job, with the access it needs and no more. Job statements stand in policy.polar."""

    AUDITOR = "AUDITOR"
    PRIVACY = "PRIVACY"
    SECURITY = "SECURITY"
    SUPPORT = "SUPPORT"
    SYSADMIN = "SYSADMIN"


@dataclass(frozen=True)
class Separation:
    """Two jobs that nobody may hold together, and why."""

    jobs: frozenset[StaffRole]
    why: str


SEPARATIONS = (
    *(
        Separation(frozenset({StaffRole.AUDITOR, other}), "an auditor does not audit their own work")
        for other in StaffRole
        if other is not StaffRole.AUDITOR
    ),
    Separation(
        frozenset({StaffRole.PRIVACY, StaffRole.SECURITY}),
        "each is the second person for the other's access grants and legal holds",
    ),
    Separation(
        frozenset({StaffRole.SECURITY, StaffRole.SYSADMIN}),
        "a policy is proposed by one and confirmed by the other, and security watches who runs the machines",
    ),
)
"""Separation of duties, as data. It is asked when a job is given; `doctor` finds who holds two from before."""


def separation(held: Iterable[StaffRole], wanted: StaffRole) -> Separation | None:
    """What keeps somebody with these jobs from having another one; None where nothing does."""
    jobs = set(held)
    return next((each for each in SEPARATIONS if wanted in each.jobs and each.jobs - {wanted} <= jobs), None)


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
    ends_at: Mapped[datetime | None] = plain()
    """From when on it is held no more, without anybody taking it. None: until it is taken."""


def lock(session: Session, member: StaffMember) -> frozenset[StaffRole]:
    """The jobs that somebody holds; nobody else gives them one or takes one before this transaction ends."""
    session.refresh(member, with_for_update=True)
    return held(session, member.id, now())


_HELD = Question(  # built once: it is asked for each request of theirs
    select(RoleAssignment.role).where(
        RoleAssignment.staff_id == bindparam("staff"),
        or_(RoleAssignment.ends_at.is_(None), RoleAssignment.ends_at > bindparam("at", type_=UtcDateTime())),
    )
)


def held(session: Session, staff_id: uuid.UUID, moment: datetime) -> frozenset[StaffRole]:
    """The jobs that somebody holds at that moment: those whose time is up are held no more."""
    session.flush()  # what this unit of work has given or taken is held or not
    return frozenset(_HELD.ask(session.connection(), {"staff": staff_id, "at": moment}).column(0))


def unbounded_auditors(session: Session) -> int:
    """How many hold the job of auditor without an end, from before it had one."""
    endless = (RoleAssignment.role == StaffRole.AUDITOR) & RoleAssignment.ends_at.is_(None)
    return session.scalar(select(func.count()).select_from(RoleAssignment).where(endless)) or 0


def take_role(session: Session, member: StaffMember, role: StaffRole) -> None:
    """Somebody has this job no more."""
    held = (RoleAssignment.staff_id == member.id) & (RoleAssignment.role == role)
    session.execute(delete(RoleAssignment).where(held))


def forget(session: Session, member: StaffMember) -> None:
    """Somebody is gone: their account and their jobs."""
    session.execute(delete(RoleAssignment).where(RoleAssignment.staff_id == member.id))
    session.delete(member)


def overlapping(session: Session) -> list[Separation]:
    """For each member of staff who holds two jobs that nobody may, from before the list said so: which two."""
    held: dict[uuid.UUID, set[StaffRole]] = defaultdict(set)
    for staff_id, role in session.execute(select(RoleAssignment.staff_id, RoleAssignment.role)):
        held[staff_id].add(role)
    return [each for jobs in held.values() for each in SEPARATIONS if each.jobs <= jobs]
