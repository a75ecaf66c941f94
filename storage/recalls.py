"""Recalls: what providers of models are still to be asked to delete, once what they were sent is destroyed here.

A line is written in the transaction in which the work's own lines go, and holds the provider's id of an answer, nothing
of ours but the deletion's. It goes when the provider has confirmed, and a signed document of the deletion says so.
"""

import enum
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, UniqueConstraint, delete, exists, func, select, update
from sqlalchemy.orm import Mapped, Session

from storage import services
from storage.clock import now
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.ids import new_id
from storage.provider_copies import ProviderCall
from storage.records import DataCard, NotExported, Record, plain

WITHIN = timedelta(days=7)
"""A provider that has not confirmed by then is a finding; it goes on being asked once a day."""

_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 360, 1440))
_DESTROYED = (DeletionStatus.VERIFYING, DeletionStatus.ERASED, DeletionStatus.PARTIALLY_ERASED)
_UNLOADED = {"synchronize_session": False}


class RecallAnswer(enum.StrEnum):
    """What a provider answered when it was asked to delete something."""

    DELETED = "DELETED"
    NOT_THERE = "NOT_THERE"  # 404 or 410: it keeps nothing under this id
    REFUSED = "REFUSED"  # any other answer that says no, a redirect among them
    UNREACHABLE = "UNREACHABLE"  # none, none in time, or one that says: later
    KEPT_BACK = "KEPT_BACK"  # it was not asked: its address, or its terms, do not allow that

    @property
    def confirms(self) -> bool:
        """Whether it is gone there."""
        return self in (RecallAnswer.DELETED, RecallAnswer.NOT_THERE)


