"""Global ids (Relay): opaque to clients, and naming the type so that `node(id:)` finds the thing."""

import base64
import binascii
import uuid
from collections.abc import Iterable
from functools import lru_cache

import strawberry

from resolvers.errors import BadInput
from storage.ids import global_id


def encode_id(type_name: str, row_id: uuid.UUID) -> strawberry.ID:
    """The global id of a row."""
    return _encoded(type_name, row_id.int)


def encode_ids(type_name: str, row_ids: Iterable[uuid.UUID]) -> list[strawberry.ID]:
    """The global ids of rows of one type."""
    return [_encoded(type_name, each.int) for each in row_ids]


@lru_cache(maxsize=8192)
def _encoded(type_name: str, number: int) -> strawberry.ID:
    """Those of a page are asked for again and again: owner and project stand in each row.

    By the id's number, since a UUID's own hash is worked out in Python.
    """
    return strawberry.ID(global_id(type_name, uuid.UUID(int=number)))


def decode_id(text: str, field: str) -> tuple[str, uuid.UUID]:
    """Type name and row id of a global id. Raises `BadInput` for anything else."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        type_name, _, row_id = raw.decode("ascii").partition(":")
        found = uuid.UUID(hex=row_id)
        if encode_id(type_name, found) == text:
            return type_name, found
    except (UnicodeError, binascii.Error, ValueError):
        pass
    raise BadInput(f"{field} is not an id; pass one that this API answered.", field=field)


def decode_id_of(type_name: str, text: str, field: str) -> uuid.UUID:
    """The row id of a global id of one type. Raises `BadInput` for an id of another type."""
    said, row_id = decode_id(text, field)
    if said != type_name:
        raise BadInput(f"{field} is not the id of {_article(type_name)}.", field=field)
    return row_id


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"
