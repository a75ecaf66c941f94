"""Findings: what a check of a control came upon, whose it is to mend, by when, and when it was mended."""

import enum
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, Select, func, select, text
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.controls.catalogue import Control
from storage.ids import new_id
from storage.ledger.entries import AuditEvent
from storage.ledger.events import ControlsChecked
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed


class FindingStatus(enum.StrEnum):
    """Whether it was mended. A check that fails again after that opens another finding."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class Finding(Record):
    """What one check found amiss, from the run that found it first to the run that found it no more.

    `amiss` is how many things were not as they should be when it was last looked at. Names and words of theirs are not
    kept: the check is run again by whoever mends it. `about_id` is the one thing that it is about, where a check makes
    a finding of each: a follow-up of an incident. Until `accepted_until` somebody other than its owner answers for
    the risk, for the reason in `acceptance`; after that it is as before.
    """

    __tablename__ = "findings"
    __table_args__ = (
        Index(
            "uq_findings_open",
            "found_by",
            unique=True,
            sqlite_where=text("status = 'OPEN' AND about_id IS NULL"),
            postgresql_where=text("status = 'OPEN' AND about_id IS NULL"),
        ),
        Index(
            "uq_findings_open_about",
            "found_by",
            "about_id",
            unique=True,
            sqlite_where=text("status = 'OPEN'"),
            postgresql_where=text("status = 'OPEN'"),
        ),
    )
    card = DataCard(
        subject=None, retention="findings", export=NotExported("says how the platform stood, and is about nobody")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    control: Mapped[str] = plain()
    found_by: Mapped[str] = plain()
    about_id: Mapped[uuid.UUID | None] = plain()
    owner: Mapped[str] = plain()
    status: Mapped[FindingStatus] = plain(default=FindingStatus.OPEN)
    amiss: Mapped[int] = plain()
    opened_at: Mapped[datetime] = plain(default=now)
    due_at: Mapped[datetime] = plain()
    last_seen_at: Mapped[datetime] = plain()
    closed_at: Mapped[datetime | None] = plain()
    accepted_at: Mapped[datetime | None] = plain()
    accepted_by: Mapped[uuid.UUID | None] = plain()
    accepted_until: Mapped[datetime | None] = plain()
    acceptance: Mapped[Sealed | None] = sealed(under="platform")

    def accepted(self, moment: datetime) -> bool:
        """Whether somebody answers for the risk at `moment`."""
        return self.accepted_until is not None and moment < self.accepted_until

    def overdue(self, moment: datetime) -> bool:
        """Whether it is open at `moment` past the date by which it should be mended, and nobody answers for that."""
        return self.status is FindingStatus.OPEN and self.due_at <= moment and not self.accepted(moment)


@dataclass(frozen=True)
class Result:
    """What one check came to: how many things were amiss, 0 if all was well, and a sentence.

    `each` is the things themselves, where each of them is a finding of its own.
    """

    check: str
    control: Control
    amiss: int
    text: str
    each: frozenset[uuid.UUID] | None = None

    def wanted(self) -> dict[uuid.UUID | None, int]:
        """The findings that there are to be, by what each is about, and how many things are amiss in it."""
        if self.each is not None:
            return dict.fromkeys(self.each, 1)
        return {None: self.amiss} if self.amiss else {}


@dataclass(frozen=True)
class Kept:
    """What a run changed."""

    opened: tuple[Finding, ...]
    closed: tuple[Finding, ...]
    reopened: tuple[Finding, ...] = ()
    """Those that were accepted until now."""


def keep(session: Session, results: Iterable[Result], moment: datetime) -> Kept:
    """Open a finding for each check that failed and has none open; close those of checks that passed.

    One that was accepted until now, and is not mended, is as it was before that.
    """
    known = list(session.scalars(_open().order_by(Finding.id).with_for_update()))
    opened: list[Finding] = []
    closed: list[Finding] = []
    for result in results:
        before = {each.about_id: each for each in known if each.found_by == result.check}
        wanted = result.wanted()
        for about, amiss in wanted.items():
            if (finding := before.get(about)) is not None:
                finding.amiss, finding.last_seen_at = amiss, moment
            else:
                opened.append(_found(result, about, amiss, moment))
        closed += [_mended(each, moment) for about, each in before.items() if about not in wanted]
    session.add_all(opened)
    over = [each for each in known if each.status is FindingStatus.OPEN and _ran_out(each, moment)]
    for each in over:
        each.accepted_until = None
    session.flush()
    return Kept(tuple(opened), tuple(closed), tuple(over))


def mend(session: Session, about: uuid.UUID, moment: datetime) -> list[Finding]:
    """Close what was found about this one thing, which somebody has just seen mended; answers what was closed."""
    return [_mended(each, moment) for each in session.scalars(_open().where(Finding.about_id == about))]


def lock(session: Session, finding: Finding) -> Finding:
    """The finding as it stands now; nobody else changes it before this transaction ends."""
    session.execute(select(Finding.id).where(Finding.id == finding.id).with_for_update())
    session.refresh(finding)
    return finding


def last_run(session: Session) -> datetime | None:
    """When the checks were last run, as far as the trail is in the database."""
    runs = select(AuditEvent.timestamp).where(AuditEvent.action == ControlsChecked.action)
    return session.scalar(runs.order_by(AuditEvent.id.desc()).limit(1))


def is_accepted(session: Session, check: str) -> bool:
    """Whether what this check found is open, and somebody answers for all of it now."""
    found = session.scalars(_open().where(Finding.found_by == check)).all()
    return bool(found) and all(each.accepted(now()) for each in found)


def overdue(session: Session, moment: datetime) -> int:
    """How many findings are open past their date, without those that somebody answers for at the moment."""
    answered = Finding.accepted_until.is_not(None) & (Finding.accepted_until > moment)
    late = _open().where(Finding.due_at <= moment, ~answered).subquery()
    return session.scalar(select(func.count()).select_from(late)) or 0


def _found(result: Result, about: uuid.UUID | None, amiss: int, moment: datetime) -> Finding:
    return Finding(
        id=new_id(),
        control=result.control.id,
        found_by=result.check,
        about_id=about,
        owner=result.control.owner,
        amiss=amiss,
        opened_at=moment,
        due_at=moment + timedelta(days=result.control.days),
        last_seen_at=moment,
    )


def _mended(finding: Finding, moment: datetime) -> Finding:
    finding.status, finding.closed_at = FindingStatus.CLOSED, moment
    return finding


def _ran_out(finding: Finding, moment: datetime) -> bool:
    return finding.accepted_until is not None and finding.accepted_until <= moment


def _open() -> Select[Finding]:
    return select(Finding).where(Finding.status == FindingStatus.OPEN)
