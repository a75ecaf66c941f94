"""Leaf fields without arguments: most of every page, so they are resolved without Strawberry's detour.

Strawberry wraps each resolver in layers that convert arguments and look for extensions; a leaf has neither, and its
function is called by graphql-core directly. `tests/schema/test_leaves.py` proves that the answers are the same.
"""

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.types.fields.resolver import StrawberryResolver

Resolve = Callable[[Any, Any], Any]
_MARK = "leaf"


def leaf(resolve: Resolve, kind: Any, description: str) -> Any:
    """A field answered by `resolve(node, info)`, which may use `info.context` and nothing else of `info`."""

    def through_strawberry(self: Any, info: strawberry.Info) -> Any:
        return resolve(self, info)

    through_strawberry.__annotations__["return"] = kind
    return strawberry.field(
        resolver=StrawberryResolver(through_strawberry), description=description, metadata={_MARK: resolve}
    )


def shorten(schema: GraphQLSchema) -> None:
    """Let graphql-core call the function of every leaf field itself."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields.values():
                definition = field.extensions.get("strawberry-definition")
                resolve = definition.metadata.get(_MARK) if definition is not None else None
                if resolve is not None:
                    field.resolve = resolve
