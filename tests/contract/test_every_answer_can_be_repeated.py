"""Every mutation works under an Idempotency-Key: what its payload holds can be kept and given again."""

import dataclasses
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLScalarType, get_named_type

from schema.api import build
from schema.nodes import Node

SCHEMA = build()
MUTATIONS: dict[str, Any] = dict(SCHEMA._schema.mutation_type.fields)  # type: ignore[union-attr]
SCALARS = {"Boolean", "DateTime", "Float", "ID", "Int", "String", "BigInt"}


def _unkeepable(kind: Any, place: str, seen: set[str]) -> list[str]:
    """Places in a type that `schema.idempotency.pack` has no form for."""
    if isinstance(kind, GraphQLScalarType):
        return [] if kind.name in SCALARS else [f"{place}: {kind.name}"]
    if isinstance(kind, GraphQLEnumType) or kind.name in seen:
        return []
    if not isinstance(kind, GraphQLObjectType):
        return [f"{place}: {kind.name} may be any of several types"]
    definition = kind.extensions["strawberry-definition"]
    if issubclass(definition.origin, Node):
        return []
    shown = {field.python_name: field.graphql_name or field.name for field in definition.fields}
    names = {field.name for field in dataclasses.fields(definition.origin)}
    found = [f"{place}.{name}: not shown, so not kept" for name in names - shown.keys()]
    for name, field in kind.fields.items():
        found += _unkeepable(get_named_type(field.type), f"{place}.{name}", seen | {kind.name})
    return found


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_a_mutation_answers_can_be_kept(name: str) -> None:
    """Things (kept as ids), scalars, enums, lists of them, and plain types that hold nothing beside what they show."""
    assert _unkeepable(get_named_type(MUTATIONS[name].type), name, set()) == []
