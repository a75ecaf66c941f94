"""Legal holds: for a matter of law, approved by two people, something is kept although its owner would have it go.

A hold defers deletion and retention and does nothing else: it opens nothing to anybody, and its contributor sees it.
"""

import enum
import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, false, or_, select
from sqlalchemy.orm import Mapped, Session

from storage import erasures
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.ids import new_id
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt
from storage.records import DataCard, Exported, Record, model_of, plain, sealed
from storage.sealed import Sealed


class LegalHoldStatus(enum.StrEnum):
    """Where a hold stands. It keeps something while it is ACTIVE, and at no other time."""

    PROPOSED = "PROPOSED"
    ACTIVE = "ACTIVE"
    RELEASED = "RELEASED"


class HoldReason(enum.StrEnum):
    """Why something must be kept."""

    LITIGATION = "LITIGATION"
    AUTHORITY_ORDER = "AUTHORITY_ORDER"
    STATUTORY_DUTY = "STATUTORY_DUTY"


_EMPLOYEE = "names an employee: contributors are told the job, not the person"


class LegalHold(Record):
    """One hold on an account, a project or a thing, and what became of it.

    `object_id` is what it keeps. That there is such a thing is not said to whoever places it; a hold on nothing keeps
    nothing. `review_at` is when somebody has to look whether it is still needed: it does not end by itself.
    """

    __tablename__ = "legal_holds"
    card = DataCard(
        subject="subject_id",
        retention="account",
        export=Exported("legal_holds.jsonl"),
        within={"project": "project_id", "prompt": "prompt_id", "asset": "object_id", "output": "object_id"},
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    subject_id: Mapped[uuid.UUID] = plain(index=True)
    scope: Mapped[DeletionScope] = plain()
    object_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID | None] = plain(index=True)
    prompt_id: Mapped[uuid.UUID | None] = plain(index=True)
    reason_code: Mapped[HoldReason] = plain()
    matter: Mapped[Sealed] = sealed(opens_with="read_reason")
    reason: Mapped[Sealed] = sealed(opens_with="read_reason")
    status: Mapped[LegalHoldStatus] = plain(default=LegalHoldStatus.PROPOSED)
    placed_by: Mapped[uuid.UUID] = plain(index=True, withheld=_EMPLOYEE)
    placed_at: Mapped[datetime] = plain(default=now)
    approved_by: Mapped[uuid.UUID | None] = plain(index=True, withheld=_EMPLOYEE)
    approved_at: Mapped[datetime | None] = plain()
    review_at: Mapped[datetime] = plain()
    released_by: Mapped[uuid.UUID | None] = plain(index=True, withheld=_EMPLOYEE)
    released_at: Mapped[datetime | None] = plain()


_TIED = {DeletionScope.ASSET: "assets", DeletionScope.PROMPT: "prompts", DeletionScope.OUTPUT: "outputs"}


def ties(
    session: Session, scope: DeletionScope, object_id: uuid.UUID, owner_id: uuid.UUID
) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The project and the prompt in which a thing of this owner's lies, or which it is; None where there is none."""
    if scope is DeletionScope.ACCOUNT:
        return None, None
    if scope is DeletionScope.PROJECT:
        return object_id, None
    model = model_of(_TIED[scope])
    row = session.get(model, object_id)
    if row is None or row.owner_id != owner_id:  # type: ignore[attr-defined]
        return None, object_id if scope is DeletionScope.PROMPT else None
    prompt_id = row.prompt_id if isinstance(row, Output) else object_id if isinstance(row, Prompt) else None
    return row.project_id, prompt_id  # type: ignore[attr-defined]


def keeps(session: Session, deletion: Deletion) -> bool:
    """Whether a hold keeps what this deletion names, or a part of it, or what it is a part of.

    Until this transaction ends nobody else approves a hold on this contributor, or begins to erase what is theirs.
    """
    settle(session, deletion.owner_id)
    active = LegalHold.status == LegalHoldStatus.ACTIVE
    found = select(LegalHold.id).where(active, LegalHold.subject_id == deletion.owner_id, _meets(session, deletion))
    return session.scalar(found.limit(1)) is not None


