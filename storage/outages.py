"""Outages: when a part of the platform did not answer, from when to when, and what people were told of it.

An outage is found by a check, or announced by staff as maintenance. It is about nobody, and published at /status.
"""

import enum
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Index, Select, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session

from storage.clock import DIFFERENCE, is_ahead, now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain


class Component(enum.StrEnum):
    """A part of the platform that can be away by itself."""

    AGENTS = "AGENTS"
    DETECTION = "DETECTION"
    FILES = "FILES"
    KEYS = "KEYS"
    LEDGER = "LEDGER"
    MODEL = "MODEL"
    PLATFORM = "PLATFORM"  # all of it: no process, or no database


AFFECTS = {
    Component.AGENTS: "Runs, exports and deletions wait. Reading, writing and fetching go on.",
    Component.DETECTION: "Unusual activity alerts nobody, and nothing is done about it at once. All else goes on.",
    Component.FILES: "Files can't be sent or fetched, and exports wait.",
    Component.KEYS: "Nothing that is sealed opens, and nothing new is kept: names, texts and files.",
    Component.LEDGER: "Entries of the audit trail are kept, and get their place in the signed log later.",
    Component.MODEL: "Runs wait or fail. Everything else goes on: reading, exporting and deleting too.",
    Component.PLATFORM: "Nothing answers.",
}
"""What contributors notice while a part is away."""


class OutageKind(enum.StrEnum):
    """How an outage came to be known."""

    FOUND = "FOUND"  # a check found it
    MAINTENANCE = "MAINTENANCE"  # staff announced it beforehand


class Outage(Record):
    """One time in which a part was away, or will be. `cause` is what staff tell everybody about it.

    Of one that was found `last_seen_at` is the last check that failed; one that was announced has its end from the
    beginning. `announced_by` and `explained_by` are members of staff.
    """

    __tablename__ = "outages"
    __table_args__ = (
        Index(
            "uq_outages_open",
            "component",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    card = DataCard(
        subject=None, retention="continuity", export=NotExported("is about nobody, and everybody reads it at /status")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    component: Mapped[Component] = plain()
    kind: Mapped[OutageKind] = plain(default=OutageKind.FOUND)
    started_at: Mapped[datetime] = plain(index=True)
    ended_at: Mapped[datetime | None] = plain()
    last_seen_at: Mapped[datetime | None] = plain()
    cause: Mapped[str | None] = plain()
    announced_at: Mapped[datetime | None] = plain()
    announced_by: Mapped[uuid.UUID | None] = plain()
    explained_by: Mapped[uuid.UUID | None] = plain()


class OutageWatch(Record):
    """Since when somebody looks, and when somebody last did: one row. A gap is a time in which nothing was there."""

    __tablename__ = "outage_watches"
    card = DataCard(subject=None, retention="platform", export=NotExported("says when checks ran, and is about nobody"))

    id: Mapped[int] = plain(primary_key=True, autoincrement=False)
    since: Mapped[datetime] = plain(default=now)
    looked_at: Mapped[datetime] = plain(default=now)


def looked(session: Session, moment: datetime) -> datetime | None:
    """Note that somebody looks at `moment`; answers when somebody last did before, None where nobody ever has."""
    watch = session.get(OutageWatch, 1, with_for_update=True)
    if watch is None:
        session.add(OutageWatch(id=1, since=moment, looked_at=moment))
        return None
    before = watch.looked_at
    watch.looked_at = moment if is_ahead(before, moment) else max(before, moment)
    return before


def correct(session: Session, moment: datetime) -> int:
    """End at `moment` what was found and says that it lasts longer; return how many. A wrong clock wrote it."""
    ahead = moment + DIFFERENCE
    wrong = select(Outage).where(
        Outage.kind == OutageKind.FOUND, or_(Outage.started_at > ahead, Outage.ended_at > ahead)
    )
    found = session.scalars(wrong.order_by(Outage.id).limit(100).with_for_update()).all()
    for each in found:
        each.started_at, each.ended_at = min(each.started_at, moment), moment
    return len(found)


def last_look(session: Session) -> datetime | None:
    """Return when an agents' process last looked; None before the first look."""
    return session.scalar(select(OutageWatch.looked_at))


def watched_since(session: Session) -> datetime | None:
    """Since when outages are looked for here; None where nobody has begun to."""
    return session.scalar(select(OutageWatch.since))


class AlreadyKnown(Exception):
    """Another process has noted it at this moment. Nothing of this transaction may be kept."""


def begin(session: Session, outage: Outage) -> None:
    """Note an outage. Raises AlreadyKnown."""
    session.add(outage)
    try:
        session.flush()
    except IntegrityError as error:
        raise AlreadyKnown from error


def found_open(session: Session) -> dict[Component, Outage]:
    """Those that were found and have not ended, kept from others until this transaction ends."""
    still = select(Outage).where(Outage.ended_at.is_(None)).with_for_update()
    return {each.component: each for each in session.scalars(still)}


def touching(session: Session, start: datetime, end: datetime) -> Sequence[Outage]:
    """All that have a part in the time from `start` to `end`, announced ones too, newest first."""
    inside = (Outage.started_at < end) & or_(Outage.ended_at.is_(None), Outage.ended_at > start)
    return session.scalars(_newest(select(Outage).where(inside))).all()


def lock(session: Session, outage: Outage) -> None:
    """Keep others from changing it until this transaction ends, and see it as it is now."""
    session.execute(select(Outage.id).where(Outage.id == outage.id).with_for_update())
    session.refresh(outage)


def lasted(outage: Outage, moment: datetime) -> timedelta:
    """How long it has lasted by then."""
    return max(timedelta(0), min(outage.ended_at or moment, moment) - outage.started_at)


def _newest(statement: Select[Outage]) -> Select[Outage]:
    return statement.order_by(Outage.started_at.desc(), Outage.id.desc()).limit(1000)
