"""Limits on a document, held before it is validated or run; a document that came before is taken as it was."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, specified_rules
from strawberry.extensions import SchemaExtension

from policies.principals import Kind
from resolvers.context import Context
from resolvers.errors import BadInput, CostExceeded, RateLimited, Unauthenticated, again_in
from resolvers.refusals import Refusal
from schema.documents import Known, cache, known
from schema.values import MOST_VALUES, count_values
from schema.weights import Weight

MAX_DEPTH = 15
MAX_INTROSPECTION_DEPTH = 30
MAX_COST = 100_000
MAX_ALIASES = 50
MAX_DIRECTIVES = 50
_MOST_TOLD = 2**53 - 1
"""The largest number that JSON carries exactly. What is larger is stated as this: it grows with each level."""


LONG = 1_000
"""Characters of a text whose reading is charged for, before it is parsed. What is shorter takes no time to speak of."""
_DENSE = 10_000
CHARACTERS_PER_UNIT = 40
COST_PER_TOKEN = 10
"""What validating a document costs the caller who sends it first: 25 microseconds for each token."""


@dataclass
class Judgement:
    """What became of a document before it runs: charged for and validated, or refused."""

    errors: list[GraphQLError]
    cost: dict[str, Any]


class DocumentLimits(SchemaExtension):
    """Refuses a document that asks for too much before graphql-core looks at it closely; validates the others.

    One extension for both, since each sets the errors of the document anew and the last one would win.
    """

    def on_parse(self) -> Iterator[None]:
        """The document, if it can be parsed. Raises GraphQLSyntaxError."""
        run = self.execution_context
        self._cost: dict[str, Any] = {}
        if run.context.unreadable is not None:
            raise run.context.unreadable
        self._known = run.context.document or read(run.context, run.query or "")
        run.context.document = None
        run.graphql_document = self._known.document
        yield

    def on_validate(self) -> Iterator[None]:
        """Errors of the document: that it asks for too much, or what is not valid about it."""
        run = self.execution_context
        judged = run.context.judged
        run.context.judged = None
        if judged is None:
            judged = judge(
                run.schema._schema,
                run.context,
                self._known,
                variables=run.variables or {},
                operation_name=run._provided_operation_name,
                rules=run.validation_rules,
            )
        self._cost, run.pre_execution_errors = judged.cost, judged.errors
        yield

    def get_results(self) -> dict[str, Any]:
        """What the operation costs, and what is left for its caller at this moment: `extensions.cost`."""
        return {"cost": cost} if (cost := getattr(self, "_cost", None)) else {}


def read(context: Context, text: str) -> Known:
    """Return the document of this text. Reading a long one that is not kept is charged for before it is parsed.

    Raises GraphQLSyntaxError, RecursionError and `RateLimited`.
    """
    if len(text) > LONG and cache.get(text) is None:
        demand_paid(context, reading_cost(text))
    return known(text)


def demand_paid(context: Context, price: int) -> None:
    """Charge the caller. Raises `RateLimited`."""
    refused = _charged(context, price, {})
    if refused is not None:
        raise refused


def reading_cost(text: str) -> int:
    """Return what parsing a text costs: 1 for each character, as tokens may be that short, and less for a long text.

    A document has 5,000 tokens at most, so that what exceeds 10,000 characters is long tokens, or nothing.
    """
    return min(len(text), _DENSE) + len(text) // CHARACTERS_PER_UNIT


def judge(
    schema: GraphQLSchema,
    context: Context,
    document: Known,
    *,
    variables: Mapping[str, Any],
    operation_name: str | None,
    rules: tuple[Any, ...] = specified_rules,
) -> Judgement:
    """Weigh a document, charge its caller for it, and validate it: in this order, so that no step is free.

    Runs in a worker thread: it takes time, and may wait for the server where several processes count together.
    """
    judged = Judgement([], {})
    try:
        weight = document.weight(schema, variables)
        context.cost = weight.cost
        judged.cost = {"asked": min(weight.cost, _MOST_TOLD), "most": MAX_COST}
        stranger = context.principal.kind is Kind.ANONYMOUS
        refused = _refusal(weight, stranger=stranger) or _ambiguous(document.document, operation_name)
        if refused is None:
            validation = 0 if document.validated else COST_PER_TOKEN * document.document.token_count
            coercion = _coercion_cost(variables)
            refused = _charged(context, weight.cost + validation + coercion, judged.cost)
        if refused is None:
            judged.errors = document.errors(schema, rules)
            if not judged.errors and not stranger:
                cache.keep(document)
    except RecursionError:
        refused = CostExceeded("The document is nested too deeply.")
    except CostExceeded as exceeded:
        refused = exceeded
    if refused is not None:
        if isinstance(refused, Unauthenticated):
            context.record(Refusal("introspect", "Schema", refused.code.value))
        judged.errors = [GraphQLError(str(refused), original_error=refused)]
    return judged


def _coercion_cost(variables: Mapping[str, Any]) -> int:
    """Return what coercing variables costs: 1 for each value in a list or an object."""
    return sum(count_values(each, MOST_VALUES) for each in variables.values() if isinstance(each, dict | list))


def _charged(context: Context, price: int, cost: dict[str, Any]) -> RateLimited | None:
    charge = context.charge(price)
    cost["remaining"] = charge.remaining
    if charge.retry_after is None:
        return None
    cost["retryAfterSeconds"] = charge.retry_after
    return RateLimited(
        f"You have asked for much in the last minute. {again_in(charge.retry_after)}", retry_after=charge.retry_after
    )


def _ambiguous(document: DocumentNode, operation_name: str | None) -> Exception | None:
    """Strawberry runs the first of several operations where none is named; the specification has it refused."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if len(operations) < 2 or operation_name is not None or not all(each.name for each in operations):
        return None
    return BadInput("The document holds several operations; name the one to run.", field="operationName")


def _refusal(weight: Weight, *, stranger: bool) -> Exception | None:
    if weight.introspects and stranger:
        return Unauthenticated("Sign in to read the schema; schema.graphql is in the repository, too.")
    found = (
        ("levels deep", weight.depth, MAX_DEPTH),
        ("levels deep in introspection", weight.introspection_depth, MAX_INTROSPECTION_DEPTH),
        ("in cost", weight.cost, MAX_COST),
        ("aliases", weight.aliases, MAX_ALIASES),
        ("directives", weight.directives, MAX_DIRECTIVES),
    )
    for what, value, most in found:
        if value > most:
            asked = min(value, _MOST_TOLD)
            return CostExceeded(f"The operation is {asked} {what}; {most} are allowed. Ask for less at a time.")
    return None
