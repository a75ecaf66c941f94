"""Rows out of an archive's records: the way back from `records.exported`, derived from the models like it.

Every id is new here, so that nothing in an archive can name a row that is there already. It follows from the account,
the archive and the old id: begun again, an interrupted import finds what it has. Its moment stays, and with it the
order of pages.
"""

import enum
import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Enum,
    Integer,
    UniqueConstraint,
    Uuid,
    select,
    tuple_,
)
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import Session

from storage.archives.layout import camel
from storage.archives.reading import ArchiveRefused, Reason
from storage.archives.records import is_sealed, shown_columns
from storage.assets import Asset
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt, PromptAsset, PromptStep
from storage.records import Exported, Record, UtcDateTime

IMPORTED: tuple[type[Record], ...] = (Project, Asset, Prompt, PromptAsset, PromptStep, Output)
"""What is taken in, parents before children."""

LEFT_OUT = {
    "access_grants": "staff of the other platform are nobody here",
    "access_reviews": "they are about keys of the other platform",
    "api_keys": "their secrets never left; make new ones",
    "consents": "what was allowed elsewhere is not allowed here: choose anew",
    "deletions": "what was destroyed elsewhere stays told in the archive and its certificates",
    "exports": "a list of archives that lie elsewhere",
    "legal_holds": "they bind the other platform",
    "notice_settings": "how somebody is told is said where they are told",
    "notices": "they were told by the other platform",
    "profile": "the account that it is taken into has a name and an e-mail of its own",
    "project_members": "whoever it was shared with has no account here, and is known by an id alone: share it anew",
    "provider_copies": "this platform sent none of it to anybody",
    "rights_requests": "they were asked of, and answered by, the other platform",
}
"""Files of an archive that nothing is taken from, and why."""

_LABEL = b"muniment import 1\n"
_TEXT_CHARACTERS = 200
_ACCOUNTS = ("author_id",)
_OF_THIS_PLATFORM = ("blob_id", "thumbnail_id", "thumbnail_size")


@dataclass(frozen=True)
class Graft:
    """How an archive of `former`'s grows on in `account`. `digest` stands for the archive."""

    account: uuid.UUID
    former: uuid.UUID
    digest: bytes

    def successor(self, old: uuid.UUID) -> uuid.UUID:
        """The id under which the thing `old` goes on: a UUIDv7 with the same moment."""
        found = hashlib.sha256(_LABEL + self.account.bytes + self.digest + old.bytes).digest()
        number = int.from_bytes(old.bytes[:6] + found[:10])
        return uuid.UUID(int=number & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)

    def row(self, model: type[Record], said: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The row, and what is to be sealed in it. What belongs to the platform that made it is left empty.

        Raises ArchiveRefused.
        """
        demand_known(model, said)
        columns = shown_columns(model)
        values: dict[str, Any] = {}
        content: dict[str, Any] = {}
        for key, column in columns.items():
            if key in _OF_THIS_PLATFORM:
                continue
            if camel(key) not in said:
                if not column.nullable and column.default is None:
                    raise unsuitable(model, key)
                continue
            value = said[camel(key)]
            if value is None and not column.nullable:
                raise unsuitable(model, key)
            if is_sealed(column):
                content[key] = _content(model, key, value)
            elif key == model.card.subject or key in _ACCOUNTS:
                values[key] = self._account(model, key, value)
            else:
                values[key] = None if value is None else self._plain(model, key, column, value)
        return model(**values), content

    def _account(self, model: type[Record], key: str, value: Any) -> uuid.UUID:
        """Whoever it was, it is the account's now; guests that wrote in it have none here."""
        if key == model.card.subject and value != str(self.former):
            raise unsuitable(model, key)
        return self.account

    def _plain(self, model: type[Record], key: str, column: Column[Any], value: Any) -> Any:
        try:
            found = _value(column, value)
        except (ValueError, TypeError, OverflowError):
            raise unsuitable(model, key) from None
        return self.successor(found) if isinstance(found, uuid.UUID) else found


def demand_known(model: type[Record], said: Mapping[str, Any]) -> None:
    """Return where this version can keep all that is said of a row. Raises ArchiveRefused."""
    unknown = said.keys() - {camel(key) for key in shown_columns(model)}
    if unknown:
        raise ArchiveRefused(
            Reason.TOO_NEW,
            f"It says {min(unknown)!r} of {model.__tablename__}, which this version can't keep.",
        )


def _value(column: Column[Any], value: Any) -> Any:
    """Raises ValueError, TypeError."""
    kind = column.type
    if isinstance(kind, Uuid):
        return uuid.UUID(value)
    if isinstance(kind, UtcDateTime | DateTime):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment without its time zone is none")
        return moment
    if isinstance(kind, Enum):
        choices: type[enum.Enum] = kind.enum_class  # type: ignore[assignment]
        return choices(value)
    if isinstance(kind, Boolean) or isinstance(value, bool):
        if not (isinstance(kind, Boolean) and isinstance(value, bool)):
            raise TypeError("a truth value is no number")
        return value
    if isinstance(kind, Integer):
        most = 2**63 if isinstance(kind, BigInteger) else 2**31
        if not isinstance(value, int) or not 0 <= value < most:
            raise ValueError("no such number")
        return value
    if isinstance(kind, JSON) or not isinstance(value, str) or len(value) > _TEXT_CHARACTERS or not value.isprintable():
        raise ValueError("no such text")
    return value


def _content(model: type[Record], key: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str | list | dict):
        raise unsuitable(model, key)
    return value


def unsuitable(model: type[Record], key: str) -> ArchiveRefused:
    """What to raise where a record says something that can't be."""
    return ArchiveRefused(Reason.UNSUITABLE, f"{camel(key)} of a record of {model.__tablename__} can't be used.")


def file_of(model: type[Record]) -> str:
    """The file of an archive that has the rows of `model`."""
    if not isinstance(model.card.export, Exported):
        raise TypeError(f"{model.__name__} is in no archive")
    return model.card.export.file


def key_of(row: Record) -> tuple[Any, ...]:
    """By what the row is found: its primary key."""
    mapper = inspected(type(row))
    return tuple(getattr(row, mapper.get_property_by_column(column).key) for column in mapper.primary_key)


def unique_keys(row: Record) -> list[tuple[Any, ...]]:
    """What no other row of its table may share with it: its primary key, and what else is unique."""
    mapper = inspected(type(row))
    found = [key_of(row)]
    for constraint in sorted(mapper.local_table.constraints, key=lambda each: str(each.name)):  # type: ignore[attr-defined]
        if isinstance(constraint, UniqueConstraint):
            columns = (mapper.get_property_by_column(column).key for column in constraint.columns)
            found.append((constraint.name, *(getattr(row, key) for key in columns)))
    return found


def there(session: Session, rows: Iterable[Record]) -> set[tuple[Any, ...]]:
    """Of these rows, all of one table, those that an interrupted import left."""
    rows = list(rows)
    if not rows:
        return set()
    columns = inspected(type(rows[0])).primary_key
    found = select(*columns).where(tuple_(*columns).in_([key_of(row) for row in rows]))
    return {tuple(row) for row in session.execute(found)}


def is_finished(session: Session, account: uuid.UUID, export_id: uuid.UUID, action: str) -> bool:
    """Whether the trail says that this export was taken into this account to its end."""
    ended = select(AuditEvent.id).join(AuditPersonal, AuditPersonal.event_id == AuditEvent.id)
    mine = (AuditEvent.action == action) & (AuditEvent.resource_id == export_id) & (AuditPersonal.subject_id == account)
    return session.scalar(ended.where(mine).limit(1)) is not None