class ProviderRecall(Record):
    """An answer that a provider keeps, by its own id, and that it is still to be asked to delete."""

    __tablename__ = "provider_recalls"
    __table_args__ = (UniqueConstraint("deletion_id", "provider", "reference", name="uq_provider_recalls_reference"),)
    card = DataCard(
        subject=None, retention="recall", export=NotExported("a provider's own numbers; it names nobody, and ends")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    deletion_id: Mapped[uuid.UUID] = plain()
    provider: Mapped[str] = plain()
    model: Mapped[str] = plain()
    reference: Mapped[str] = plain()
    tries: Mapped[int] = plain(default=0)
    asked_at: Mapped[datetime | None] = plain()
    last_answer: Mapped[RecallAnswer | None] = plain()
    next_try_at: Mapped[datetime] = plain(default=now, index=True)
    deadline_at: Mapped[datetime] = plain()
    confirmed_at: Mapped[datetime | None] = plain()


class Means(enum.StrEnum):
    """How a provider is brought to let go of what it was sent."""

    ASKED = "ASKED"
    KEEPS_NOTHING = "KEEPS_NOTHING"  # by contract, on record
    CANNOT_BE_ASKED = "CANNOT_BE_ASKED"


@dataclass(frozen=True)
class HandedOver:
    """What is to be asked of one provider about one model's answers. `nameless`: questions whose answer had no id."""

    provider: str
    model: str
    means: Means
    service_id: uuid.UUID | None
    asked: int
    nameless: int
    last_sent_at: datetime


@dataclass(frozen=True)
class Unconfirmed:
    """How many answers a provider has not confirmed to have deleted; what it said last, None where it was not asked."""

    provider: str
    model: str
    last_answer: RecallAnswer | None
    number: int


_WAITING = ProviderRecall.confirmed_at.is_(None)


def hand_over(session: Session, deletion: Deletion, calls: ColumnElement[bool]) -> list[HandedOver]:
    """Enter what providers are to be asked for these lines of `ProviderCall`, which are about to go.

    The caller holds the deletion's row, so that no other enters the same.
    """
    found: dict[tuple[str, str], list[ProviderCall]] = {}
    for call in session.scalars(select(ProviderCall).where(calls).order_by(ProviderCall.id)):
        found.setdefault((call.provider, call.model), []).append(call)
    return [_handed_over(session, deletion, some) for _, some in sorted(found.items())]


def _handed_over(session: Session, deletion: Deletion, calls: Sequence[ProviderCall]) -> HandedOver:
    """`calls`: those to one provider and model."""
    provider, model, moment = calls[0].provider, calls[0].model, now()
    versions = services.agreed(session, provider)
    terms = services.last_terms(versions, moment)
    kept = [call for call in calls if not _keeps_nothing(services.last_terms(versions, call.sent_at))]
    means = Means.ASKED if kept else Means.KEEPS_NOTHING
    if kept and (terms is None or terms.deletion_path is None):
        means = Means.CANNOT_BE_ASKED
    asked = nameless = 0
    if means is Means.ASKED:
        names = sorted({call.reference for call in kept if call.reference is not None})
        asked = _enter(session, deletion.id, provider, model, names, moment)
        # Of each question one line: that of the prompt, unless it is only an asset that goes.
        ones = [call for call in kept if call.asset_id is None or deletion.scope is DeletionScope.ASSET]
        nameless = sum(call.reference is None for call in ones)
    service_id = None if terms is None else terms.id
    last_sent_at = max(call.sent_at for call in calls)
    return HandedOver(provider, model, means, service_id, asked, nameless, last_sent_at)


def due(
    session: Session,
    moment: datetime,
    many: int,
    *,
    deletion_id: uuid.UUID | None = None,
    but: Collection[str] = (),
    without: Collection[uuid.UUID] = (),
) -> list[ProviderRecall]:
    """Up to so many lines whose time it is, the longest due first; of this deletion, and of no provider in `but`.

    Nor of a deletion in `without`.

    Nobody outside is asked before all is destroyed here.
    """
    waiting = select(ProviderRecall).join(Deletion, Deletion.id == ProviderRecall.deletion_id)
    waiting = waiting.where(_WAITING, Deletion.status.in_(_DESTROYED), ProviderRecall.next_try_at <= moment)
    waiting = waiting.where(ProviderRecall.provider.not_in(but), ProviderRecall.deletion_id.not_in(without))
    if deletion_id is not None:
        waiting = waiting.where(ProviderRecall.deletion_id == deletion_id)
    found = session.scalars(waiting.order_by(ProviderRecall.next_try_at, ProviderRecall.id).limit(many)).all()
    for each in found:
        session.expunge(each)  # so that the lines can be read when the transaction is over
    return list(found)


def settle(
    session: Session, answers: Sequence[tuple[ProviderRecall, RecallAnswer]], moment: datetime
) -> dict[tuple[str, str], Counter[RecallAnswer]]:
    """Keep what providers answered; what they did not confirm is put off. Answers what was news, by provider and model.

    A line that another process has settled meanwhile is no news.
    """
    news: dict[tuple[str, str], Counter[RecallAnswer]] = {}
    for line, answer in answers:
        pause = _PAUSES[min(line.tries, len(_PAUSES) - 1)]
        as_it_was = _WAITING & (ProviderRecall.id == line.id) & (ProviderRecall.tries == line.tries)
        after = update(ProviderRecall).where(as_it_was)
        values: dict[str, object] = {"tries": line.tries + 1, "asked_at": moment, "last_answer": answer}
        values |= {"confirmed_at": moment} if answer.confirms else {"next_try_at": moment + pause}
        if session.execute(after.values(**values), execution_options=_UNLOADED).rowcount:  # type: ignore[attr-defined]
            news.setdefault((line.provider, line.model), Counter())[answer] += 1
    return news


def is_waiting(session: Session, deletion_id: uuid.UUID) -> bool:
    """Whether a provider is still to confirm something because of this deletion."""
    mine = select(ProviderRecall.id).where(ProviderRecall.deletion_id == deletion_id, _WAITING)
    return session.scalar(mine.limit(1)) is not None


def ripe(session: Session, moment: datetime, many: int, deletion_id: uuid.UUID | None = None) -> list[uuid.UUID]:
    """Up to so many deletions, certified already, of which there is to be said what providers answered.

    Those of which all have confirmed, or should have by now.
    """
    mine = ProviderRecall.deletion_id == Deletion.id
    in_time = exists().where(mine, _WAITING, ProviderRecall.deadline_at > moment)
    news = exists().where(mine, ~_WAITING) | (exists().where(mine) & Deletion.addendum_at.is_(None))
    found = select(Deletion.id).where(Deletion.status == DeletionStatus.ERASED, ~in_time, news)
    if deletion_id is not None:
        found = found.where(Deletion.id == deletion_id)
    return list(session.scalars(found.order_by(Deletion.id).limit(many)))


def said(session: Session, deletion_id: uuid.UUID) -> None:
    """Forget what providers confirmed: the caller has it in a signed document."""
    over = (ProviderRecall.deletion_id == deletion_id) & ~_WAITING
    session.execute(delete(ProviderRecall).where(over), execution_options=_UNLOADED)


def unconfirmed(session: Session, deletion_id: uuid.UUID) -> list[Unconfirmed]:
    """What providers have not confirmed, by provider, model and last answer."""
    columns = (ProviderRecall.provider, ProviderRecall.model, ProviderRecall.last_answer)
    mine = select(*columns, func.count()).where(ProviderRecall.deletion_id == deletion_id, _WAITING)
    return [Unconfirmed(*row) for row in session.execute(mine.group_by(*columns).order_by(*columns))]


def overdue(session: Session, moment: datetime) -> int:
    """How many answers providers should have confirmed by now to have deleted."""
    late = select(func.count()).select_from(ProviderRecall).where(_WAITING, ProviderRecall.deadline_at <= moment)
    return session.scalar(late) or 0


def _keeps_nothing(terms: services.Service | None) -> bool:
    return terms is not None and terms.retention_days == 0


def _enter(
    session: Session, deletion_id: uuid.UUID, provider: str, model: str, names: Iterable[str], moment: datetime
) -> int:
    theirs = (ProviderRecall.deletion_id == deletion_id) & (ProviderRecall.provider == provider)
    known = set(session.scalars(select(ProviderRecall.reference).where(theirs)))
    new = [name for name in names if name not in known]
    for name in new:
        line = ProviderRecall(deletion_id=deletion_id, provider=provider, model=model, reference=name)
        line.next_try_at, line.deadline_at = moment, moment + WITHIN
        session.add(line)
    session.flush()
    return len(new)
