"""Sealed values of many rows, sorted by the keyset that they are under: what a page's rows share is worked out once."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from storage.keys.names import KeysetName
from storage.reading import Rows
from storage.records import Record
from storage.vault.places import PLATFORM, VERSION, Place, keyset_of

UNOPENED = object()
"""In place of a value that is not there, or is to be opened by itself."""


class Together(NamedTuple):
    """Values of one column under one keyset: their rows' places, whose and which those are, ciphertexts, bindings."""

    places: list[int]
    owners: list[uuid.UUID]
    row_ids: list[uuid.UUID]
    ciphertexts: list[bytes]
    contexts: list[bytes]


class Chosen:
    """Some of several rows, which become objects when somebody looks at them."""

    def __init__(self, rows: Sequence[Record], places: Sequence[int]) -> None:
        self._rows, self._places = rows, places

    def __iter__(self) -> Iterator[Record]:
        return (self._rows[each] for each in self._places)


_EMPTY = Together([], [], [], [], [])


def model_of(rows: Sequence[Record]) -> type[Record]:
    """The model of rows that are all of one."""
    return rows.model if isinstance(rows, Rows) else type(rows[0])


def allowing(rows: Sequence[Record], action: str) -> list[bool]:
    """Which of the rows carry this decision."""
    return [action in each for each in (rows.allowed if isinstance(rows, Rows) else [row.decisions for row in rows])]


def column_of(rows: Sequence[Record], name: str) -> Sequence[Any]:
    """What the rows have there, as loaded, without a detour through SQLAlchemy's instrumentation; or UNOPENED."""
    if isinstance(rows, Rows):
        return rows.columns[name] if name in rows.columns else [UNOPENED] * len(rows)
    return [row.__dict__.get(name, UNOPENED) for row in rows]


def together(
    rows: Sequence[Record], place: Place, allowed: Iterable[bool] = repeat(True)
) -> list[tuple[KeysetName, Together]]:
    """The values that `rows` hold in this column, with the bindings that `Stand.associated_data` has.

    Left out, for whoever opens them one by one: what is not loaded, what is sealed in no way that is known, what has no
    owner, and columns under the platform's own keysets. Left out, too, is what is not `allowed`.
    """
    if place.owner is None or place.under in PLATFORM:
        return []
    found: dict[int, Together] = {}
    prefix, whose_name = place.prefix, place.project if place.under == "project" else place.owner
    columns = [column_of(rows, name) for name in (place.column, place.key, place.owner, whose_name)]
    known_owner = known_whose = None
    owner_bytes, group = b"", _EMPTY
    for number, (may, value, row_id, owner, whose) in enumerate(zip(allowed, *columns, strict=False)):
        if not may:
            continue
        try:
            stored = value.stored
            if whose.int != known_whose:
                known_whose = whose.int
                group = found.setdefault(known_whose, Together([], [], [], [], []))
            if owner.int != known_owner:
                known_owner, owner_bytes = owner.int, owner.int.to_bytes(16, "big")
            context = prefix + row_id.int.to_bytes(16, "big") + owner_bytes
        except AttributeError:
            continue
        if stored[:1] == VERSION:
            group[0].append(number)
            group[1].append(owner)
            group[2].append(row_id)
            group[3].append(stored[1:])
            group[4].append(context)
    return [(keyset_of(place, number), group) for number, group in found.items() if group.places]


def without_damaged(*columns: list[Any]) -> Iterator[list[Any]]:
    """The lists without what stands where the last of them has None."""
    whole = [number for number, plaintext in enumerate(columns[-1]) if plaintext is not None]
    return ([column[number] for number in whole] for column in columns)
