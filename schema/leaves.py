"""Leaf fields without arguments: most of every page, so they are resolved without Strawberry's detour.

Strawberry wraps each resolver in layers that convert arguments and look for extensions; a leaf has neither. Its
function stands in the schema itself, and `schema.executor` calls it directly. A field that is `for_siblings` has
arguments, and so takes the detour, but once for all the things of a list.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import strawberry
from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

Resolve = Callable[[Any, Any], Any]
ResolveAll = Callable[[Sequence[Any], Any], list[Any]]
_MARK, _MANY, _SIBLINGS, _COLUMNS = "leaf", "leaves", "siblings", "columns"


def leaf(
    resolve: Resolve,
    kind: Any,
    description: str,
    *,
    many: ResolveAll | None = None,
    columns: Iterable[str] | None = None,
) -> Any:
    """A field answered by `resolve(node, info)`, which may use `info.context` and nothing else of `info`.

    `columns` names all that it needs of its node's row beside ids; None: anything.

    `many(nodes, info)` answers what `resolve` would for each of several nodes of one type, or raises anything at all:
    then they are asked one by one.
    """

    def through_strawberry(self: Any, info: strawberry.Info) -> Any:
        return resolve(self, info)

    through_strawberry.__annotations__["return"] = kind
    return strawberry.field(
        resolver=StrawberryResolver(through_strawberry),
        description=description,
        metadata={_MARK: resolve, _MANY: many, _COLUMNS: _set_of(columns)},
    )


def for_siblings(
    resolver: Callable[..., Any], kind: Any, description: str, *, columns: Iterable[str] | None = None
) -> Any:
    """A field of objects whose `resolver(self, info, …)` may be given `Siblings` for `self`.

    It then answers a list with what it would answer for each, or raises anything at all: then they are asked one by
    one. It may use of `info` what is the same for all of them, which the path is not. `columns`: as a leaf's.
    """
    resolver.__annotations__["return"] = kind
    return strawberry.field(
        resolver=StrawberryResolver(resolver),
        description=description,
        metadata={_SIBLINGS: True, _COLUMNS: _set_of(columns)},
    )


class Siblings(NamedTuple):
    """Nodes of one type, asked for the same field with the same arguments."""

    nodes: Sequence[Any]


def shorten(schema: GraphQLSchema) -> None:
    """Let every leaf, and every field that only shows an attribute, be resolved by its function alone."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields.values():
                definition = field.extensions.get("strawberry-definition")
                if definition is None:
                    continue
                field.extensions[_COLUMNS] = definition.metadata.get(_COLUMNS)
                field.extensions[_SIBLINGS] = definition.metadata.get(_SIBLINGS, False)
                resolve = _resolve_of(definition)
                if resolve is not None:
                    field.resolve = resolve
                    field.extensions[_MARK] = resolve
                    field.extensions[_MANY] = definition.metadata.get(_MANY)


def resolve_of(field: GraphQLField) -> Resolve | None:
    """The function of a field that was shortened."""
    found: Resolve | None = field.extensions.get(_MARK)
    return found


def many_of(field: GraphQLField) -> ResolveAll | None:
    """The function that answers it for several nodes at once, where there is one."""
    found: ResolveAll | None = field.extensions.get(_MANY)
    return found


def asks_siblings(field: GraphQLField) -> bool:
    """Whether it is `for_siblings`."""
    return field.extensions.get(_SIBLINGS, False) is True


def columns_of(field: GraphQLField) -> frozenset[str] | None:
    """The columns of its node's row that it needs; None: any of them."""
    found: frozenset[str] | None = field.extensions.get(_COLUMNS)
    return found


def _set_of(columns: Iterable[str] | None) -> frozenset[str] | None:
    return None if columns is None else frozenset(columns)


def _resolve_of(definition: StrawberryField) -> Resolve | None:
    marked: Resolve | None = definition.metadata.get(_MARK)
    if marked is not None or not definition.is_basic_field:
        return marked
    attribute = attrgetter(definition.python_name)
    return lambda node, info: attribute(node)
