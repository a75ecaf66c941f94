"""Items that an unattended loop could not process: which one, why, how often it was tried. The loop goes on without."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import UniqueConstraint, delete, func, select, update
from sqlalchemy.orm import Mapped, Session

from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain

MOST = 10_000
"""Items that are kept per loop. Beyond that they are counted and logged, and their ids are in the log alone."""

ATTEMPTS = 15
"""How often an item is tried in all: one that ends the process must not end it at each start for ever."""

_PAUSES = (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=30))
"""Before the next attempt. A start of the agents, which may bring a fix, makes one more at once (`reopen`)."""
_CAUSE = 80


class SetAsideItem(Record):
    """One item, by its id. `cause` is the type of the error and the place in the code, never its text."""

    __tablename__ = "set_aside_items"
    __table_args__ = (UniqueConstraint("loop", "item_id", name="uq_set_aside_items_item"),)
    card = DataCard(
        subject=None, retention="platform", export=NotExported("names work of the platform by id, and is about nobody")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    loop: Mapped[str] = plain(index=True)
    item_id: Mapped[uuid.UUID] = plain()
    cause: Mapped[str] = plain()
    attempts: Mapped[int] = plain(default=1)
    first_at: Mapped[datetime] = plain()
    last_at: Mapped[datetime] = plain()
    next_at: Mapped[datetime] = plain()


def add(session: Session, loop: str, item_id: uuid.UUID, cause: str, moment: datetime) -> bool:
    """Keep an item, or count another attempt. Return whether this cause is new for the loop."""
    cause = cause[:_CAUSE]
    row = session.scalar(
        select(SetAsideItem).where(SetAsideItem.loop == loop, SetAsideItem.item_id == item_id).with_for_update()
    )
    known = session.scalar(select(SetAsideItem.id).where(SetAsideItem.loop == loop, SetAsideItem.cause == cause))
    if row is None:
        if count(session, loop) < MOST:
            session.add(
                SetAsideItem(
                    loop=loop, item_id=item_id, cause=cause, first_at=moment, last_at=moment, next_at=_next(1, moment)
                )
            )
    else:
        row.cause, row.attempts, row.last_at = cause, row.attempts + 1, moment
        row.next_at = _next(row.attempts, moment)
    session.flush()
    return known is None


def try_again(session: Session, loop: str, moment: datetime, at_most: int) -> list[uuid.UUID]:
    """Return items whose next attempt is due, and count that attempt before it is made: it may end the process."""
    due = (SetAsideItem.loop == loop) & (SetAsideItem.next_at <= moment) & (SetAsideItem.attempts < ATTEMPTS)
    oldest = select(SetAsideItem).where(due).order_by(SetAsideItem.next_at, SetAsideItem.id).limit(at_most)
    rows = session.scalars(oldest.with_for_update()).all()
    for row in rows:
        row.attempts, row.last_at = row.attempts + 1, moment
        row.next_at = _next(row.attempts, moment)
    return [row.item_id for row in rows]


def reopen(session: Session, moment: datetime) -> None:
    """Make the next attempt at everything that is set aside due: this start may run a version that can process it."""
    session.execute(update(SetAsideItem).where(SetAsideItem.attempts < ATTEMPTS).values(next_at=moment))


def is_tried_again(session: Session, loop: str, item_id: uuid.UUID) -> bool:
    """Return whether an item will be tried again: not for ever, and not one that there was no room to keep."""
    same = (SetAsideItem.loop == loop) & (SetAsideItem.item_id == item_id)
    return (session.scalar(select(SetAsideItem.attempts).where(same)) or ATTEMPTS) < ATTEMPTS


def remove(session: Session, loop: str, items: Collection[uuid.UUID]) -> int:
    """Forget items that were processed after all. Return how many there were."""
    if not items:
        return 0
    gone = delete(SetAsideItem).where(SetAsideItem.loop == loop, SetAsideItem.item_id.in_(items))
    return int(getattr(session.execute(gone), "rowcount", 0))


def known(session: Session, loop: str, moment: datetime) -> tuple[frozenset[uuid.UUID], frozenset[uuid.UUID]]:
    """Return the items of a loop that it leaves alone for now, and those whose next attempt is due."""
    rows = session.execute(
        select(SetAsideItem.item_id, SetAsideItem.next_at, SetAsideItem.attempts).where(SetAsideItem.loop == loop)
    ).all()
    due = frozenset(item for item, next_at, attempts in rows if next_at <= moment and attempts < ATTEMPTS)
    return frozenset(row[0] for row in rows) - due, due


def listed(session: Session, at_most: int) -> Sequence[SetAsideItem]:
    """Return what is set aside, the oldest first."""
    oldest = select(SetAsideItem).order_by(SetAsideItem.first_at, SetAsideItem.id).limit(at_most)
    return session.scalars(oldest).all()


def count(session: Session, loop: str) -> int:
    """Return how many items of a loop are set aside."""
    return session.scalar(select(func.count()).select_from(SetAsideItem).where(SetAsideItem.loop == loop)) or 0


def counts(session: Session) -> dict[str, int]:
    """Return how many items are set aside, by loop."""
    rows = session.execute(select(SetAsideItem.loop, func.count()).group_by(SetAsideItem.loop))
    return {row[0]: row[1] for row in rows}


def _next(attempts: int, moment: datetime) -> datetime:
    return moment + _PAUSES[min(attempts, len(_PAUSES)) - 1]