def settle(session: Session, owner_id: uuid.UUID) -> None:
    """Let one transaction at a time decide about keeping and erasing what is this contributor's."""
    session.execute(select(Contributor.id).where(Contributor.id == owner_id).with_for_update())


def lock(session: Session, hold: LegalHold) -> LegalHoldStatus:
    """Keep others from deciding about it until this transaction ends; answers where the hold stands now."""
    settle(session, hold.subject_id)
    session.refresh(hold, ["status"])
    return hold.status


def met(session: Session, hold: LegalHold) -> list[Deletion]:
    """The deletions, not yet done, that a hold bears on."""
    undone = Deletion.status.not_in((DeletionStatus.ERASED,))
    theirs = session.scalars(select(Deletion).where(Deletion.owner_id == hold.subject_id, undone)).all()
    mine = LegalHold.id == hold.id
    return [
        each for each in theirs if session.scalar(select(LegalHold.id).where(mine, _meets(session, each))) is not None
    ]


def deferred(session: Session) -> list[uuid.UUID]:
    """The deletions that wait for a hold to end, and need not any more."""
    waiting = session.scalars(select(Deletion).where(Deletion.status == DeletionStatus.DEFERRED)).all()
    return [each.id for each in waiting if not keeps(session, each)]


def defer(session: Session, deletion: Deletion, moment: datetime) -> None:
    """Put a deletion off. Its contributor comes to what is theirs as before; agents do not work with it any more."""
    erasures.call_off(session, erasures.targets(session, deletion))
    deletion.status, deletion.deferred_at = DeletionStatus.DEFERRED, moment
    if deletion.scope is DeletionScope.ACCOUNT:
        owner = session.get(Contributor, deletion.owner_id)
        if owner is not None:
            owner.status = ContributorStatus.ACTIVE


def let_go(owner_id: uuid.UUID, *things: uuid.UUID) -> Select[uuid.UUID]:
    """Of these things of the owner's, or their account, those whose deletion waits for a hold to end."""
    waiting = (Deletion.status == DeletionStatus.DEFERRED) & (Deletion.owner_id == owner_id)
    return select(Deletion.object_id).where(waiting, Deletion.object_id.in_((owner_id, *things)))


def is_let_go(session: Session, owner_id: uuid.UUID, *things: uuid.UUID) -> bool:
    """Whether any of these, or the whole account, is only still there because of a hold."""
    return session.scalar(let_go(owner_id, *things).limit(1)) is not None


def held(model: type[Record]) -> ColumnElement[bool]:
    """The condition that a hold keeps this row of projects, assets or prompts, or a part of it."""
    row = model
    ways = [LegalHold.object_id == row.id, LegalHold.object_id == row.owner_id]  # type: ignore[attr-defined]
    if model is Project:
        ways.append(LegalHold.project_id == Project.id)
    else:
        ways.append(LegalHold.object_id == row.project_id)  # type: ignore[attr-defined]
    if model is Prompt:
        ways.append(LegalHold.prompt_id == Prompt.id)
    active = (LegalHold.status == LegalHoldStatus.ACTIVE) & (LegalHold.subject_id == row.owner_id)  # type: ignore[attr-defined]
    return exists().where(active, or_(*ways))


def _meets(session: Session, deletion: Deletion) -> ColumnElement[bool]:
    if deletion.scope is DeletionScope.ACCOUNT:
        return LegalHold.subject_id == deletion.owner_id
    thing = deletion.object_id
    above = {thing, deletion.owner_id, *ties(session, deletion.scope, thing, deletion.owner_id)} - {None}
    within = {DeletionScope.PROJECT: LegalHold.project_id == thing, DeletionScope.PROMPT: LegalHold.prompt_id == thing}
    return or_(LegalHold.object_id.in_(above), within.get(deletion.scope, false()))
