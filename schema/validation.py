"""Validation of a document, bounded in work and in time: both are the caller's to choose otherwise.

graphql-core compares every two fields of one response name (`OverlappingFieldsCanBeMergedRule`) within a budget whose
default takes two seconds, and looks for similar names for each error. Honest documents use a fraction of the budget.
"""

import time
from typing import Any

from graphql import GraphQLError, GraphQLSchema, validate
from graphql.language import DocumentNode
from graphql.validation import ASTValidationRule, ValidationContext
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from resolvers.errors import CostExceeded

SECONDS = 0.1
"""How much processor time one attempt to validate a document may take."""
ATTEMPTS = 2
"""The clock also counts what the document has no part in: a collection of garbage, time a hypervisor took. A document
that is within its time otherwise is so at the second attempt."""
COMPARISONS = 30_000
"""How much graphql-core may spend on comparing fields (`MAX_COMPLEXITY_BUDGET`); it allows 500,000 by default."""
MAX_ERRORS = 20
"""Validation ends with so many errors; `schema.errors` shows no more."""
_OUT_OF_BUDGET = "Validation aborted."
"""graphql-core's error where comparing fields, or nesting, exceeds its budget."""

overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = COMPARISONS


class _OutOfTime(Exception):
    """An attempt to validate took longer than `SECONDS`."""


class _Deadline(ASTValidationRule):
    """No rule: raises `_OutOfTime` at the first node that comes after the time is over."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._ends = time.thread_time() + SECONDS

    def enter(self, *_args: Any) -> None:
        """Look at the clock at each node."""
        if time.thread_time() > self._ends:
            raise _OutOfTime


def validate_within_budget(
    schema: GraphQLSchema, document: DocumentNode, rules: tuple[type[ASTValidationRule], ...]
) -> list[GraphQLError]:
    """Return what is not valid about a document, by these rules and Strawberry's own.

    Raises `CostExceeded` for a document that takes too long, or more comparisons of fields than one may.
    """
    rules = (_Deadline, *rules, MaybeNullValidationRule, OneOfInputValidationRule)
    for _ in range(ATTEMPTS):
        try:
            errors = validate(schema, document, rules, max_errors=MAX_ERRORS)
            break
        except _OutOfTime:
            continue
    else:
        raise CostExceeded(
            f"Validation of the document was stopped after {SECONDS * 1000:.0f} ms. Send a smaller document."
        )
    if errors and errors[-1].message == _OUT_OF_BUDGET:
        raise CostExceeded("The document selects too many fields of the same name. Select each field once.")
    return errors
