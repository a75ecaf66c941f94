"""Which fields a query asks for below the field at hand."""

from typing import Any

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
)

from schema.leaves import columns_of

_THROUGH = frozenset({"edges", "node", "nodes"})


def selects(info: strawberry.Info[Any, Any], name: str) -> bool:
    """Whether `name` is selected on the things this field answers, directly or through edges, nodes and fragments.

    Directives are not evaluated: a field under `@skip(if: true)` counts, which costs a little and shows nothing.
    """
    raw = info._raw_info
    fragments = raw.fragments
    pending: list[SelectionSetNode | None] = [node.selection_set for node in raw.field_nodes]
    seen: set[str] = set()
    while pending:
        selection_set = pending.pop()
        if selection_set is None:
            continue
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                if selection.name.value == name:
                    return True
                if selection.name.value in _THROUGH:
                    pending.append(selection.selection_set)
            elif isinstance(selection, InlineFragmentNode):
                pending.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                pending.append(fragments[selection.name.value].selection_set)
    return False


def columns_needed(info: strawberry.Info[Any, Any], kind: str) -> frozenset[str] | None:
    """The columns that the fields selected on the nodes of a connection of `kind` need; None: any of them.

    As in `selects`, directives are not evaluated.
    """
    raw = info._raw_info
    found = raw.schema.type_map[kind]
    fields = found.fields if isinstance(found, GraphQLObjectType) else {}
    needed: set[str] = set()
    for name in _names_at(raw, ("edges", "node")):
        field = fields.get(name)
        columns = frozenset[str]() if name == "__typename" else None if field is None else columns_of(field)
        if columns is None:
            return None
        needed |= columns
    return frozenset(needed)


def _names_at(raw: GraphQLResolveInfo[Any], way: tuple[str, ...]) -> set[str]:
    """The names of the fields selected at the end of this way below the field at hand."""
    pending = [(node.selection_set, 0) for node in raw.field_nodes]
    names: set[str] = set()
    seen: set[tuple[str, int]] = set()
    while pending:
        selection_set, depth = pending.pop()
        for selection in selection_set.selections if selection_set is not None else ():
            if isinstance(selection, FieldNode):
                if depth == len(way):
                    names.add(selection.name.value)
                elif selection.name.value == way[depth]:
                    pending.append((selection.selection_set, depth + 1))
            elif isinstance(selection, InlineFragmentNode):
                pending.append((selection.selection_set, depth))
            elif isinstance(selection, FragmentSpreadNode) and (selection.name.value, depth) not in seen:
                seen.add((selection.name.value, depth))
                pending.append((raw.fragments[selection.name.value].selection_set, depth))
    return names
