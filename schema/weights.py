"""The cost of a document: its depth, the fields that it could return, its aliases and directives.

Sizes of lists follow from the types of the schema, through fragments, interfaces and aliases alike: a connection holds
as many edges as `first` or `last` say, `nodes` as many things as there are ids, every other list of objects as many as
`schema.prices` says. `@skip` and `@include` are not evaluated, and duplicate fields count twice: the cost is never less
than that of what is executed.

What a fragment costs is computed once and reused, so that the pass is linear in the document however often fragments
spread one another. (A walk that follows every spread is exponential: 827 bytes can stop a server.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from schema.prices import INTROSPECTION, PRICES, ROOT, SIZES, TOTAL_COUNT

DEFAULT_PAGE = 50
DEFAULT_SIZE = 50
"""The size of a list that `schema.prices` does not name."""
_MANY = 1e9
"""No page is larger: of a larger number nothing is worked out."""
_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True)
class Weight:
    """What a selection weighs. `cost` counts the fields that could be returned, those of lists as often as they may be.

    `per_edge` is what is to be counted once for each edge of the connection around it. `depth` leaves introspection
    out, which has a depth of its own.
    """

    depth: int = 0
    cost: int = 0
    aliases: int = 0
    directives: int = 0
    introspection_depth: int = 0
    per_edge: int = 0

    @property
    def introspects(self) -> bool:
        """Whether the schema is asked for."""
        return self.introspection_depth > 0

    def beside(self, other: "Weight") -> "Weight":
        """Two selections side by side."""
        return Weight(
            max(self.depth, other.depth),
            self.cost + other.cost,
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.introspection_depth, other.introspection_depth),
            self.per_edge + other.per_edge,
        )


class _Field(NamedTuple):
    """What the schema says of a field."""

    below: GraphQLNamedType | None
    price: int
    size: int
    """How many objects it holds; 1 for a single one."""
    edges: bool
    """Whether it is the list of a connection: as long as the connection's arguments say."""


_UNKNOWN = _Field(None, 0, 1, edges=False)
"""A field that the schema lacks; validation refuses the document."""


def weigh(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, object]) -> Weight:
    """Return the weight of the whole document. A fragment that spreads itself counts as nothing: validation names it.

    Raises RecursionError for a document that is nested absurdly.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    given: Mapping[str, object] = {**_defaults(document), **variables}
    known: dict[str, Weight] = {}

    def of_set(selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Weight:
        depth = cost = aliases = directives = introspection_depth = per_edge = 0
        for node in selections.selections if selections is not None else ():
            if isinstance(node, FieldNode):
                found = of_field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                found = of_set(node.selection_set, schema.get_type(condition.name.value) if condition else parent)
            elif isinstance(node, FragmentSpreadNode):
                found = of_fragment(node.name.value)
            else:
                raise TypeError(f"{node.kind} is no selection")
            depth, cost = max(depth, found.depth), cost + found.cost
            aliases, directives = aliases + found.aliases, directives + found.directives + len(node.directives or ())
            introspection_depth = max(introspection_depth, found.introspection_depth)
            per_edge += found.per_edge
        return Weight(depth, cost, aliases, directives, introspection_depth, per_edge)

    def of_field(node: FieldNode, parent: GraphQLNamedType | None) -> Weight:
        aliased, name = node.alias is not None, node.name.value
        if node.selection_set is None:
            field = _field(schema, parent, name)
            return Weight(1, 1 + field.price, aliased)
        if name in _INTROSPECTION:
            below = of_set(node.selection_set, None)
            return Weight(1, 1 + INTROSPECTION, below.aliases + aliased, below.directives, below.depth + 1)
        field = _field(schema, parent, name)
        below = of_set(node.selection_set, field.below)
        all_edges = below.per_edge * _page(node, given) if below.per_edge else 0
        cost = field.size * _ids(node, given) * (below.cost + all_edges)
        return Weight(
            below.depth + 1,
            field.price + (1 + cost if not field.edges else 0),
            below.aliases + aliased,
            below.directives,
            below.introspection_depth,
            1 + cost if field.edges else 0,
        )

    def of_fragment(name: str) -> Weight:
        if name not in known:
            known[name] = Weight()
            if (fragment := fragments.get(name)) is not None:
                condition = schema.get_type(fragment.type_condition.name.value)
                known[name] = of_set(fragment.selection_set, condition)
        return known[name]

    total = Weight()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            root = schema.get_root_type(definition.operation)
            total = total.beside(of_set(definition.selection_set, root))
            total = total.beside(Weight(directives=len(definition.directives or ())))
    return total


@lru_cache(maxsize=8192)
def _named(schema: GraphQLSchema, parent: str, name: str) -> _Field:
    """What the schema says of a field. Called for fields that exist alone: clients add no entries of their own."""
    kind = schema.type_map[parent]
    fields = kind.fields  # type: ignore[attr-defined]
    returned = fields[name].type
    below = get_named_type(returned)
    coordinate = f"{parent}.{name}"
    price = PRICES.get(coordinate, _usual_price(schema, kind, name))
    if is_leaf_type(below):
        return _Field(None, price, 1, edges=False)
    while is_non_null_type(returned):
        returned = returned.of_type
    if not is_list_type(returned):
        return _Field(below, price, 1, edges=False)
    if is_connection(kind):
        return _Field(below, price, 1, edges=True)
    if "ids" in fields[name].args:
        return _Field(below, price, 1, edges=False)
    return _Field(below, price, SIZES.get(coordinate, DEFAULT_SIZE), edges=False)


def _usual_price(schema: GraphQLSchema, kind: GraphQLNamedType, name: str) -> int:
    if kind in (schema.query_type, schema.mutation_type, schema.subscription_type):
        return ROOT
    return TOTAL_COUNT if name == "totalCount" and is_connection(kind) else 0


def _field(schema: GraphQLSchema, parent: GraphQLNamedType | None, name: str) -> _Field:
    if not (is_object_type(parent) or is_abstract_type(parent)) or name not in getattr(parent, "fields", ()):
        return _UNKNOWN
    return _named(schema, parent.name, name)


def is_connection(kind: GraphQLNamedType | None) -> bool:
    """Whether it is a connection, as Relay's specification defines one: an object with `edges` and `pageInfo`."""
    return is_object_type(kind) and kind.fields.keys() >= {"edges", "pageInfo"}


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
    """How many edges a connection may hold: the larger of `first` and `last`, or the default page."""
    sizes = []
    for argument in node.arguments or ():
        if argument.name.value not in ("first", "last"):
            continue
        given = argument.value
        value: object = variables.get(given.name.value) if isinstance(given, VariableNode) else None
        if isinstance(given, IntValueNode):
            value = _number(given)
        if isinstance(value, float) and value.is_integer():  # GraphQL takes 100.0 for 100
            value = int(min(value, _MANY))
        if isinstance(value, int):
            sizes.append(max(value, 1))
    return max(sizes, default=DEFAULT_PAGE)


def _ids(node: FieldNode, variables: Mapping[str, object]) -> int:
    """How many things are asked for by `ids`; 1 where there is no such argument."""
    for argument in node.arguments or ():
        if argument.name.value == "ids":
            given = argument.value
            value = variables.get(given.name.value) if isinstance(given, VariableNode) else None
            ids = given.values if isinstance(given, ListValueNode) else value
            return max(len(ids), 1) if isinstance(ids, list | tuple) else 1
    return 1
