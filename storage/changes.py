"""The change register: what was to change here, who agreed to it, what runs, and what runs that nobody agreed to.

A change names the versions that it brings. What a process begins with is noted at its start, and held against that.
Policies are held against it as well; of those that two people brought into force their own proposal is the record.
"""

import enum
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import JSON, Index, bindparam, func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.notices import PublishedNotice
from storage.policies import PolicyChange, PolicyOrigin
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed

WINDOW = timedelta(days=30)
"""How long after it was approved a change may begin to run; later it is approved anew, as another one."""
REVIEW = timedelta(days=3)
"""Within which time what ran in an emergency is looked at by a second person."""
_VERSION = 16
"""How much of a policy's hash its version is."""


class ChangeKind(enum.StrEnum):
    """What sort of change it is."""

    INFRASTRUCTURE = "INFRASTRUCTURE"  # machines, databases, keys, settings
    SECURITY_PATCH = "SECURITY_PATCH"
    SYSTEM_UPDATE = "SYSTEM_UPDATE"  # another version of the program or of the policy


class ChangeEffect(enum.StrEnum):
    """What contributors notice of it."""

    NONE = "NONE"
    ON_DATA = "ON_DATA"  # what happens to their data is another thing than before
    ON_WORKFLOW = "ON_WORKFLOW"  # they work in another way than before


class ChangeStatus(enum.StrEnum):
    """Where it stands."""

    REGISTERED = "REGISTERED"
    APPROVED = "APPROVED"
    DENIED = "DENIED"


class RunningPart(enum.StrEnum):
    """A part of what runs that has a version of its own. Values are stored: none is ever renamed."""

    AGENT = "AGENT"  # one that acts unattended, by its name in policy.polar
    CONFIGURATION = "CONFIGURATION"  # the settings, without places of this machine and without secrets
    KEYS = "KEYS"  # which key-encryption keys there are
    LIBRARIES = "LIBRARIES"  # Python, and every package that is installed
    MODEL = "MODEL"  # the language model that answers briefs
    POLICY = "POLICY"
    PROGRAM = "PROGRAM"  # the program's own files
    SCHEMA = "SCHEMA"  # of the database


class RunStanding(enum.StrEnum):
    """How what runs stands to the register."""

    BASELINE = "BASELINE"  # the first that ever ran here: nothing changed
    APPROVED = "APPROVED"  # approved before it ran
    REVIEWED = "REVIEWED"  # an emergency, looked at afterwards
    AWAITING_REVIEW = "AWAITING_REVIEW"  # an emergency that somebody else is to look at within three days
    OVERDUE = "OVERDUE"  # an emergency at which nobody looked in time
    UNREGISTERED = "UNREGISTERED"  # nobody approved it


AMISS = (RunStanding.OVERDUE, RunStanding.UNREGISTERED)
UNAPPROVED = (RunStanding.AWAITING_REVIEW, *AMISS)
ASSESSED = (RunningPart.AGENT, RunningPart.MODEL)
"""Parts that in production do nothing before somebody assessed them and a second person approved that."""
ENDPOINT = "endpoint-"
"""How the version of a model begins that computes elsewhere."""


