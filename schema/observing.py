"""Tells the house's watch of each operation and root field: names from the schema, time taken, codes of errors."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError

from resolvers.context import Asking, Context
from schema.errors import code_of, code_of_graphql


class Observed(SchemaExtension):
    """Watches an operation from its parsing to its answer."""

    def on_operation(self) -> Iterator[None]:
        run = self.execution_context
        context: Context = run.context
        with context.house.watch.operation(traced(context.asking)) as ending:
            context.watched = ending
            try:
                yield
            except GraphQLError as error:  # what can't be parsed is raised past the list of errors
                ending.code = code_of_graphql(error)
                raise
            with suppress(RuntimeError, CannotGetOperationTypeError):  # what could not be parsed is of no kind
                ending.kind = run.operation_type.value
            errors = run.pre_execution_errors or getattr(run.result, "errors", None)
            if errors:
                ending.code = code_of_graphql(errors[0])


def traced(asking: Asking) -> uuid.UUID | None:
    """By what a trace may call this operation, which is what the trail calls it; None where it would lead to somebody.

    The preference `analytics`: without it, and of callers who are nobody yet, traces say what was done and not by whom.
    """
    return asking.correlation_id if asking.analysed else None


@contextmanager
def observed(context: Context, name: str) -> Iterator[None]:
    """Watches one root field, as `Query.projects`, within the operation."""
    with context.house.watch.field(context.watched, name) as ending:
        try:
            yield
        except Exception as error:
            ending.code = code_of(error)
            raise
