"""Prompts: a brief given to an agent, the assets that go with it, and the steps of the run it starts."""

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, backref, relationship

from storage.assets import Asset, Classification
from storage.clock import now
from storage.ids import new_id
from storage.pages import fetch
from storage.projects import Project
from storage.records import DataCard, Exported, Record, plain, sealed
from storage.sealed import Sealed


class PromptStatus(enum.StrEnum):
    """Where a prompt's run stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Prompt(Record):
    """A brief, and the run that answers it. `variations` = `stored` + `failed` + `cancelled` once the run has ended."""

    __tablename__ = "prompts"
    __table_args__ = (
        Index("ix_prompts_owner_id_id", "owner_id", "id"),
        Index("ix_prompts_project_id_id", "project_id", "id"),
    )
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=Exported("prompts.jsonl"),
        within={"prompt": "id", "project": "project_id"},
    )
    sealed_under = "project"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain()
    author_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID] = plain(ForeignKey("projects.id"))
    status: Mapped[PromptStatus] = plain(default=PromptStatus.QUEUED)
    classification: Mapped[Classification] = plain(default=Classification.USER_CONTENT)
    text: Mapped[Sealed] = sealed()
    parameters: Mapped[Sealed] = sealed()
    model: Mapped[str] = plain()
    variations: Mapped[int] = plain()
    stored: Mapped[int] = plain(default=0)
    failed: Mapped[int] = plain(default=0)
    cancelled: Mapped[int] = plain(default=0)
    cancel_requested_at: Mapped[datetime | None] = plain()
    created_at: Mapped[datetime] = plain(default=now)
    finished_at: Mapped[datetime | None] = plain()
    yielded_at: Mapped[datetime | None] = plain(withheld="says that its run stands back for that of another")

    project: Mapped[Project] = relationship(lazy="raise", viewonly=True)


class PromptAsset(Record):
    """An asset given to a prompt as context."""

    __tablename__ = "prompt_assets"
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=Exported("prompt_assets.jsonl"),
        within={"prompt": "prompt_id", "asset": "asset_id", "project": "project_id"},
    )

    prompt_id: Mapped[uuid.UUID] = plain(ForeignKey("prompts.id"), primary_key=True)
    asset_id: Mapped[uuid.UUID] = plain(ForeignKey("assets.id"), primary_key=True, index=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID] = plain(index=True)
    position: Mapped[int] = plain()

    prompt: Mapped[Prompt] = relationship(lazy="raise", viewonly=True)
    asset: Mapped[Asset] = relationship(
        lazy="raise", viewonly=True, backref=backref("uses", lazy="raise", viewonly=True)
    )


class StepName(enum.StrEnum):
    """The steps of a run, in order; GENERATE occurs once per variation."""

    READ_BRIEF = "READ_BRIEF"
    ANALYZE_STYLE = "ANALYZE_STYLE"
    GENERATE = "GENERATE"
    FINISH = "FINISH"


class StepStatus(enum.StrEnum):
    """How one step went. SKIPPED says that a preference of the contributor's forbade it."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class PromptStep(Record):
    """One step of a run. `partial` is the text so far of the variation being written, sealed like the output itself.

    `failure_code` says why a step FAILED: a code, never a text, which might quote what was asked.
    """

    __tablename__ = "prompt_steps"
    __table_args__ = (UniqueConstraint("prompt_id", "name", "variation"),)
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=Exported("prompt_steps.jsonl"),
        within={"prompt": "prompt_id", "project": "project_id"},
    )
    sealed_under = "project"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    prompt_id: Mapped[uuid.UUID] = plain(ForeignKey("prompts.id"), index=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID] = plain(index=True)
    name: Mapped[StepName] = plain()
    variation: Mapped[int] = plain(default=0)
    status: Mapped[StepStatus] = plain(default=StepStatus.RUNNING)
    partial: Mapped[Sealed | None] = sealed()
    failure_code: Mapped[str | None] = plain()
    started_at: Mapped[datetime] = plain(default=now)
    ended_at: Mapped[datetime | None] = plain()

    prompt: Mapped[Prompt] = relationship(lazy="raise", viewonly=True)


def steps_of(session: Session, allowed: Select[Any], prompt: uuid.UUID) -> list[PromptStep]:
    """The steps of one run that the door lets through, in the order in which they began."""
    return fetch(session, allowed.where(PromptStep.prompt_id == prompt).order_by(PromptStep.id))


def count_by_author(session: Session, author_id: uuid.UUID, since: datetime) -> tuple[int, int]:
    """Return how many prompts of this author are queued or running, and how many were submitted after `since`."""
    unfinished = Prompt.status.in_((PromptStatus.QUEUED, PromptStatus.RUNNING))
    lately = (Prompt.author_id == author_id) & (unfinished | (Prompt.created_at > since))
    counted = select(func.count().filter(unfinished), func.count().filter(Prompt.created_at > since)).where(lately)
    waiting, today = session.execute(counted).one()
    return int(waiting), int(today)
