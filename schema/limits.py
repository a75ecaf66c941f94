"""Limits on a document, found in one pass before it is validated or run.

Depth, cost and aliases of a fragment are computed once and reused, so that the pass is linear in the document however
often fragments spread one another. (A walk that follows every spread is exponential: 827 bytes can stop a server.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from strawberry.extensions import ValidationCache
from strawberry.types import ExecutionContext

from policies.principals import Kind
from resolvers.errors import BadInput, CostExceeded, RateLimited, Unauthenticated
from resolvers.refusals import Refusal

MAX_TOKENS = 5_000
MAX_DEPTH = 15
MAX_COST = 100_000
MAX_ALIASES = 50
MAX_DIRECTIVES = 50
_DEFAULT_PAGE = 50
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


class DocumentLimits(ValidationCache):
    """Refuses a document that asks for too much before graphql-core looks at it closely; validates the others.

    One extension for both, since each sets the errors of the document anew and the last one would win.
    """

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        self._told: dict[str, Any] = {}
        if context.graphql_document is not None:
            try:
                weight = weigh(context.graphql_document, context.variables or {})
                self._told = {"asked": weight.cost, "most": MAX_COST}
                asker = context.context.principal.kind
                refused = (
                    _refusal(weight, stranger=asker is Kind.ANONYMOUS) or _ambiguous(context) or self._charged(weight)
                )
            except RecursionError:
                refused = CostExceeded("The document is nested too deeply.")
            if refused is not None:
                if isinstance(refused, Unauthenticated):
                    context.context.record(Refusal("introspect", "Schema", refused.code.value))
                context.pre_execution_errors = [GraphQLError(str(refused), original_error=refused)]
                yield
                return
        yield from super().on_validate()

    def get_results(self) -> dict[str, Any]:
        """What the operation costs, and what is left for its caller at this moment: `extensions.cost`."""
        return {"cost": told} if (told := getattr(self, "_told", None)) else {}

    def _charged(self, weight: Weight) -> Exception | None:
        charge = self.execution_context.context.charge(weight.cost)
        self._told["remaining"] = charge.remaining
        if charge.retry_after is None:
            return None
        self._told["retryAfterSeconds"] = charge.retry_after
        return RateLimited(f"You have asked for much in the last minute. Try again in {charge.retry_after} seconds.")


def _ambiguous(context: ExecutionContext) -> Exception | None:
    """Strawberry runs the first of several operations where none is named; the specification has it refused."""
    document = context.graphql_document
    operations = (
        [each for each in document.definitions if isinstance(each, OperationDefinitionNode)] if document else []
    )
    if len(operations) < 2 or context._provided_operation_name is not None or not all(each.name for each in operations):
        return None
    return BadInput("The document holds several operations; name the one to run.", field="operationName")


def _refusal(weight: Weight, *, stranger: bool) -> Exception | None:
    if weight.introspects and stranger:
        return Unauthenticated("Sign in to read the schema; schema.graphql is in the repository, too.")
    found = (
        ("levels deep", weight.depth, MAX_DEPTH if not weight.introspects else 2 * MAX_DEPTH),
        ("in cost", weight.cost, MAX_COST),
        ("aliases", weight.aliases, MAX_ALIASES),
        ("directives", weight.directives, MAX_DIRECTIVES),
    )
    for what, value, most in found:
        if value > most:
            return CostExceeded(f"The operation is {value} {what}; {most} are allowed. Ask for less at a time.")
    return None


def weigh(document: DocumentNode, variables: dict[str, object]) -> Weight:
    """The weight of the whole document. A fragment that spreads itself counts as nothing: validation names it."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
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
        times = _page(node, variables) if node.selection_set is not None else 1
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


def _page(node: FieldNode, variables: dict[str, object]) -> int:
    """How often what lies below a field may be answered: its page size, 1 where it is no list."""
    for argument in node.arguments or ():
        given = argument.value
        value: object = variables.get(given.name.value) if isinstance(given, VariableNode) else None
        if argument.name.value == "ids":
            ids = given.values if isinstance(given, ListValueNode) else value
            return max(len(ids), 1) if isinstance(ids, list | tuple) else 1
        if argument.name.value in ("first", "last"):
            if isinstance(given, IntValueNode):
                value = int(given.value[:9])
            return max(value, 1) if isinstance(value, int) else _DEFAULT_PAGE
    selections = node.selection_set.selections if node.selection_set is not None else ()
    listed = any(isinstance(each, FieldNode) and each.name.value == "edges" for each in selections)
    return _DEFAULT_PAGE if listed else 1
