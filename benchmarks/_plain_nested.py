"""The baseline of `nested`: plain Strawberry over plain SQLAlchemy, a dataloader per relation and request; no policy,
sealing or audit."""

import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import strawberry
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader


class Base(DeclarativeBase):
    """The baseline's tables."""


class ProjectRow(Base):
    """A project, in clear."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class AssetRow(Base):
    """An asset, in clear."""

    __tablename__ = "assets"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    title: Mapped[str]
    status: Mapped[str]


class PromptRow(Base):
    """A prompt, in clear."""

    __tablename__ = "prompts"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    text: Mapped[str]
    status: Mapped[str]


class OutputRow(Base):
    """An output, in clear."""

    __tablename__ = "outputs"
    id: Mapped[int] = mapped_column(primary_key=True)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"), index=True)
    variation: Mapped[int]
    text: Mapped[str]


engine = create_engine(sys.argv[1], connect_args={"check_same_thread": False})


def _below(model: Any, parent: str, keys: list[int]) -> list[list[Any]]:
    """The rows of `model` below each of these, in one statement."""
    found = defaultdict(list)
    with Session(engine) as session:
        for row in session.scalars(select(model).where(getattr(model, parent).in_(keys)).order_by(model.id.desc())):
            found[getattr(row, parent)].append(row)
    return [found[key] for key in keys]


def _loader(model: Any, parent: str) -> DataLoader[int, list[Any]]:
    async def load(keys: list[int]) -> list[list[Any]]:
        return await anyio.to_thread.run_sync(_below, model, parent, keys)

    return DataLoader(load)


Info = strawberry.Info[dict[str, DataLoader[int, list[Any]]], None]


@strawberry.type
class Asset:
    """Three fields of an asset."""

    id: strawberry.ID
    title: str
    status: str


@strawberry.type
class Output:
    """Three fields of an output."""

    id: strawberry.ID
    variation: int
    text: str


@strawberry.type
class Prompt:
    """Three fields of a prompt, and what hangs on it."""

    id: strawberry.ID
    text: str
    status: str

    @strawberry.field
    async def outputs(self, info: Info) -> list[Output]:
        return await info.context["outputs"].load(int(self.id))


@strawberry.type
class Project:
    """Three fields of a project, and what hangs on it."""

    id: strawberry.ID
    name: str
    created_at: datetime

    @strawberry.field
    async def assets(self, info: Info) -> list[Asset]:
        return await info.context["assets"].load(int(self.id))

    @strawberry.field
    async def prompts(self, info: Info) -> list[Prompt]:
        return await info.context["prompts"].load(int(self.id))


def _projects(owner: str) -> list[Any]:
    with Session(engine) as session:
        chosen = select(ProjectRow).where(ProjectRow.owner_id == owner).order_by(ProjectRow.id.desc()).limit(20)
        return list(session.scalars(chosen))


@strawberry.type
class Query:
    """One list."""

    @strawberry.field
    async def projects(self, owner: str) -> list[Project]:
        return await anyio.to_thread.run_sync(_projects, owner)


class Served(GraphQL[Any, Any]):
    """With dataloaders that live as long as the request."""

    async def get_context(self, *_: Any, **__: Any) -> dict[str, DataLoader[int, list[Any]]]:
        parents: dict[str, Callable[[], DataLoader[int, list[Any]]]] = {
            "assets": partial(_loader, AssetRow, "project_id"),
            "prompts": partial(_loader, PromptRow, "project_id"),
            "outputs": partial(_loader, OutputRow, "prompt_id"),
        }
        return {name: make() for name, make in parents.items()}


def fill(owners: int, projects: int, assets: int, prompts: int, outputs: int) -> None:
    """As many rows as the other side has."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for number in range(1, owners * projects + 1):
            owner = str((number - 1) // projects)
            session.add(ProjectRow(id=number, owner_id=owner, name="A project", created_at=datetime.now(UTC)))
            session.flush()
            for each in range(assets):
                session.add(AssetRow(project_id=number, title=f"Picture number {each}", status="AVAILABLE"))
            for _ in range(prompts):
                session.add(prompt := PromptRow(project_id=number, text="A river in the morning.", status="COMPLETED"))
                session.flush()
                for variation in range(1, outputs + 1):
                    text = "The river is quiet in the morning, and the old bridge waits. " * 4
                    session.add(OutputRow(prompt_id=prompt.id, variation=variation, text=text))
        session.commit()


if __name__ == "__main__":
    fill(*map(int, sys.argv[3:8]))
    served = Served(strawberry.Schema(Query))
    anyio.run(Server(served, address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.ASGINL).serve)