class Change(Record):
    """A change of what runs: what it brings, why, how it was tried, and who agreed. `versions` is by part.

    An emergency may run before anybody agrees; whoever then approves it has looked at it afterwards. `notice_id` is
    what contributors were told of it, `assessment` what a model or an agent means for them and their work.
    """

    __tablename__ = "changes"
    card = DataCard(subject=None, retention="changes", export=NotExported("what runs here, which is about nobody"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    kind: Mapped[ChangeKind] = plain()
    effect: Mapped[ChangeEffect] = plain()
    emergency: Mapped[bool] = plain()
    versions: Mapped[dict[str, str]] = plain(JSON)
    ticket: Mapped[str] = plain()
    why: Mapped[Sealed] = sealed(under="platform", opens_with="read_reason")
    tests: Mapped[Sealed] = sealed(under="platform", opens_with="read_reason")
    assessment: Mapped[Sealed | None] = sealed(under="platform", opens_with="read_reason")
    notice_id: Mapped[uuid.UUID | None] = plain()
    status: Mapped[ChangeStatus] = plain(default=ChangeStatus.REGISTERED)
    registered_by: Mapped[uuid.UUID] = plain()
    registered_at: Mapped[datetime] = plain(default=now)
    decided_by: Mapped[uuid.UUID | None] = plain()
    decided_at: Mapped[datetime | None] = plain()
    note: Mapped[Sealed | None] = sealed(under="platform", opens_with="read_reason")


class Deployment(Record):
    """A version that a component began to run with, from the first start to the last. `number` counts those of a part.

    It is what the program says of itself: whoever can change the program can have it say something else.
    """

    __tablename__ = "deployments"
    __table_args__ = (Index("uq_deployments_number", "component", "part", "number", unique=True),)
    card = DataCard(subject=None, retention="changes", export=NotExported("what runs here, which is about nobody"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    component: Mapped[str] = plain()
    part: Mapped[RunningPart] = plain()
    version: Mapped[str] = plain()
    number: Mapped[int] = plain()
    began_at: Mapped[datetime] = plain(default=now, index=True)
    last_began_at: Mapped[datetime] = plain(default=now)


_OF = Deployment.component == bindparam("component")
_NEWEST = select(Deployment.part, func.max(Deployment.number)).where(_OF).group_by(Deployment.part)
_NEWEST_OF = select(Deployment).where(_OF, tuple_(Deployment.part, Deployment.number).in_(_NEWEST))
"""What was last noted of each part of a component."""


class AlreadyNoted(Exception):
    """Another process noted the same at this moment. Nothing of this transaction may be kept."""


@dataclass(frozen=True)
class Ran:
    """A version that ran, and how it stands to the register. `record` is the change, or a policy's own proposal.

    `component` is which processes; policies are in force in all of them.
    """

    component: str
    part: RunningPart
    version: str
    number: int
    began_at: datetime
    standing: RunStanding = RunStanding.UNREGISTERED
    record: uuid.UUID | None = None


def observe(
    session: Session, component: str, versions: Mapping[RunningPart, str], moment: datetime
) -> list[Deployment]:
    """Note what a process of `component` begins with; answers what ran in another version before, or never.

    Raises AlreadyNoted.
    """
    begun = []
    before = {row.part: row for row in session.scalars(_NEWEST_OF, {"component": component})}
    for part, version in versions.items():
        newest = before.get(part)
        if newest is not None and newest.version == version:
            newest.last_began_at = moment
            continue
        number = 1 if newest is None else newest.number + 1
        begun.append(
            Deployment(
                id=new_id(), component=component, part=part, version=version, number=number, began_at=moment,
                last_began_at=moment,
            )
        )  # fmt: skip
    session.add_all(begun)
    try:
        session.flush()
    except IntegrityError as error:
        raise AlreadyNoted from error
    return begun


def reconciled(session: Session, moment: datetime) -> list[Ran]:
    """Everything that ever ran here, oldest first, and how each stands to the register at `moment`."""
    changes = list(_undenied(session))
    found = [_policy(each, changes, moment) for each in _policies(session)]
    found += [stand(_ran(row), changes, moment) for row in session.scalars(select(Deployment))]
    return sorted(found, key=lambda each: (each.began_at, each.part, each.component))


def stand(ran: Ran, changes: Iterable[Change], moment: datetime) -> Ran:
    """`ran` as it stands to these changes, none of them denied, at `moment`. Pure.

    Of several that name it the one that says most for it counts: approved beforehand, then looked at afterwards.
    """
    if ran.number == 1 and not ran.version.startswith(ENDPOINT):
        return _as(ran, RunStanding.BASELINE, None)
    naming = [each for each in changes if each.versions.get(ran.part.value) == ran.version]
    for each in naming:
        decided = each.decided_at
        if decided is not None and decided <= ran.began_at <= decided + WINDOW:
            return _as(ran, RunStanding.APPROVED, each.id)
    if ran.part in ASSESSED:
        return _assessed(ran, naming)
    urgent = [each for each in naming if each.emergency]
    for each in urgent:
        if each.decided_at is not None and ran.began_at < each.decided_at:
            return _as(ran, RunStanding.REVIEWED, each.id)
    for each in urgent:
        if each.decided_at is None:
            late = moment - ran.began_at >= REVIEW
            return _as(ran, RunStanding.OVERDUE if late else RunStanding.AWAITING_REVIEW, each.id)
    return _as(ran, RunStanding.UNREGISTERED, None)


def _assessed(ran: Ran, naming: Iterable[Change]) -> Ran:
    """It did nothing before it was approved, so that may come after it was put there; and it is no emergency."""
    for each in naming:
        if each.decided_at is not None and ran.began_at <= each.decided_at + WINDOW:
            return _as(ran, RunStanding.APPROVED, each.id)
    return _as(ran, RunStanding.UNREGISTERED, None)


def standing_of(session: Session, row: Deployment, moment: datetime) -> RunStanding:
    """How one version that ran stands to the register at `moment`, which is read where that depends on it."""
    return stand(_ran(row), _undenied(session), moment).standing


def amiss(session: Session, moment: datetime) -> int:
    """How many versions ran that nobody approved, or at which nobody looked in time."""
    return sum(1 for each in reconciled(session, moment) if each.standing in AMISS)


def runs_unapproved(session: Session, change: Change, moment: datetime) -> bool:
    """Whether something that `change`, not yet decided, is to bring runs already, and nobody approved it."""
    return any(
        each.standing in UNAPPROVED
        and each.part not in ASSESSED
        and change.versions.get(each.part.value) == each.version
        for each in reconciled(session, moment)
    )


def newest(session: Session, most: int) -> list[Change]:
    """The changes that were registered last, newest first."""
    return list(session.scalars(select(Change).order_by(Change.registered_at.desc(), Change.id.desc()).limit(most)))


def told(session: Session, notice: uuid.UUID) -> bool:
    """Whether there is such a notice, published for everybody or those whom it concerns."""
    return session.get(PublishedNotice, notice) is not None


def lock(session: Session, change: Change) -> ChangeStatus:
    """Keep others from deciding about it until this transaction ends; answers where it stands now."""
    session.execute(select(Change.id).where(Change.id == change.id).with_for_update())
    session.refresh(change)
    return change.status


def _undenied(session: Session) -> Iterator[Change]:
    """The changes that nobody denied, read when the first of them is looked at."""
    yield from session.scalars(select(Change).where(Change.status != ChangeStatus.DENIED).order_by(Change.id))


def _ran(row: Deployment) -> Ran:
    return Ran(row.component, row.part, row.version, row.number, row.began_at)


def _policies(session: Session) -> Sequence[PolicyChange]:
    in_force = select(PolicyChange).where(PolicyChange.number.is_not(None))
    return session.scalars(in_force.order_by(PolicyChange.number)).all()


def _policy(row: PolicyChange, changes: Iterable[Change], moment: datetime) -> Ran:
    ran = Ran("all", RunningPart.POLICY, row.hash[:_VERSION], row.number or 0, row.in_force_at or row.proposed_at)
    if row.origin is PolicyOrigin.RELOAD:
        return _as(ran, RunStanding.APPROVED, row.id)
    return stand(ran, changes, moment)


def _as(ran: Ran, standing: RunStanding, record: uuid.UUID | None) -> Ran:
    return Ran(ran.component, ran.part, ran.version, ran.number, ran.began_at, standing, record)
