"""Outputs: what agents made. They belong to the contributor and are protected like an upload."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from storage.assets import Classification
from storage.clock import now
from storage.ids import new_id
from storage.projects import Project
from storage.records import DataCard, Exported, Record, plain, sealed
from storage.sealed import Sealed


class Output(Record):
    """One variation, with where it came from. One per prompt and variation, however often a crashed run resumes."""

    __tablename__ = "outputs"
    __table_args__ = (
        UniqueConstraint("prompt_id", "variation"),
        Index("ix_outputs_owner_id_id", "owner_id", "id"),
        Index("ix_outputs_project_id_id", "project_id", "id"),
    )
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=Exported("outputs.jsonl"),
        within={"output": "id", "prompt": "prompt_id", "project": "project_id"},
    )
    sealed_under = "project"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain()
    project_id: Mapped[uuid.UUID] = plain(ForeignKey("projects.id"))
    prompt_id: Mapped[uuid.UUID] = plain(ForeignKey("prompts.id"), index=True)
    variation: Mapped[int] = plain()
    classification: Mapped[Classification] = plain(default=Classification.USER_CONTENT)
    media_type: Mapped[str] = plain(default="text/plain")
    byte_size: Mapped[int] = plain()
    text: Mapped[Sealed] = sealed()
    model: Mapped[str] = plain()
    model_digest: Mapped[str | None] = plain()
    provider: Mapped[str] = plain()
    created_at: Mapped[datetime] = plain(default=now)

    project: Mapped[Project] = relationship(lazy="raise", viewonly=True)
