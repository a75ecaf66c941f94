"""Incidents: what a detection found, what was done at once, what people decided, and whom it concerned."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import JSON, BigInteger, ColumnElement, select, update
from sqlalchemy.orm import Mapped, Session

from storage.clock import is_ahead, now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed


class Severity(enum.StrEnum):
    """How soon people have to look."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"


class IncidentStatus(enum.StrEnum):
    """Where an incident stands, in this order; one that was none goes from FALSE_POSITIVE to CLOSED."""

    DETECTED = "DETECTED"
    CONTAINED = "CONTAINED"
    FALSE_POSITIVE = "FALSE_POSITIVE"
    CONFIRMED = "CONFIRMED"
    NOTIFIED = "NOTIFIED"
    RECOVERED = "RECOVERED"
    REVIEWED = "REVIEWED"
    CLOSED = "CLOSED"


class IncidentDecision(enum.StrEnum):
    """What people made of an incident."""

    CONFIRMED = "CONFIRMED"
    FALSE_POSITIVE = "FALSE_POSITIVE"


class IncidentImpact(enum.StrEnum):
    """What an incident did harm to."""

    AVAILABILITY = "AVAILABILITY"  # something was away, or is lost
    CONFIDENTIALITY = "CONFIDENTIALITY"  # somebody saw what is not theirs
    INTEGRITY = "INTEGRITY"  # something was altered


