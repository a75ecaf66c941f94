"""The schema as a whole, and how an operation runs: whole, in one worker thread, in one unit of work."""

from collections.abc import Iterator

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from resolvers.context import Context
from schema.api_keys import ApiKeyMutations
from schema.assets import AssetMutations
from schema.contributors import ContributorMutations
from schema.deletions import DeletionMutations
from schema.exports import ExportMutations
from schema.limits import DocumentLimits
from schema.projects import ProjectMutations
from schema.prompts import PromptMutations
from schema.queries import KINDS, Query
from schema.scalars import BIG_INT, BigInt
from schema.sessions import SessionMutations
from schema.subscriptions import Subscription


@strawberry.type(description="Everything that can be done. Each answers the id of the event that records it.")
class Mutation(
    ApiKeyMutations,
    AssetMutations,
    ContributorMutations,
    DeletionMutations,
    ExportMutations,
    ProjectMutations,
    PromptMutations,
    SessionMutations,
):
    """Root mutation fields, from the module of each concept."""


class OneUnitOfWork(SchemaExtension):
    """Runs an operation in one read-only unit of work; each mutation field opens one of its own in it."""

    def on_execute(self) -> Iterator[None]:
        context: Context = self.execution_context.context
        if self.execution_context.operation_type is OperationType.SUBSCRIPTION:
            yield
            return
        with context.reading():
            yield


class Schema(strawberry.Schema):
    """Strawberry's schema; errors are not logged here, since an exception's text may quote content."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `schema.errors.coded` logs what failed, without content."""


def build() -> Schema:
    """The schema that the application serves."""
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(KINDS.values()),
        extensions=[
            DocumentLimits,
            OneUnitOfWork,
            lambda: ParserCache(maxsize=1000),
            lambda: ValidationCache(maxsize=1000),
        ],
        config=StrawberryConfig(scalar_map={BigInt: BIG_INT}),
    )


def sdl() -> str:
    """The schema in GraphQL's own language, as committed in schema.graphql."""
    return build().as_str() + "\n"
