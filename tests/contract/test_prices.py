"""Every list of objects has a size by which it is counted, and every size and price is of a field that is there."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from schema.api import build
from schema.prices import PRICES, SIZES
from schema.weights import is_connection

SCHEMA = build()._schema


def _fields() -> Iterator[tuple[Any, str, Any]]:
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                yield kind, name, field


def test_every_list_of_objects_has_a_size() -> None:
    """But the edges of a connection, whose arguments say it, and what is asked for by ids."""
    missing = []
    for kind, name, field in _fields():
        returned: Any = field.type.of_type if is_non_null_type(field.type) else field.type
        if not is_list_type(returned) or is_leaf_type(get_named_type(returned)):
            continue
        if not (is_connection(kind) or "ids" in field.args or f"{kind.name}.{name}" in SIZES):
            missing.append(f"{kind.name}.{name}")
    assert missing == [], "say in schema/prices.py how many objects it holds at most"


def test_every_size_and_price_is_of_a_field() -> None:
    """A field that was renamed takes its price along."""
    known = {f"{kind.name}.{name}" for kind, name, _ in _fields()}
    assert not {*SIZES, *PRICES} - known
    assert all(value > 0 for value in (*SIZES.values(), *PRICES.values()))


def test_whatever_takes_a_page_size_is_a_connection() -> None:
    """The size of a page is looked for in the arguments of a field that returns a connection."""
    others = {
        f"{kind.name}.{name}"
        for kind, name, field in _fields()
        if {"first", "last"} & field.args.keys() and not is_connection(get_named_type(field.type))
    }
    assert others <= {*PRICES}, "a field with `first` that returns no connection needs a price in schema/prices.py"
