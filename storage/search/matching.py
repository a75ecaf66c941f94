"""Which rows have the words that are looked for, as a condition that a door's statement takes."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, select
from sqlalchemy.orm import Session

from storage.keys.keyring import Keyring
from storage.pages import Slice, page_of
from storage.reading import Door
from storage.records import Record
from storage.search.indexes import INDEXED
from storage.search.words import words
from storage.vault import HASHED

MOST_TERMS = 10
"""Words that may be looked for at once."""


def terms_of(text: str) -> list[str]:
    """The words that are looked for."""
    return words(text)


@dataclass(frozen=True)
class Searching:
    """Words looked for in these projects. A row is found if each of them begins a word in it."""

    terms: tuple[str, ...]
    projects: tuple[uuid.UUID, ...]

    def condition(self, keyring: Keyring, model: type[Record]) -> ColumnElement[bool]:
        """What holds of the rows of `model` that are found."""
        where = INDEXED[model]
        keys = [key for key in map(keyring.search_key, self.projects) if key is not None]
        if not keys:
            return false()
        found: list[ColumnElement[bool]] = []
        for term in self.terms:
            tokens = [token for key in keys for token in key.hashes(term.encode(), HASHED)]
            rows = select(getattr(where.table, where.row)).where(where.table.token.in_(tokens))
            found.append(model.id.in_(rows))  # type: ignore[attr-defined]
        return and_(*found)


def first_ids(session: Session, model: type[Record], door: Door, most: int) -> Collection[uuid.UUID]:
    """The ids of up to `most` of the rows that a door gives, the oldest."""
    part = Slice(limit=most - 1, newest_first=False)  # a page finds one more than it shows
    page = page_of(model, door.statement, part, session.get_bind().dialect.name, door.keys)
    return session.scalars(page.with_only_columns(model.id), dict(door.parameters)).all()  # type: ignore[attr-defined]
