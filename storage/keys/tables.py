"""The key store's own tables, in a database of their own apart from the data."""

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Session

from storage.keys.errors import KeyStoreError
from storage.records import UtcDateTime

_VERSION = 1
_SET_UP_LOCK = 0x6D756E69  # "muni": any number does that nothing else on that server locks

metadata = MetaData()

layout = Table("key_store_layout", metadata, Column("version", Integer, primary_key=True))

keysets = Table(
    "keysets",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("owner", Uuid()),
    Column("parent_kind", String(20)),
    Column("parent_id", String(80)),
    Column("version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    # A keyset goes with the one that wraps it, and is not made once that one is gone.
    ForeignKeyConstraint(["parent_kind", "parent_id"], ["keysets.kind", "keysets.id"], ondelete="CASCADE"),
    Index("ix_keysets_owner", "owner"),
    Index("ix_keysets_parent", "parent_kind", "parent_id"),
)

erasure_journal = Table(
    "erasure_journal",
    metadata,
    Column("deletion_id", Uuid(), primary_key=True),
    Column("owner", Uuid(), nullable=False),
    Column("scope", String(20), nullable=False),
    Column("object_id", Uuid(), nullable=False, index=True),
    Column("written_at", UtcDateTime(), nullable=False),
    Column("closed_at", UtcDateTime()),
)


def set_up(session: Session) -> bool:
    """Make the tables where there are none, and answer whether there were none. Several processes may do so at once.

    Raises KeyStoreError when a newer Muniment has laid out this key store.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _SET_UP_LOCK})
    metadata.create_all(session.connection())
    found = session.scalar(select(layout.c.version))
    if found is None:
        session.execute(insert(layout).values(version=_VERSION))
        return True
    if found != _VERSION:
        raise KeyStoreError(f"this key store has layout {found}, and this program knows layout {_VERSION}")
    return False
