"""Which fields a query asks for below the field at hand."""

from typing import Any

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

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
