"""The words of assets and prompts, as keyed hashes under a key of the project's.

They are written in the transaction that seals the text, go with the row that they are of, and mean nothing once the
project's keys are destroyed.
"""

import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ARRAY,
    Connection,
    ForeignKey,
    Index,
    Insert,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Mapped, Session

from storage.assets import Asset
from storage.projects import Project
from storage.prompts import Prompt
from storage.records import DataCard, NotExported, Record, keyed, plain
from storage.search.words import beginnings
from storage.statements import Fixed
from storage.vault import HASHED, Vault

_AT_ONCE = 50
_WHY = "hashes of words that stand in the texts that are exported"


class AssetWord(Record):
    """The beginning of a word in what is said about an asset."""

    __tablename__ = "asset_words"
    __table_args__ = (Index("ix_asset_words_token_asset_id", "token", "asset_id"),)
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=NotExported(_WHY),
        within={"asset": "asset_id", "project": "project_id"},
    )

    asset_id: Mapped[uuid.UUID] = plain(ForeignKey("assets.id"), primary_key=True)
    token: Mapped[bytes] = keyed(LargeBinary(HASHED), primary_key=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID] = plain(index=True)


class PromptWord(Record):
    """The beginning of a word in a prompt."""

    __tablename__ = "prompt_words"
    __table_args__ = (Index("ix_prompt_words_token_prompt_id", "token", "prompt_id"),)
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=NotExported(_WHY),
        within={"prompt": "prompt_id", "project": "project_id"},
    )

    prompt_id: Mapped[uuid.UUID] = plain(ForeignKey("prompts.id"), primary_key=True)
    token: Mapped[bytes] = keyed(LargeBinary(HASHED), primary_key=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID] = plain(index=True)


class Indexed(NamedTuple):
    """Where the words of a model's rows are kept: of which columns, and in which column the row is named."""

    table: type[AssetWord] | type[PromptWord]
    row: str
    columns: tuple[str, ...]


INDEXED: dict[type[Record], Indexed] = {
    Asset: Indexed(AssetWord, "asset_id", ("title", "file_name", "description", "tags")),
    Prompt: Indexed(PromptWord, "prompt_id", ("text",)),
}


class Words(NamedTuple):
    """The words of a row, as they are written down: by themselves, or `beside` what else is."""

    table: Table
    own: dict[str, uuid.UUID]
    tokens: list[bytes]

    @property
    def statement(self) -> Insert:
        """One statement for all of them, for PostgreSQL."""
        return _insertion(self.table)

    @property
    def values(self) -> dict[str, Any]:
        """What its parameters are."""
        return {**{f"own_{name}": value for name, value in self.own.items()}, "all_tokens": self.tokens}

    def write(self, connection: Connection) -> None:
        """Write them down. The row must be there, and none of its words."""
        if not self.tokens:
            return
        if connection.dialect.name == "postgresql":  # one round trip, however many there are
            _alone(self.table).execute(connection, self.values)
        else:
            connection.execute(insert(self.table), [{**self.own, "token": token} for token in self.tokens])


def words_of(vault: Vault, row: Asset | Prompt) -> Words:
    """The words of a row's sealed texts, to be written down once the row is flushed: of one that was not there before.

    Raises as `Vault.hashed` does.
    """
    where = INDEXED[type(row)]
    tokens = vault.hashed(row, where.columns, row.project_id, beginnings)
    own = {where.row: row.id, "owner_id": row.owner_id, "project_id": row.project_id}
    return Words(cast(Table, where.table.__table__), own, sorted(tokens))


def index(session: Session, vault: Vault, row: Asset | Prompt) -> None:
    """Write down the words of a row's sealed texts, in place of those written before. The row must be flushed."""
    where, words = INDEXED[type(row)], words_of(vault, row)
    session.execute(delete(where.table).where(getattr(where.table, where.row) == row.id))
    words.write(session.connection())


@cache
def _alone(table: Table) -> Fixed:
    return Fixed(_insertion(table))


@cache
def _insertion(table: Table) -> Insert:
    every = func.unnest(bindparam("all_tokens", type_=ARRAY(LargeBinary)))
    values = [
        every if column.name == "token" else bindparam(f"own_{column.name}", type_=column.type) for column in table.c
    ]
    return insert(table).from_select(list(table.c), select(*values))


def reindex(session: Session, vault: Vault, project: uuid.UUID, after: uuid.UUID | None = None) -> uuid.UUID | None:
    """Write down anew the words of some of a project's rows, under the newest key: the next after `after`.

    Answers where to go on, in a transaction of its own, or None when all are done. Older keys may go then.
    """
    rows = sorted(_next(session, project, after), key=lambda row: row.id)[:_AT_ONCE]
    for row in rows:
        index(session, vault, row)
    return rows[-1].id if len(rows) == _AT_ONCE else None


def _next(session: Session, project: uuid.UUID, after: uuid.UUID | None) -> Iterator[Any]:
    for model in INDEXED:
        key: Any = model.id  # type: ignore[attr-defined]
        statement = select(model).where(model.project_id == project).order_by(key).limit(_AT_ONCE)  # type: ignore[attr-defined]
        statement = statement.with_for_update()
        yield from session.scalars(statement if after is None else statement.where(key > after))


def projects(session: Session) -> list[uuid.UUID]:
    """Every project, for `reindex`."""
    return list(session.scalars(select(Project.id).order_by(Project.id)))
