"""Rows as they stand in an archive, and the JSON Schemas that describe them: both derived from the models.

A row shows its plain columns and the sealed ones that are its contributor's. Keyed hashes and credentials sealed under
the platform's key stay behind, for they say nothing about the person and would only help a thief; so do columns that
are withheld, each with its reason.
"""

import base64
import enum
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol, cast

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Enum, Integer, Uuid, inspect

from storage.archives.layout import camel
from storage.records import Holding, Record, UtcDateTime

_AS_THEY_ARE = (Uuid, UtcDateTime, Integer, Boolean)
"""Columns whose values are written as they come: none is bytes or of an enumeration."""


class Opens(Protocol):
    """What opens a row's sealed columns: the vault."""

    def open(self, row: Any, column: str) -> Any:
        """The content of `column`, or None where nothing was sealed."""


def shown_columns(model: type[Record]) -> dict[str, Column[Any]]:
    """The columns of `model` that an export shows, by attribute name, in the order of the table."""
    columns = ((attribute.key, cast(Column[Any], attribute.columns[0])) for attribute in inspect(model).column_attrs)
    return {key: column for key, column in columns if _is_shown(model, column)}


def exported(row: Record, vault: Opens) -> dict[str, Any]:
    """`row` as an object of the archive. Raises SealedWithoutGrant unless the row came with what each column
    opens with."""
    held = row.__dict__  # without a detour through SQLAlchemy's instrumentation, where the column is loaded
    return {
        name: held[key] if as_it_is and key in held else _plain(vault.open(row, key) if sealed else getattr(row, key))
        for key, name, sealed, as_it_is in _plan(type(row))
    }


@cache
def _plan(model: type[Record]) -> tuple[tuple[str, str, bool, bool], ...]:
    """Attribute, name in the archive, whether it is sealed, and whether JSON takes it as it is, of each column that is
    shown: the same for every row."""
    return tuple(
        (key, camel(key), is_sealed(column), isinstance(column.type, _AS_THEY_ARE))
        for key, column in shown_columns(model).items()
    )


def schema(model: type[Record]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `exported(row)`."""
    columns = shown_columns(model)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": model.__name__,
        "description": (model.__doc__ or "").strip(),
        "type": "object",
        "properties": {camel(key): _schema_of(column) for key, column in columns.items()},
        "required": [camel(key) for key in columns],
        "additionalProperties": False,
    }


def is_sealed(column: Column[Any]) -> bool:
    """Whether the column holds a sealed value."""
    return column.info.get("holding") is Holding.SEALED


def _is_shown(model: type[Record], column: Column[Any]) -> bool:
    if is_sealed(column):
        return (column.info.get("under") or model.sealed_under) != "platform"
    return column.info.get("holding") is Holding.PLAIN and column.info.get("withheld") is None


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.value if isinstance(value, enum.Enum) else value


def _schema_of(column: Column[Any]) -> Mapping[str, Any]:
    shape = _shape(column)
    if not column.nullable or not shape:
        return shape
    return {"anyOf": [shape, {"type": "null"}]}


def _shape(column: Column[Any]) -> Mapping[str, Any]:
    kind = column.type
    if is_sealed(column):
        return {"type": ["string", "array", "object"]}
    if isinstance(kind, Uuid):
        return {"type": "string", "format": "uuid"}
    if isinstance(kind, UtcDateTime | DateTime):
        return {"type": "string", "format": "date-time"}
    if isinstance(kind, Enum):
        return {"type": "string", "enum": list(kind.enums)}
    if isinstance(kind, Boolean):
        return {"type": "boolean"}
    if isinstance(kind, Integer | BigInteger):
        return {"type": "integer"}
    return {"type": ["array", "object"]} if isinstance(kind, JSON) else {"type": "string"}
