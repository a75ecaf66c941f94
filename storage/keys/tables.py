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
    Text,
    Uuid,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from storage.keys.errors import KeyStoreError
from storage.records import UtcDateTime

VERSION = 2
"""Of the layout."""
_SET_UP_LOCK = 0x6D756E69  # "muni": any number does that nothing else on that server locks

metadata = MetaData()

layout = Table(
    "key_store_layout",
    metadata,
    Column("version", Integer, primary_key=True),
    # The key-encryption key that wraps from now on. NULL: the one that the settings name first.
    Column("kek", String(400)),
)

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
    # Which key-encryption key wraps it, since when; NULL where another keyset does.
    Column("kek", String(400)),
    Column("wrapped_at", UtcDateTime()),
    # When its primary key was made (NULL: with the keyset), and how far a rotation has come, since when.
    Column("keyed_at", UtcDateTime()),
    Column("stage", String(20)),
    Column("stage_at", UtcDateTime()),
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

# What verifies signatures from before. It came later than layout 2; a program that does not know it leaves it alone.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("public_key", LargeBinary(32), nullable=False, unique=True),
    Column("since", UtcDateTime(), nullable=False),
    Column("note", Text, nullable=False),
)


def are_set_up(session: Session) -> bool:
    """Whether all tables are there, in this layout."""
    return _are_there(session) and session.scalar(select(layout.c.version)) == VERSION


def set_up(session: Session) -> bool:
    """Make the tables where there are none, and answer whether there were none. Several processes may do so at once.

    Raises KeyStoreError when a newer Muniment has laid out this key store.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _SET_UP_LOCK})
    if not _are_there(session):
        metadata.create_all(session.connection())
    found = session.scalar(select(layout.c.version))
    if found is None:
        session.execute(insert(layout).values(version=VERSION))
        return True
    if found == 1:
        _bring_up(session)
    elif found != VERSION:
        raise KeyStoreError(f"this key store has layout {found}, and this program knows layout {VERSION}")
    return False


def _are_there(session: Session) -> bool:
    return metadata.tables.keys() <= {*inspect(session.connection()).get_table_names()}


def _bring_up(session: Session) -> None:
    """From layout 1, which knew one key-encryption key and no rotation, to 2."""
    dialect = session.get_bind().dialect
    for column in (layout.c.kek, *(keysets.c[name] for name in ("kek", "wrapped_at", "keyed_at", "stage", "stage_at"))):
        kind = column.type.compile(dialect)
        session.execute(text(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}"))
    session.execute(update(layout).values(version=VERSION))
