"""The rows that the transparency log is made of, beside the entries themselves."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped

from storage.clock import now
from storage.records import DataCard, NotExported, Record, plain

_OF_THE_LOG = NotExported("belongs to the whole log, whose hashes anybody may read at /ledger")


class AuditPending(Record):
    """An entry that is not in the tree yet. Written with the entry, gone once the entry has its place."""

    __tablename__ = "audit_pending"
    card = DataCard(subject=None, retention="audit", export=_OF_THE_LOG)

    event_id: Mapped[uuid.UUID] = plain(primary_key=True)


class AuditSequence(Record):
    """An entry's place in the tree: leaf 0, 1, 2 and so on. No place is given twice, and none is ever changed."""

    __tablename__ = "audit_sequence"
    card = DataCard(subject=None, retention="audit", export=_OF_THE_LOG)

    leaf_index: Mapped[int] = plain(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[uuid.UUID] = plain(unique=True)


class AuditTile(Record):
    """256 hashes of the tree side by side, or as many as there are yet: see storage/ledger/tiles.py."""

    __tablename__ = "audit_tiles"
    card = DataCard(subject=None, retention="audit", export=_OF_THE_LOG)

    level: Mapped[int] = plain(primary_key=True, autoincrement=False)
    number: Mapped[int] = plain(BigInteger, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = plain(LargeBinary)


class AuditCheckpoint(Record):
    """A checkpoint that was published: the signed note, byte for byte, and what it says."""

    __tablename__ = "audit_checkpoints"
    card = DataCard(subject=None, retention="audit", export=_OF_THE_LOG)

    size: Mapped[int] = plain(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = plain(LargeBinary(32))
    note: Mapped[bytes] = plain(LargeBinary)
    published_at: Mapped[datetime] = plain(default=now)


class AuditLease(Record):
    """Which process does what only one may, and until when unless it says so again: a row for giving out places, one
    for delivering, one for watching."""

    __tablename__ = "audit_lease"
    card = DataCard(subject=None, retention="audit", export=_OF_THE_LOG)

    id: Mapped[int] = plain(primary_key=True, autoincrement=False)
    holder: Mapped[uuid.UUID] = plain()
    until: Mapped[datetime] = plain()
