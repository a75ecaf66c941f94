"""Access grants: the one way in which staff come to see a contributor's work, and never for longer than they last."""

import enum
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, Select, and_, bindparam, inspect, or_, select, update
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Session, foreign, relationship

from storage import clock
from storage.assets import Asset
from storage.clock import now
from storage.contributors import Contributor, StyleProfile
from storage.ids import new_id
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt, PromptAsset, PromptStep
from storage.records import DataCard, Exported, Record, UtcDateTime, plain, sealed
from storage.sealed import Sealed
from storage.staff import StaffRole


class GrantStatus(enum.StrEnum):
    """Where a grant stands. What has run out is kept as it was; `AccessGrant.standing` says EXPIRED of it."""

    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    DENIED = "DENIED"
    ENDED = "ENDED"
    EXPIRED = "EXPIRED"


class AccessScope(enum.StrEnum):
    """How much a grant opens: everything of a contributor's, one project with what is in it, or one thing."""

    ACCOUNT = "ACCOUNT"
    PROJECT = "PROJECT"
    ASSET = "ASSET"
    PROMPT = "PROMPT"
    OUTPUT = "OUTPUT"


class ReasonCode(enum.StrEnum):
    """Why staff ask. The first two come from the contributor, who is asked; of the others they can't be."""

    SUPPORT_REQUEST = "SUPPORT_REQUEST"
    RIGHTS_REQUEST = "RIGHTS_REQUEST"
    SECURITY_INCIDENT = "SECURITY_INCIDENT"
    LEGAL_DUTY = "LEGAL_DUTY"


class Decider(enum.StrEnum):
    """Who has to agree: the contributor, or a second member of staff where the contributor can't be asked."""

    CONTRIBUTOR = "CONTRIBUTOR"
    SECOND_PERSON = "SECOND_PERSON"


DECIDERS = {
    ReasonCode.SUPPORT_REQUEST: Decider.CONTRIBUTOR,
    ReasonCode.RIGHTS_REQUEST: Decider.CONTRIBUTOR,
    ReasonCode.SECURITY_INCIDENT: Decider.SECOND_PERSON,
    ReasonCode.LEGAL_DUTY: Decider.SECOND_PERSON,
}


class GrantVerdict(enum.StrEnum):
    """What a review found of the use that was made of a grant."""

    JUSTIFIED = "JUSTIFIED"
    EXCESSIVE = "EXCESSIVE"  # there was a reason, and more was asked for or opened than it needed
    UNJUSTIFIED = "UNJUSTIFIED"


_OPEN = (GrantStatus.REQUESTED, GrantStatus.ACTIVE)
_EMPLOYEE = "names an employee: contributors are told the job, not the person"
# Asked of the clock by each execution anew, so that a statement which was compiled or built earlier stays right.
_AT_EXECUTION = bindparam("asked_at", callable_=lambda: clock.now(), type_=UtcDateTime())


