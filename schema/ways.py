"""The short ways that a selected field can be answered by, found out once for each selection.

Only what plainly is one of these has one; whatever is out of the ordinary goes the stock executor's way.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from graphql import (
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    TypeNameMetaFieldDef,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition

from schema.leaves import Resolve, ResolveAll, asks_siblings, many_of, resolve_of


class Values(NamedTuple):
    """How values of a leaf's type become part of the answer."""

    kind: GraphQLLeafType
    native: type | None
    """Values of exactly this type stand in the answer as they are."""
    required: bool


class Leaf(NamedTuple):
    """One selected leaf, or list of leaves: its function, and what its values are."""

    resolve: Resolve
    many: ResolveAll | None
    values: Values
    """Of a list, those in it."""
    listed: bool
    required: bool
    returns: GraphQLOutputType


class Branch(NamedTuple):
    """A selected object, or list of objects, that stands in an attribute: its function, and what it leads to."""

    resolve: Resolve
    kind: GraphQLObjectType
    origins: frozenset[type]
    """Things of exactly these classes are of `kind`, without being asked."""
    item: GraphQLOutputType | None
    """Of a list, what stands in it."""
    returns: GraphQLOutputType


class Hanging(NamedTuple):
    """A selected object that hangs on each of several, and is looked for once for all of them."""

    field: GraphQLField
    kind: GraphQLObjectType
    origins: frozenset[type]
    required: bool


Way = Leaf | Branch | Hanging
_NATIVE = {"String": str, "ID": str, "Boolean": bool, "BigInt": int}


def way_of(schema: GraphQLSchema, parent_type: GraphQLObjectType, details: FieldDetailsList) -> Way | None:
    """The short way of a selected field of `parent_type`; None: it has none."""
    directed = any(each.node.directives for each in details)
    return _way(schema, parent_type, details[0].node.name.value, directed)


@lru_cache(maxsize=4096)
def _way(schema: GraphQLSchema, parent_type: GraphQLObjectType, name: str, directed: bool) -> Way | None:
    field: GraphQLField | None = schema.get_field(parent_type, name)
    if field is None:
        return None
    if field is TypeNameMetaFieldDef:
        return _named(parent_type.name)
    resolve = resolve_of(field)
    if resolve is None and not asks_siblings(field):
        return None
    required = is_non_null_type(field.type)
    kind: Any = _nullable(field.type)
    item = kind.of_type if is_list_type(kind) else None
    if item is not None and resolve is not None and is_leaf_type(_nullable(item)):
        return Leaf(resolve, many_of(field), _values(item), True, required, field.type)
    if resolve is not None and is_leaf_type(kind):
        return Leaf(resolve, many_of(field), _values(field.type), False, required, field.type)
    if directed:
        return None  # @stream has its own way
    kind = kind if item is None else _nullable(item)
    if not is_object_type(kind) or not (origins := _origins(kind)):
        return None
    if resolve is not None:
        return Branch(resolve, kind, origins, item, field.type)
    return Hanging(field, kind, origins, required) if item is None else None


def _named(name: str) -> Leaf:
    """`__typename`: the name is known before anything is looked at."""
    return Leaf(
        lambda thing, asked: name,
        lambda things, asked: [name] * len(things),
        Values(GraphQLString, str, required=True),
        listed=False,
        required=True,
        returns=TypeNameMetaFieldDef.type,
    )


def _values(kind: Any) -> Values:
    leaf = _nullable(kind)
    return Values(leaf, _NATIVE.get(leaf.name), is_non_null_type(kind))


def _nullable(kind: Any) -> Any:
    return kind.of_type if is_non_null_type(kind) else kind


def _origins(kind: GraphQLObjectType) -> frozenset[type]:
    """The classes of which things of `kind` are made; of a generic type's specialization, the generic class as well."""
    definition = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryObjectDefinition):
        return frozenset()
    general = definition.concrete_of
    return frozenset({definition.origin, *([general.origin] if general is not None else [])})
