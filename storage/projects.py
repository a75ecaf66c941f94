"""Projects: a contributor's work, kept together under a keyset of its own, and the people it is shared with."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, relationship

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, Record, plain, sealed
from storage.sealed import Sealed


class MemberRole(enum.StrEnum):
    """What someone a project is shared with may do there."""

    EDITOR = "EDITOR"
    VIEWER = "VIEWER"


class Project(Record):
    """A body of work. Its keyset seals everything in it: destroying the keyset destroys the project."""

    __tablename__ = "projects"
    card = DataCard(
        subject="owner_id", retention="project", export=Exported("projects.jsonl"), within={"project": "id"}
    )
    sealed_under = "project"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    name: Mapped[Sealed] = sealed()
    created_at: Mapped[datetime] = plain(default=now)
    updated_at: Mapped[datetime] = plain(default=now)

    members: Mapped[list["ProjectMember"]] = relationship(lazy="raise", viewonly=True)


class ProjectMember(Record):
    """One person a project is shared with."""

    __tablename__ = "project_members"
    card = DataCard(
        subject="owner_id",
        retention="project",
        export=Exported("project_members.jsonl"),
        within={"project": "project_id", "account": "contributor_id"},
    )

    project_id: Mapped[uuid.UUID] = plain(ForeignKey("projects.id"), primary_key=True)
    contributor_id: Mapped[uuid.UUID] = plain(primary_key=True, index=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    role: Mapped[MemberRole] = plain()
    added_at: Mapped[datetime] = plain(default=now)


def find_member(session: Session, project: uuid.UUID, contributor: uuid.UUID) -> ProjectMember | None:
    """The membership of one contributor in one project, for whoever has asked the door about the project."""
    return session.get(ProjectMember, (project, contributor))
