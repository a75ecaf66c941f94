"""What a document weighs: how deep it is, how many fields it could answer, how much of it is aliases and directives.

Depth, cost and aliases of a fragment are computed once and reused, so that the pass is linear in the document however
often fragments spread one another. (A walk that follows every spread is exponential: 827 bytes can stop a server.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    SelectionSetNode,
    VariableNode,
)

_DEFAULT_PAGE = 50
_MANY = 1e9
"""No page is larger: of a larger number nothing is worked out."""
_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True)
class Weight:
    """What a selection weighs. `cost` counts the fields that could be answered, lists at their page size."""

    depth: int = 0
    cost: int = 0
    aliases: int = 0
    directives: int = 0
    introspects: bool = False

    def beside(self, other: "Weight") -> "Weight":
        """Two selections side by side."""
        return Weight(
            max(self.depth, other.depth),
            self.cost + other.cost,
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.introspects or other.introspects,
        )


def weigh(document: DocumentNode, variables: Mapping[str, object]) -> Weight:
    """The weight of the whole document. A fragment that spreads itself counts as nothing: validation names it."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    given: Mapping[str, object] = {**_defaults(document), **variables}
    known: dict[str, Weight] = {}

    def of_set(selections: SelectionSetNode | None) -> Weight:
        total = Weight()
        for node in selections.selections if selections is not None else ():
            total = total.beside(Weight(directives=len(node.directives or ())))
            if isinstance(node, FieldNode):
                total = total.beside(of_field(node))
            elif isinstance(node, InlineFragmentNode):
                total = total.beside(of_set(node.selection_set))
            elif isinstance(node, FragmentSpreadNode):
                total = total.beside(of_fragment(node.name.value))
        return total

    def of_field(node: FieldNode) -> Weight:
        below = of_set(node.selection_set)
        times = _page(node, given) if node.selection_set is not None else 1
        return Weight(
            below.depth + 1,
            1 + times * below.cost,
            below.aliases + (node.alias is not None),
            below.directives,
            below.introspects or node.name.value in _INTROSPECTION,
        )

    def of_fragment(name: str) -> Weight:
        if name not in known:
            known[name] = Weight()
            if name in fragments:
                known[name] = of_set(fragments[name].selection_set)
        return known[name]

    total = Weight()
    for definition in document.definitions:
        if not isinstance(definition, FragmentDefinitionNode):
            total = total.beside(of_set(getattr(definition, "selection_set", None)))
            total = total.beside(Weight(directives=len(getattr(definition, "directives", None) or ())))
    return total


def _defaults(document: DocumentNode) -> dict[str, object]:
    """What the document says of variables that are not given; of several operations, the most."""
    found: dict[str, object] = {}
    for definition in document.definitions:
        for each in getattr(definition, "variable_definitions", None) or ():
            said, name = each.default_value, each.variable.name.value
            if isinstance(said, IntValueNode):
                before = found.get(name)
                found[name] = max(_number(said), before) if isinstance(before, int) else _number(said)
            elif isinstance(said, ListValueNode):
                before = found.get(name)
                found[name] = max(said.values, before, key=len) if isinstance(before, tuple) else said.values
    return found


def _number(said: IntValueNode) -> int:
    return int(said.value[:9])


def _page(node: FieldNode, variables: Mapping[str, object]) -> int:
    """How often what lies below a field may be answered: its page size, 1 where it is no list."""
    for argument in node.arguments or ():
        given = argument.value
        value: object = variables.get(given.name.value) if isinstance(given, VariableNode) else None
        if argument.name.value == "ids":
            ids = given.values if isinstance(given, ListValueNode) else value
            return max(len(ids), 1) if isinstance(ids, list | tuple) else 1
        if argument.name.value in ("first", "last"):
            if isinstance(given, IntValueNode):
                value = _number(given)
            if isinstance(value, float) and value.is_integer():  # GraphQL takes 100.0 for 100
                value = int(min(value, _MANY))
            return max(value, 1) if isinstance(value, int) else _DEFAULT_PAGE
    selections = node.selection_set.selections if node.selection_set is not None else ()
    listed = any(isinstance(each, FieldNode) and each.name.value == "edges" for each in selections)
    return _DEFAULT_PAGE if listed else 1
