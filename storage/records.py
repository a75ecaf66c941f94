"""The base of every table, and the words in which a table says what it holds.

Each model states, once, what the rest of the house derives from it: whose data it is, how long it stays, where it
appears in an export, what erases it, and for every column whether it is plain, sealed or a keyed hash. A model or a
column that does not say so fails `tests/contract/test_every_column_is_classified.py`.
"""

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, Literal

from sqlalchemy import DateTime, Enum, MetaData, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column
from sqlalchemy.types import TypeDecorator

from storage.sealed import Sealed, SealedBytes

READ_CONTENT = "read_content"
"""The action that opens a sealed column, unless the column names another one."""


class Holding(enum.StrEnum):
    """How a column keeps its value."""

    PLAIN = "plain"  # readable by whoever has the database: ids, times, sizes, states
    SEALED = "sealed"  # AEAD ciphertext bound to its row
    KEYED = "keyed"  # a keyed hash: can be looked up, not read


@dataclass(frozen=True)
class Exported:
    """The rows go into a contributor's export, in this file of the archive."""

    file: str


@dataclass(frozen=True)
class NotExported:
    """The rows stay out of an export, for the reason given."""

    reason: str


@dataclass(frozen=True)
class DataCard:
    """What a table holds about people.

    `subject` names the column with the data subject's (contributor's) id, or is None where a row is about nobody.
    `within` maps a scope of deletion ("project", "asset", "prompt", "output", "export") to the column that ties a row
    to it, so that erasing that thing finds every row that belongs to it; "account" there names a second person's
    column, whose erasure takes the row too. `retention` names a row of the retention schedule.
    """

    subject: str | None
    retention: str
    export: Exported | NotExported
    within: Mapping[str, str] = field(default_factory=dict)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database; a naive one is refused on write."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a naive datetime has no moment: pass an aware one (storage.clock.now())")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """From what the database answers: SQLite has text without an offset, which is UTC as it was written."""
        return _in_utc if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _in_utc(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "+00:00")


class RowId(Uuid[uuid.UUID]):
    """A UUID. Where a database keeps it as text, those that are met again and again, an owner's, are parsed once."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """From what the database answers."""
        return super().result_processor(dialect, coltype) and _parsed  # type: ignore[no-untyped-call]


@lru_cache(maxsize=8192)
def _parsed(text: str | None) -> uuid.UUID | None:
    return None if text is None else uuid.UUID(text)


class Record(DeclarativeBase):
    """The base of every model. Rows loaded through the door carry `decisions`: what this principal may do with them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        uuid.UUID: RowId(),
        Sealed: SealedBytes(),
        # Text on both databases: a native PostgreSQL enum can't lose a member in a migration.
        enum.Enum: Enum(enum.Enum, native_enum=False, length=40, values_callable=lambda kind: [m.value for m in kind]),
    }

    card: ClassVar[DataCard]

    decisions: frozenset[str] = frozenset()
    """Actions that the door found allowed, in SQL, for the principal of this unit of work. Not a column."""

    sealed_under: ClassVar[Literal["contributor", "project", "platform"]] = "contributor"
    """Whose keyset seals this table's fields; a column may say otherwise (`sealed(under=…)`)."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'id', '?')}>"


def plain(*args: Any, withheld: str | None = None, **kwargs: Any) -> MappedColumn[Any]:
    """A column kept in clear. Only ids, times, sizes, states, media types and counts qualify.

    `withheld` says why the column is not the contributor's to see, though the row is: exports leave it out.
    """
    return mapped_column(*args, info={"holding": Holding.PLAIN, "withheld": withheld}, **kwargs)


def sealed(*, under: str | None = None, opens_with: str = READ_CONTENT, **kwargs: Any) -> MappedColumn[Any]:
    """A column kept as AEAD ciphertext; its attribute is a `Sealed`, never the content.

    `under` overrides the model's `sealed_under` for this column. `opens_with` is the action that a row must carry the
    decision for: a finer one than read_content where some job needs this column and not the work beside it.
    """
    info = {"holding": Holding.SEALED, "under": under, "opens_with": opens_with}
    return mapped_column(SealedBytes(), info=info, **kwargs)


def keyed(*args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """A column kept as a keyed hash of something that must be found again but not read."""
    return mapped_column(*args, info={"holding": Holding.KEYED}, **kwargs)


def model_of(table: str) -> type[Record]:
    """The model of a table. Raises KeyError for a table that is none of ours."""
    found: dict[str, type[Record]] = {mapper.class_.__tablename__: mapper.class_ for mapper in Record.registry.mappers}
    return found[table]
