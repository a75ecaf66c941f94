"""The schema as a whole, and how an operation runs: whole, in one worker thread, in one unit of work."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import cache, partial
from typing import Any

import anyio.to_thread
import strawberry
from graphql import GraphQLError, get_operation_ast
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from resolvers.context import Context
from schema.access_reviews import AccessReviewMutations
from schema.api_keys import ApiKeyMutations
from schema.appointments import AppointmentMutations
from schema.assets import AssetMutations
from schema.changes import ChangeMutations
from schema.controls import ControlMutations
from schema.deletions import DeletionMutations
from schema.documents import known
from schema.errors import coded
from schema.executor import Executor
from schema.exports import ExportMutations
from schema.factors import SecondFactorMutations
from schema.federation import IdentityMutations
from schema.follow_ups import FollowUpMutations
from schema.grants import AccessGrantMutations
from schema.incidents import IncidentMutations
from schema.investigations import InvestigationMutations
from schema.leaves import shorten
from schema.legal_holds import LegalHoldMutations
from schema.limits import DocumentLimits
from schema.lockdowns import LockdownMutations
from schema.lookups import KINDS
from schema.notices import NoticeMutations
from schema.observing import Observed
from schema.outages import OutageMutations
from schema.passkeys import PasskeyMutations
from schema.policies import PolicyMutations
from schema.preferences import PreferencesMutations
from schema.projects import ProjectMutations
from schema.prompts import PromptMutations
from schema.queries import Query
from schema.retention import RetentionMutations
from schema.rights import RightsMutations
from schema.runners import Runner
from schema.scalars import BIG_INT, BigInt
from schema.services import ServiceMutations
from schema.sessions import SessionMutations
from schema.staff import StaffMutations
from schema.styles import StyleMutations
from schema.subscriptions import Subscription


@strawberry.type(description="Everything that can be done. Each answers the id of the event that records it.")
class Mutation(
    AccessGrantMutations,
    AccessReviewMutations,
    ApiKeyMutations,
    AppointmentMutations,
    AssetMutations,
    ChangeMutations,
    DeletionMutations,
    ExportMutations,
    FollowUpMutations,
    IdentityMutations,
    ControlMutations,
    IncidentMutations,
    InvestigationMutations,
    LegalHoldMutations,
    LockdownMutations,
    NoticeMutations,
    OutageMutations,
    PasskeyMutations,
    PolicyMutations,
    PreferencesMutations,
    ProjectMutations,
    PromptMutations,
    RetentionMutations,
    RightsMutations,
    SecondFactorMutations,
    ServiceMutations,
    SessionMutations,
    StaffMutations,
    StyleMutations,
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

    async def stream(self, query: str | None, context_value: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """One operation of a WebSocket, with a context of its own: its caller is established anew when it begins.

        Queries and mutations run whole in a worker thread, as they do over HTTP.
        """
        context: Context = await anyio.to_thread.run_sync(context_value.again)
        if kind_of(query, kwargs.get("operation_name")) is OperationType.SUBSCRIPTION:
            source = await super().stream(query, context_value=context, **kwargs)
        else:
            source = self._once(query, context, **kwargs)
        return _coded_results(source, context)

    async def _once(self, query: str | None, context: Context, **kwargs: Any) -> AsyncGenerator[Any, None]:
        run = partial(self.execute_sync, query, context_value=context, **kwargs)
        yield await anyio.to_thread.run_sync(run)

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> SchemaExtensionsRunner:
        """Strawberry's, which looks up what each extension does at each step once, and not for each operation."""
        return Runner(execution_context, extensions)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `schema.errors.coded` logs what failed, without content."""


def kind_of(query: str | None, operation_name: str | None) -> OperationType | None:
    """What sort of operation a document would run; None where it is no document, or that can't be told."""
    try:
        operation = get_operation_ast(known(query or "").document, operation_name)
    except (GraphQLError, RecursionError):
        return None
    return None if operation is None else OperationType(operation.operation.value)


async def _coded_results(source: Any, context: Context) -> AsyncGenerator[Any, None]:
    async with aclosing(source):
        async for result in source:
            if result.errors:
                result.errors = coded(result.errors, context.asking.correlation_id, context.principal)
            elif context.cursor is not None:
                result.extensions = {**(result.extensions or {}), "cursor": context.cursor}
            yield result


@cache
def build() -> Schema:
    """The schema that the application serves: one for a process, since it is slow to build and keeps nothing."""
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(KINDS.values()),
        extensions=[Observed, DocumentLimits, OneUnitOfWork],
        execution_context_class=Executor,
        config=StrawberryConfig(scalar_map={BigInt: BIG_INT}),
    )
    shorten(schema._schema)
    return schema


@cache
def sdl() -> str:
    """The schema in GraphQL's own language, as committed in schema.graphql. Printing it takes a fifth of a second."""
    return build().as_str() + "\n"