class Incident(Record):
    """One incident. Its timeline is the trail: every entry whose resource it is.

    `impacts` (none of them: an empty list), `impact` and `root_cause` in words, and the follow-ups
    (`storage.follow_ups`) or why there are none (`no_follow_ups`) come with its review.

    `actor_id` is whose credential it was, as the trail knows them; it is forgotten with them. `clock_until` is by when
    an authority may have to be told. `drill` says that it was an exercise. Sessions and keys that a measure did not end
    are counted as held: their exports wait for a proof of identity, or they are slowed down for a while.
    """

    __tablename__ = "incidents"
    card = DataCard(
        subject=None, retention="audit", export=NotExported("told in audit_events.jsonl: incident.notified")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    detection: Mapped[str] = plain(index=True)
    severity: Mapped[Severity] = plain()
    status: Mapped[IncidentStatus] = plain(default=IncidentStatus.DETECTED)
    drill: Mapped[bool] = plain(default=False)
    actor_kind: Mapped[str | None] = plain()
    actor_id: Mapped[uuid.UUID | None] = plain(index=True)
    hits: Mapped[int] = plain(default=1)
    began_at: Mapped[datetime] = plain()
    detected_at: Mapped[datetime] = plain(default=now)
    contained_at: Mapped[datetime | None] = plain()
    sessions_ended: Mapped[int] = plain(default=0)
    sessions_held: Mapped[int] = plain(default=0)
    keys_suspended: Mapped[int] = plain(default=0)
    keys_held: Mapped[int] = plain(default=0)
    grants_ended: Mapped[int] = plain(default=0)
    alerted_at: Mapped[datetime | None] = plain()
    escalations: Mapped[int] = plain(default=0)
    acknowledged_at: Mapped[datetime | None] = plain()
    acknowledged_by: Mapped[uuid.UUID | None] = plain()
    decided_at: Mapped[datetime | None] = plain()
    decided_by: Mapped[uuid.UUID | None] = plain()
    words: Mapped[Sealed | None] = sealed(under="platform")
    clock_until: Mapped[datetime] = plain()
    notice: Mapped[Sealed | None] = sealed(under="platform")
    notice_drafted_at: Mapped[datetime | None] = plain()
    notice_drafted_by: Mapped[uuid.UUID | None] = plain()
    notice_sent_at: Mapped[datetime | None] = plain()
    notice_approved_by: Mapped[uuid.UUID | None] = plain()
    notified: Mapped[int] = plain(default=0)
    recovered_at: Mapped[datetime | None] = plain()
    reviewed_at: Mapped[datetime | None] = plain()
    impacts: Mapped[list[str] | None] = plain(JSON(none_as_null=True))
    impact: Mapped[Sealed | None] = sealed(under="platform")
    root_cause: Mapped[Sealed | None] = sealed(under="platform")
    no_follow_ups: Mapped[Sealed | None] = sealed(under="platform")
    closed_at: Mapped[datetime | None] = plain()


class SentinelMark(Record):
    """How far the sentinel has read the log, and when it last said that it is there: one row.

    `cause` is why it does not get on, as far as it could still say so. `attempts` counts the processes that began to
    judge the entries from `next_index` on and did not come to their end.
    """

    __tablename__ = "sentinel_marks"
    card = DataCard(subject=None, retention="platform", export=NotExported("counts entries of the whole log"))

    id: Mapped[int] = plain(primary_key=True, autoincrement=False)
    next_index: Mapped[int] = plain(BigInteger, default=0)
    beat_at: Mapped[datetime] = plain(default=now)
    cause: Mapped[str | None] = plain()
    attempts: Mapped[int] = plain(default=0)


def mark(session: Session) -> SentinelMark | None:
    """How far the sentinel is; None before it ever ran."""
    return session.get(SentinelMark, 1)


def advance(session: Session, next_index: int, moment: datetime) -> None:
    """Note how far it is, and that it is there and gets on."""
    found = session.get(SentinelMark, 1, with_for_update=True)
    if found is None:
        session.add(SentinelMark(id=1, next_index=next_index, beat_at=moment))
    else:
        found.next_index, found.beat_at = max(found.next_index, next_index), moment
        found.cause, found.attempts = None, 0


def is_sound(found: SentinelMark, end: int, moment: datetime) -> bool:
    """Return whether a mark can be right, for a log with so many entries: it lies in it, and not in the future."""
    return 0 <= found.next_index <= end and not is_ahead(found.beat_at, moment)


def correct(session: Session, next_index: int, moment: datetime) -> None:
    """Put a mark that can't be right where detection goes on, as if it had last been there at `moment`."""
    found = session.get(SentinelMark, 1, with_for_update=True)
    if found is not None:
        found.next_index, found.beat_at, found.attempts = next_index, moment, 0


def begin(session: Session) -> int:
    """Count that a process begins to judge the entries at the mark. Return how often that was."""
    found = session.get(SentinelMark, 1, with_for_update=True)
    if found is None:
        return 1
    found.attempts += 1
    return found.attempts


def note_cause(session: Session, cause: str) -> None:
    """Note why detection does not get on, in a process that goes on. Nothing is noted before detection has begun."""
    found = session.get(SentinelMark, 1, with_for_update=True)
    if found is not None:
        found.cause, found.attempts = cause, 0


def open_about(session: Session, detection: str, actor_id: uuid.UUID | None) -> Incident | None:
    """The incident that another hit of the same detection by the same actor belongs to, unless people have decided."""
    same = Incident.actor_id == actor_id if actor_id is not None else Incident.actor_id.is_(None)
    undecided = Incident.status.in_((IncidentStatus.DETECTED, IncidentStatus.CONTAINED))
    found = select(Incident).where(Incident.detection == detection, same, undecided).order_by(Incident.id)
    return session.scalars(found.with_for_update()).first()


def end_drill(session: Session, incident_id: uuid.UUID, moment: datetime) -> None:
    """Close the incident of an exercise: there is nothing for people to decide."""
    drilled = (Incident.id == incident_id) & Incident.drill
    session.execute(update(Incident).where(drilled).values(status=IncidentStatus.CLOSED, closed_at=moment))


def unacknowledged_ids(session: Session) -> list[uuid.UUID]:
    """Return those that nobody has looked at yet."""
    return list(session.scalars(select(Incident.id).where(_unheard()).order_by(Incident.id)))


def unacknowledged(session: Session, incident_id: uuid.UUID) -> Incident | None:
    """Return one of them, kept from others until this transaction ends; None where somebody has looked meanwhile."""
    return session.scalar(select(Incident).where(_unheard(), Incident.id == incident_id).with_for_update())


def _unheard() -> ColumnElement[bool]:
    return Incident.acknowledged_at.is_(None) & (Incident.status != IncidentStatus.CLOSED)


def sent(session: Session, incident_id: uuid.UUID) -> Incident | None:
    """An incident whose notice two people have let go; None before that, or where there is none."""
    approved = (Incident.id == incident_id) & Incident.notice_sent_at.is_not(None) & Incident.notice.is_not(None)
    return session.scalar(select(Incident).where(approved))


def lock(session: Session, incident: Incident) -> IncidentStatus:
    """Keep others from deciding about it until this transaction ends; answers where it stands now."""
    session.execute(select(Incident.id).where(Incident.id == incident.id).with_for_update())
    session.refresh(incident)
    return incident.status


def forget(session: Session, person_id: uuid.UUID) -> None:
    """Take a person out of the incidents that their credential was in."""
    mine = update(Incident).where(Incident.actor_id == person_id).values(actor_id=None)
    session.execute(mine, execution_options={"synchronize_session": False})