class AccessGrant(Record):
    """One request of a member of staff to see a contributor's work, and what became of it.

    `object_id` is what it opens: the contributor, the project or the thing of its scope. Whether there is such a thing
    is not checked when it is asked for, since whoever asks may not know; a grant on nothing opens nothing.
    """

    __tablename__ = "access_grants"
    __table_args__ = (
        Index("ix_access_grants_subject_id_grantee_id", "subject_id", "grantee_id"),
        Index("ix_access_grants_grantee_id", "grantee_id"),
    )
    card = DataCard(
        subject="subject_id",
        retention="account",
        export=Exported("access_grants.jsonl"),
        within=dict.fromkeys(("project", "asset", "prompt", "output"), "object_id"),
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    subject_id: Mapped[uuid.UUID] = plain()
    grantee_id: Mapped[uuid.UUID] = plain(withheld=_EMPLOYEE)
    role: Mapped[StaffRole] = plain()
    scope: Mapped[AccessScope] = plain()
    object_id: Mapped[uuid.UUID] = plain(index=True)
    reason: Mapped[ReasonCode] = plain()
    decider: Mapped[Decider] = plain()
    justification: Mapped[Sealed] = sealed(opens_with="read_reason")
    ticket: Mapped[Sealed] = sealed(opens_with="read_reason")
    status: Mapped[GrantStatus] = plain(default=GrantStatus.REQUESTED)
    requested_at: Mapped[datetime] = plain(default=now)
    expires_at: Mapped[datetime] = plain()
    decided_at: Mapped[datetime | None] = plain()
    decided_by: Mapped[uuid.UUID | None] = plain(index=True, withheld=_EMPLOYEE)
    ended_at: Mapped[datetime | None] = plain()
    reviewed_at: Mapped[datetime | None] = plain()
    reviewed_by: Mapped[uuid.UUID | None] = plain(index=True, withheld=_EMPLOYEE)
    verdict: Mapped[GrantVerdict | None] = plain()
    review_note: Mapped[Sealed | None] = sealed(opens_with="read_reason")

    @hybrid_property
    def live(self) -> bool:
        """Whether it opens anything at this moment: agreed to, not ended, and its time not up."""
        return self.status == GrantStatus.ACTIVE and self.expires_at > clock.now()

    @live.inplace.expression
    @classmethod
    def _live(cls) -> ColumnElement[bool]:
        return and_(cls.status == GrantStatus.ACTIVE, cls.expires_at > _AT_EXECUTION)

    def standing(self, moment: datetime) -> GrantStatus:
        """Its status at `moment`: one that ran out before anybody ended it is EXPIRED."""
        return GrantStatus.EXPIRED if self.status in _OPEN and self.expires_at <= moment else self.status

    def review_due(self, moment: datetime) -> bool:
        """Whether it was agreed to, is over at `moment`, and nobody has looked at the use that was made of it."""
        over = self.standing(moment) in (GrantStatus.ENDED, GrantStatus.EXPIRED)
        return over and self.decided_at is not None and self.reviewed_at is None


OPENED: tuple[tuple[type[Record], str], ...] = (
    (Asset, "owner_id"),
    (Contributor, "id"),
    (Output, "owner_id"),
    (Project, "owner_id"),
    (Prompt, "owner_id"),
    (PromptAsset, "owner_id"),
    (PromptStep, "owner_id"),
    (StyleProfile, "owner_id"),
)
"""What a grant can open, with the column that names the contributor. Each gets `grants`: all on that contributor."""
_OPENED = tuple(model for model, _ in OPENED)

Key = tuple[uuid.UUID | None, str, uuid.UUID]
"""Owner, table and row id, as the vault notes what was opened."""


def _add_grants(model: type[Record], owner: str) -> None:
    ties = foreign(AccessGrant.subject_id) == getattr(model, owner)
    inspect(model).add_property("grants", relationship(AccessGrant, primaryjoin=ties, lazy="raise", viewonly=True))


for _model, _owner in OPENED:
    _add_grants(_model, _owner)


def lock(session: Session, grant: AccessGrant) -> GrantStatus:
    """Keep others from deciding until this transaction ends; answers where the grant stands now."""
    session.refresh(grant, ["status", "expires_at", "decided_at", "reviewed_at"], with_for_update=True)
    return grant.standing(now())


def open_in_job(grants: Select[Any], role: StaffRole, moment: datetime) -> Select[Any]:
    """Of a door's `Select` of grants, those that staff in this job wait for or hold, and that have not run out."""
    return grants.where(AccessGrant.role == role, AccessGrant.status.in_(_OPEN), AccessGrant.expires_at > moment)


def end_all(session: Session, subject: uuid.UUID, moment: datetime) -> None:
    """End every grant on a contributor's things, asked for or agreed to."""
    ending = update(AccessGrant).where(AccessGrant.subject_id == subject, AccessGrant.status.in_(_OPEN))
    values = {"status": GrantStatus.ENDED, "ended_at": moment}
    session.execute(ending.values(**values), execution_options={"synchronize_session": False})


def end_of(
    session: Session, grantee: uuid.UUID, moment: datetime, role: StaffRole | None = None
) -> list[tuple[AccessGrant, bool]]:
    """End every grant of a member of staff, or of one of their jobs; answers them, and whether each had begun."""
    theirs = select(AccessGrant).where(AccessGrant.grantee_id == grantee, AccessGrant.status.in_(_OPEN))
    if role is not None:
        theirs = theirs.where(AccessGrant.role == role)
    ended = []
    for grant in session.scalars(theirs.order_by(AccessGrant.id).with_for_update()):
        if grant.standing(moment) in _OPEN:
            ended.append((grant, grant.status is GrantStatus.ACTIVE))
            grant.status, grant.ended_at = GrantStatus.ENDED, moment
    return ended


def awaits_review(session: Session, grantee: uuid.UUID, moment: datetime) -> bool:
    """Whether a grant of this member of staff is over and was never reviewed."""
    over = or_(
        AccessGrant.status == GrantStatus.ENDED,
        and_(AccessGrant.status == GrantStatus.ACTIVE, AccessGrant.expires_at <= moment),
    )
    unseen = AccessGrant.decided_at.is_not(None) & AccessGrant.reviewed_at.is_(None)
    found = select(AccessGrant.id).where(AccessGrant.grantee_id == grantee, over, unseen)
    return session.scalar(found.limit(1)) is not None


def used(session: Session, grantee: uuid.UUID, rows: Mapping[Key, Record], since: datetime) -> dict[Key, AccessGrant]:
    """Under which grant each of `rows` came to be opened by `grantee` after `since`, as far as it was under one.

    Of several the narrowest is named. One that ended meanwhile counts: what was opened before must say why it could be.
    """
    theirs = {key[0] for key, row in rows.items() if isinstance(row, _OPENED)} - {None}
    if not theirs:
        return {}
    lasted = or_(AccessGrant.ended_at.is_(None), AccessGrant.ended_at >= since)
    agreed = AccessGrant.status.in_((GrantStatus.ACTIVE, GrantStatus.ENDED)) & AccessGrant.decided_at.is_not(None)
    statement = select(AccessGrant).where(AccessGrant.grantee_id == grantee, AccessGrant.subject_id.in_(theirs))
    live = list(session.scalars(statement.where(lasted, agreed, AccessGrant.expires_at > since)))
    found = {key: _narrowest([grant for grant in live if _reaches(grant, key[0], row)]) for key, row in rows.items()}
    return {key: grant for key, grant in found.items() if grant is not None}


def _reaches(grant: AccessGrant, owner: uuid.UUID | None, row: Record) -> bool:
    if grant.subject_id != owner or not isinstance(row, _OPENED):
        return False
    ties = {owner, *(getattr(row, name, None) for name in ("id", "project_id", "prompt_id"))}
    return isinstance(row, Contributor) or grant.object_id in ties  # how to reach somebody opens under any of them


def _narrowest(grants: list[AccessGrant]) -> AccessGrant | None:
    widest = list(AccessScope)
    return max(grants, key=lambda grant: (widest.index(grant.scope), str(grant.id)), default=None)
