"""Attempts to prove who is asking: counted before they are judged, and the addresses from which an account signed in.

Both lie under keyed hashes. A count is raised by one statement, so that however many attempts come at the same moment,
in whatever processes, no more are judged than the limit allows.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.ids import new_id
from storage.sessions import KnownAddress, SignInThrottle, SubjectKind

MOST_ADDRESSES = 30
"""Addresses that are kept of one account; the one that was used longest ago goes first."""


class LimitReached(Exception):
    """One of the counts is at its limit; neither it nor those behind it were raised."""

    def __init__(self, counter: "Counter") -> None:
        super().__init__(f"{counter.limit} attempts in a window")
        self.counter = counter


@dataclass(frozen=True)
class Counter:
    """One count: the keyed hash that it lies under, and how many attempts it allows in a window."""

    lookup: bytes
    limit: int


@dataclass(frozen=True)
class Reservation:
    """An attempt that was counted, in the window that began at `since`."""

    counter: Counter
    since: datetime


def reserve(session: Session, counters: Iterable[Counter], moment: datetime, window: timedelta) -> list[Reservation]:
    """Count one attempt in each of `counters`. A window that has passed begins again.

    Raises LimitReached; the caller's transaction must then be rolled back.
    """
    found = []
    for counter in counters:
        since = session.scalar(_raised(session, counter, moment, moment - window))
        if since is None:
            raise LimitReached(counter)
        found.append(Reservation(counter, since))
    return found


def _raised(session: Session, counter: Counter, moment: datetime, begins: datetime) -> Any:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    passed = SignInThrottle.window_started_at < begins
    first = insert(SignInThrottle).values(lookup=counter.lookup, failures=1, window_started_at=moment)
    return first.on_conflict_do_update(
        index_elements=[SignInThrottle.lookup],
        set_={
            "failures": case((passed, 1), else_=SignInThrottle.failures + 1),
            "window_started_at": case((passed, moment), else_=SignInThrottle.window_started_at),
        },
        where=or_(passed, SignInThrottle.failures < counter.limit),
    ).returning(SignInThrottle.window_started_at)


def release(session: Session, reservations: Iterable[Reservation]) -> None:
    """Take attempts back that were no failures. What a window counts that has begun since stays as it is."""
    for each in reservations:
        mine = (SignInThrottle.lookup == each.counter.lookup) & (SignInThrottle.window_started_at == each.since)
        less = update(SignInThrottle).where(mine, SignInThrottle.failures > 1)
        if not session.execute(less.values(failures=SignInThrottle.failures - 1)).rowcount:  # type: ignore[attr-defined]
            session.execute(delete(SignInThrottle).where(mine, SignInThrottle.failures <= 1))


def clear(session: Session, lookups: Sequence[bytes]) -> None:
    """Begin these counts again: the attempt that they guard against was right."""
    session.execute(delete(SignInThrottle).where(SignInThrottle.lookup.in_(lookups)))


def forget(session: Session, before: datetime) -> None:
    """Remove the counts of windows that began before this moment."""
    session.execute(delete(SignInThrottle).where(SignInThrottle.window_started_at < before))


def is_known(session: Session, lookups: Sequence[bytes]) -> bool:
    """Whether the account that these hashes name with an address has signed in from there."""
    return session.scalar(select(KnownAddress.id).where(KnownAddress.lookup.in_(lookups)).limit(1)) is not None


def remember(
    session: Session, kind: SubjectKind, subject: uuid.UUID, lookups: Sequence[bytes], moment: datetime
) -> None:
    """Note that the account signed in from the address that these hashes name. It is written under the first."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = insert(KnownAddress).values(id=new_id(), kind=kind, subject_id=subject, lookup=lookups[0], used_at=moment)
    session.execute(row.on_conflict_do_update(index_elements=[KnownAddress.lookup], set_={"used_at": moment}))
    mine = KnownAddress.subject_id == subject
    newest = select(KnownAddress.id).where(mine).order_by(KnownAddress.used_at.desc(), KnownAddress.id.desc())
    kept = session.scalars(newest.limit(MOST_ADDRESSES)).all()
    session.execute(delete(KnownAddress).where(mine, KnownAddress.id.not_in(kept)))


def forget_addresses(session: Session, subject: uuid.UUID) -> None:
    """Forget from where an account signed in: its credentials may have been in other hands there."""
    session.execute(delete(KnownAddress).where(KnownAddress.subject_id == subject))
