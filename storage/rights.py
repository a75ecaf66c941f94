"""The register of what contributors ask about their data beyond what the program does at once, each with a deadline.

Copies and deletions have registers of their own (`exports`, `deletions`), and are carried out by agents. Here stand
corrections, also those that were made at once, and complaints, which a person answers.
"""

import enum
import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.contributors import Contributor
from storage.ids import new_id
from storage.records import DataCard, Exported, Record, plain, sealed
from storage.sealed import Sealed


class RightsKind(enum.StrEnum):
    """What somebody asks for."""

    CORRECTION = "CORRECTION"
    COMPLAINT = "COMPLAINT"


class RightsStatus(enum.StrEnum):
    """Whether it has been answered."""

    OPEN = "OPEN"
    ANSWERED = "ANSWERED"


class RightsTopic(enum.StrEnum):
    """What a request is about, out of a closed list."""

    ACCOUNT = "ACCOUNT"  # name, e-mail
    CONTENT = "CONTENT"  # works, prompts, outputs
    USE = "USE"  # what work was used for
    ACCESS = "ACCESS"  # who looked at it
    DELETION = "DELETION"
    EXPORT = "EXPORT"
    OTHER = "OTHER"


class RightsRequest(Record):
    """Something a contributor asked for about their data: when, whether they had proved who they are, the answer."""

    __tablename__ = "rights_requests"
    card = DataCard(subject="owner_id", retention="account", export=Exported("rights_requests.jsonl"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    kind: Mapped[RightsKind] = plain()
    topic: Mapped[RightsTopic] = plain()
    status: Mapped[RightsStatus] = plain(default=RightsStatus.OPEN, index=True)
    identified: Mapped[bool] = plain()
    text: Mapped[Sealed | None] = sealed(opens_with="read_reason")
    answer: Mapped[Sealed | None] = sealed(opens_with="read_reason")
    received_at: Mapped[datetime] = plain(default=now)
    due_at: Mapped[datetime] = plain()
    answered_at: Mapped[datetime | None] = plain()
    answered_by: Mapped[uuid.UUID | None] = plain(
        index=True, withheld="names an employee: contributors are told the answer, not the person"
    )


def lock_open(session: Session, request: RightsRequest) -> bool:
    """Keep others from answering until this transaction ends; False where it has been answered."""
    session.refresh(request, ["status"], with_for_update=True)
    return request.status is RightsStatus.OPEN


def open_of(session: Session, owner_id: uuid.UUID) -> int:
    """How many requests of somebody's wait for an answer. Who asks at the same time waits for this transaction."""
    session.scalar(select(Contributor.id).where(Contributor.id == owner_id).with_for_update())
    waiting = (RightsRequest.owner_id == owner_id) & (RightsRequest.status == RightsStatus.OPEN)
    return session.scalar(select(func.count()).select_from(RightsRequest).where(waiting)) or 0
