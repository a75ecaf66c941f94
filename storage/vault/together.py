"""Sealed values of many rows, sorted by the keyset that they are under: what a page's rows share is worked out once."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from storage.keys.names import KeysetName
from storage.records import Record
from storage.vault.places import PLATFORM, VERSION, Place, keyset_of


class Together(NamedTuple):
    """Values of one column under one keyset: the rows, whose and which they are, the ciphertexts, their bindings."""

    rows: list[Record]
    owners: list[uuid.UUID]
    row_ids: list[uuid.UUID]
    ciphertexts: list[bytes]
    contexts: list[bytes]


_EMPTY = Together([], [], [], [], [])


def together(rows: Iterable[Record], place: Place) -> list[tuple[KeysetName, Together]]:
    """The values that `rows` hold in this column, with the bindings that `Stand.associated_data` has.

    Left out, for whoever opens them one by one: what is not loaded, what is sealed in no way that is known, what has no
    owner, and columns under the platform's own keysets.
    """
    if place.owner is None or place.under in PLATFORM:
        return []
    found: dict[int, Together] = {}
    column, key, owner_name, prefix = place.column, place.key, place.owner, place.prefix
    whose_name = place.project if place.under == "project" else owner_name
    known_owner = known_whose = None
    owner_bytes, group = b"", _EMPTY
    for row in rows:
        loaded = row.__dict__  # without a detour through SQLAlchemy's instrumentation
        try:
            stored = loaded[column].stored
            row_id, owner, whose = loaded[key], loaded[owner_name], loaded[whose_name]
            if whose.int != known_whose:
                known_whose = whose.int
                group = found.setdefault(known_whose, Together([], [], [], [], []))
            if owner.int != known_owner:
                known_owner, owner_bytes = owner.int, owner.int.to_bytes(16, "big")
            context = prefix + row_id.int.to_bytes(16, "big") + owner_bytes
        except (KeyError, AttributeError):
            continue
        if stored[:1] == VERSION:
            group[0].append(row)
            group[1].append(owner)
            group[2].append(row_id)
            group[3].append(stored[1:])
            group[4].append(context)
    return [(keyset_of(place, number), group) for number, group in found.items() if group.rows]


def without_damaged(*columns: list[Any]) -> Iterator[list[Any]]:
    """The lists without what stands where the last of them has None."""
    whole = [number for number, plaintext in enumerate(columns[-1]) if plaintext is not None]
    return ([column[number] for number in whole] for column in columns)
