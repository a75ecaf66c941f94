"""Assets: what contributors upload. Every word about the file is sealed; the bytes lie in a blob."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import BigInteger, Engine, ForeignKey, Index, select, text
from sqlalchemy.orm import Mapped, Session, relationship

from storage.blobs.contexts import FileContext, FileKind
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.metadata import Handling
from storage.projects import Project
from storage.records import DataCard, Exported, NotExported, Record, plain, sealed
from storage.sealed import Sealed


class AssetStatus(enum.StrEnum):
    """Where an asset stands on its way in."""

    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    AVAILABLE = "AVAILABLE"
    QUARANTINED = "QUARANTINED"


class Classification(enum.StrEnum):
    """How sensitive a thing is. Set by type at creation; it may be raised, never lowered."""

    USER_CONTENT = "user_content"


class Asset(Record):
    """A file of a contributor's."""

    __tablename__ = "assets"
    __table_args__ = (
        Index("ix_assets_owner_id_id", "owner_id", "id"),
        Index("ix_assets_project_id_id", "project_id", "id"),
    )
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=Exported("assets.jsonl"),
        within={"asset": "id", "project": "project_id"},
    )
    sealed_under = "project"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain()
    project_id: Mapped[uuid.UUID] = plain(ForeignKey("projects.id"))
    status: Mapped[AssetStatus] = plain(default=AssetStatus.AWAITING_UPLOAD)
    classification: Mapped[Classification] = plain(default=Classification.USER_CONTENT)
    media_type: Mapped[str] = plain()
    byte_size: Mapped[int] = plain(BigInteger)
    metadata_handling: Mapped[Handling] = plain(default=Handling.AS_SENT)
    file_name: Mapped[Sealed] = sealed()
    title: Mapped[Sealed] = sealed()
    description: Mapped[Sealed] = sealed()
    tags: Mapped[Sealed] = sealed()
    checksum: Mapped[Sealed | None] = sealed()
    blob_id: Mapped[uuid.UUID | None] = plain(index=True)
    thumbnail_id: Mapped[uuid.UUID | None] = plain(index=True)
    thumbnail_size: Mapped[int | None] = plain()
    created_at: Mapped[datetime] = plain(default=now)
    updated_at: Mapped[datetime] = plain(default=now)

    project: Mapped[Project] = relationship(lazy="raise", viewonly=True)

    def file(self, kind: FileKind) -> FileContext:
        """Return what its content, or its thumbnail, is bound to."""
        return FileContext(kind, self.owner_id, self.id)


class Blob(Record):
    """A sealed file in the blob store, named by its id. Written whole before this row is committed, or not at all."""

    __tablename__ = "blobs"
    __table_args__ = (
        Index("ix_blobs_unbound", "id", sqlite_where=text("kind IS NULL"), postgresql_where=text("kind IS NULL")),
    )
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=NotExported("its bytes are exported as the asset's file; a thumbnail is made from that"),
        within={"asset": "object_id", "export": "object_id", "project": "project_id"},
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID | None] = plain(index=True)
    object_id: Mapped[uuid.UUID] = plain(index=True)
    byte_size: Mapped[int] = plain(BigInteger)
    kind: Mapped[FileKind | None] = plain()
    """What its bytes are; None for a file of an asset in format 1, which names neither owner nor object."""
    created_at: Mapped[datetime] = plain(default=now)
    missing_since: Mapped[datetime | None] = plain()
    """When a check found that its file or its keyset is not there; None while both are, as far as is known."""

    @property
    def file(self) -> FileContext:
        """Return what its file is bound to. Where that is in format 1, nothing is, and the kind tells nothing."""
        return FileContext(self.kind or FileKind.CONTENT, self.owner_id, self.object_id)


def lock_awaiting(session: Session, asset: Asset) -> bool:
    """Keep others from filling the asset until this transaction ends; False where one was faster."""
    session.refresh(asset, ["status", "blob_id"], with_for_update=True)
    return asset.status is AssetStatus.AWAITING_UPLOAD


_LONGEST_WAIT = "5s"


def wait_for_upload(engine: Engine, asset_id: uuid.UUID) -> None:
    """Wait until no transaction that fills this asset is under way: its connection may be lost, and it still commits.

    Raises OperationalError where one lasts longer than some seconds. On SQLite there is none: its process has ended it.
    """
    if engine.dialect.name != "postgresql":
        return
    with transaction(engine) as session:
        session.execute(text(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT}'"))
        session.execute(select(Asset.id).where(Asset.id == asset_id).with_for_update())


PICTURES = ("image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp")
"""Media types of which a thumbnail is made."""


def owner_without_thumbnail(session: Session, asset_id: uuid.UUID, *, at_most: int) -> uuid.UUID | None:
    """Whose picture this is, if it has come, has at most so many bytes and no thumbnail yet."""
    picture = (Asset.id == asset_id) & Asset.media_type.in_(PICTURES) & (Asset.byte_size <= at_most)
    bare = (Asset.status == AssetStatus.AVAILABLE) & Asset.thumbnail_id.is_(None)
    return session.scalar(select(Asset.owner_id).where(picture, bare))


def adopt_thumbnail(session: Session, asset: Asset, blob_id: uuid.UUID, size: int) -> bool:
    """Give the asset its thumbnail; False where it has one, or has gone meanwhile."""
    bare = select(Asset.id).where(Asset.id == asset.id, Asset.thumbnail_id.is_(None)).with_for_update()
    if session.scalar(bare) is None:
        return False
    own = {"owner_id": asset.owner_id, "project_id": asset.project_id}
    session.add(Blob(id=blob_id, object_id=asset.id, byte_size=size, kind=FileKind.THUMBNAIL, **own))
    asset.thumbnail_id, asset.thumbnail_size = blob_id, size
    session.flush()
    return True
