"""Limits on a document, held before it is validated or run; a document that came before is taken as it was."""

from collections.abc import Iterator
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from policies.principals import Kind
from resolvers.errors import BadInput, CostExceeded, RateLimited, Unauthenticated
from resolvers.refusals import Refusal
from schema.documents import cache, known
from schema.weights import Weight

MAX_DEPTH = 15
MAX_COST = 100_000
MAX_ALIASES = 50
MAX_DIRECTIVES = 50
_MOST_TOLD = 2**53 - 1
"""The largest number that JSON carries exactly. What is larger is stated as this: it grows with each level."""


class DocumentLimits(SchemaExtension):
    """Refuses a document that asks for too much before graphql-core looks at it closely; validates the others.

    One extension for both, since each sets the errors of the document anew and the last one would win.
    """

    def on_parse(self) -> Iterator[None]:
        """The document, if it can be parsed. Raises GraphQLSyntaxError."""
        self._known = known(self.execution_context.query or "")
        self.execution_context.graphql_document = self._known.document
        yield

    def on_validate(self) -> Iterator[None]:
        """Errors of the document: that it asks for too much, or what is not valid about it."""
        context = self.execution_context
        self._told: dict[str, Any] = {}
        asker = context.context.principal.kind
        try:
            weight = self._known.weight(context.variables or {})
            self._told = {"asked": min(weight.cost, _MOST_TOLD), "most": MAX_COST}
            refused = _refusal(weight, stranger=asker is Kind.ANONYMOUS) or _ambiguous(context) or self._charged(weight)
        except RecursionError:
            refused = CostExceeded("The document is nested too deeply.")
        if refused is None:
            context.pre_execution_errors = self._known.errors(context.schema._schema, context.validation_rules)
            if not context.pre_execution_errors and asker is not Kind.ANONYMOUS:
                cache.keep(self._known)
        else:
            if isinstance(refused, Unauthenticated):
                context.context.record(Refusal("introspect", "Schema", refused.code.value))
            context.pre_execution_errors = [GraphQLError(str(refused), original_error=refused)]
        yield

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
            asked = min(value, _MOST_TOLD)
            return CostExceeded(f"The operation is {asked} {what}; {most} are allowed. Ask for less at a time.")
    return None
