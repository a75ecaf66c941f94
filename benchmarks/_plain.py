"""The baseline of `page` and `mutations`: plain Strawberry over plain SQLAlchemy in a thread, without policy, sealing
or audit."""

import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import anyio.to_thread
import strawberry
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlalchemy import create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from strawberry.asgi import GraphQL


class Base(DeclarativeBase):
    """The baseline's tables."""


class Row(Base):
    """An asset, in clear."""

    __tablename__ = "assets"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(index=True)
    project_id: Mapped[str]
    status: Mapped[str]
    media_type: Mapped[str]
    byte_size: Mapped[int]
    title: Mapped[str]
    file_name: Mapped[str]
    description: Mapped[str]
    created_at: Mapped[datetime]


engine = create_engine(sys.argv[1], connect_args={"check_same_thread": False})


@event.listens_for(engine, "connect")
def _durable(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=FULL")


@strawberry.type
class Asset:
    """The same ten fields."""

    id: strawberry.ID
    owner_id: strawberry.ID
    project_id: strawberry.ID
    status: str
    media_type: str
    byte_size: int
    title: str
    file_name: str
    description: str
    created_at: datetime


def load(owner: str) -> list[Row]:
    """One page."""
    with Session(engine) as session:
        return list(session.scalars(select(Row).where(Row.owner_id == owner).order_by(Row.id.desc()).limit(100)))


@strawberry.type
class Query:
    """One list."""

    @strawberry.field
    async def assets(self, owner: str) -> list[Asset]:
        rows: list[Asset] = await anyio.to_thread.run_sync(load, owner)  # type: ignore[arg-type]
        return rows


def keep(owner: str, file_name: str, media_type: str, byte_size: int, title: str) -> Row:
    """A row, inserted and committed."""
    with Session(engine, expire_on_commit=False) as session:
        row = Row(
            id=str(uuid.uuid4()),
            owner_id=owner,
            project_id=owner,
            status="AWAITING_UPLOAD",
            media_type=media_type,
            byte_size=byte_size,
            title=title,
            file_name=file_name,
            description="",
            created_at=datetime.now(UTC),
        )
        session.add(row)
        session.commit()
        return row


@strawberry.type
class Mutation:
    """One insert."""

    @strawberry.mutation
    async def create_asset(self, owner: str, file_name: str, media_type: str, byte_size: int, title: str) -> Asset:
        row: Asset = await anyio.to_thread.run_sync(keep, owner, file_name, media_type, byte_size, title)  # type: ignore[arg-type]
        return row


def fill(owners: int, each: int) -> None:
    """As many rows as the other side has, in a file with the same journal, which is synced with each commit."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for owner in range(owners):
            session.add_all(
                Row(
                    id=f"{owner:08}-{number:08}",
                    owner_id=str(owner),
                    project_id=str(owner),
                    status="AVAILABLE",
                    media_type="image/png",
                    byte_size=1000 + number,
                    title=f"Picture number {number}",
                    file_name=f"picture-{number}.png",
                    description="A picture of a river in the morning, seen from the old bridge.",
                    created_at=datetime.now(UTC),
                )
                for number in range(each)
            )
        session.commit()


if __name__ == "__main__":
    fill(int(sys.argv[3]), int(sys.argv[4]))
    served = GraphQL(strawberry.Schema(Query, Mutation))
    anyio.run(Server(served, address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.ASGINL).serve)
