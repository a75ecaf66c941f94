"""Where a sealed value stands: in which column of which row, of whom, under which keyset.

All of it is bound to the value as its associated data: version, table and column with their lengths, then 16 bytes of
row id, then 16 of owner or none.
"""

import functools
import uuid
from typing import Any, NamedTuple

from sqlalchemy import inspect

from storage.keys.names import CREDENTIALS, LEDGER, KeysetName, join
from storage.records import Holding, Record
from storage.vault.errors import NotSealable

# What was sealed opens for ever: another layout gets another version byte, and tests/golden keeps the old one.
VERSION = b"\x01"
PLATFORM = {"platform": CREDENTIALS, "ledger": LEDGER}


class Place(NamedTuple):
    """What the model says about one sealed column, looked up once."""

    column: str
    opens_with: str
    prefix: bytes
    key: str
    owner: str | None
    under: str
    project: str


class Stand(NamedTuple):
    """Where one value stands. `keyset` is whose: a name, and nothing is looked up."""

    place: Place
    row_id: uuid.UUID
    owner: uuid.UUID | None
    keyset: KeysetName

    @property
    def associated_data(self) -> bytes:
        """What the value is bound to."""
        return self.place.prefix + self.binding

    @property
    def binding(self) -> bytes:
        """That part of it which the row's columns share."""
        row_id, owner = self.row_id.int, self.owner  # as numbers: UUID.bytes costs twice as much
        return row_id.to_bytes(16, "big") + (owner.int.to_bytes(16, "big") if owner else b"")


@functools.cache
def place_of(model: type[Record], column: str) -> Place:
    """What the model says about a sealed column. Raises NotSealable for any other one."""
    mapper = inspect(model)
    found = mapper.columns.get(column)
    if found is None or found.info.get("holding") is not Holding.SEALED:
        raise NotSealable(f"{model.__name__}.{column} is not a sealed column")
    if len(mapper.primary_key) != 1:
        raise NotSealable(f"{model.__name__} has no single column that identifies a row")
    return Place(
        column=column,
        opens_with=found.info["opens_with"],
        prefix=join(VERSION, model.__tablename__.encode(), found.name.encode()),
        key=mapper.get_property_by_column(mapper.primary_key[0]).key,
        owner=model.card.subject,
        under=found.info.get("under") or model.sealed_under,
        project="project_id" if "project_id" in mapper.columns else "id",
    )


def stand(row: Record, place: Place) -> Stand:
    """Where the row's value stands. Raises NotSealable for a row that has no id, or does not say whose it is."""
    row_id: uuid.UUID | None = value_of(row, place.key)
    owner: uuid.UUID | None = value_of(row, place.owner) if place.owner else None
    keyset = PLATFORM.get(place.under)
    if keyset is None:
        whose = value_of(row, place.project) if place.under == "project" else owner
        if whose is None:
            raise NotSealable(f"{row!r} does not say whose keyset seals it")
        keyset = keyset_of(place, whose.int)
    if row_id is None:
        raise NotSealable(f"{row!r} has no id yet")
    return Stand(place, row_id, owner, keyset)


def stand_in(row: Record, column: str) -> Stand:
    """As `stand`, of a column. Raises NotSealable for one that is not sealed, too."""
    return stand(row, place_of(type(row), column))


def stand_of_nobody(row_id: uuid.UUID, place: Place) -> Stand:
    """Where the value of a row stands that is nobody's, by the row's id.

    Raises NotSealable where it is told whose it is, or sealed under another keyset than one of the platform's.
    """
    keyset = PLATFORM.get(place.under)
    if keyset is None or place.owner is not None:
        raise NotSealable(f"{place.column} is somebody's: seal it in its row")
    return Stand(place, row_id, None, keyset)


@functools.cache
def has_id(model: type[Record]) -> bool:
    """Whether its rows are known by an `id`."""
    return "id" in inspect(model).columns


def value_of(row: Record, name: str) -> Any:
    """What the row has there: as loaded, without a detour through SQLAlchemy's instrumentation."""
    loaded = row.__dict__
    return loaded[name] if name in loaded else getattr(row, name)


@functools.lru_cache(maxsize=4096)
def _keyset(under: str, whose: int) -> KeysetName:
    return KeysetName("project" if under == "project" else "contributor", str(uuid.UUID(int=whose)))


def keyset_of(place: Place, whose: int) -> KeysetName:
    """The keyset of a project or contributor, whose id is given as a number: a UUID's own hash is worked out in Python.

    Names are kept: writing an id out costs as much as opening a field.
    """
    return _keyset(place.under, whose)
