"""The schema as a whole, and how an operation runs: whole, in one worker thread, in one unit of work."""

import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import cache, partial
from typing import Any

import strawberry
from graphql import GraphQLError, get_operation_ast
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from resolvers.context import Context
from resolvers.errors import RateLimited
from schema.access_reviews import AccessReviewMutations
from schema.api_keys import ApiKeyMutations
from schema.appointments import AppointmentMutations
from schema.assets import AssetMutations
from schema.changes import ChangeMutations
from schema.controls import ControlMutations
from schema.deletions import DeletionMutations
from schema.documents import Known
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
from schema.limits import DocumentLimits, judge, read
from schema.lockdowns import LockdownMutations
from schema.lookups import KINDS
from schema.meters import encode_data
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

    async def stream(  # type: ignore[override]
        self,
        query: str | None,
        context_value: Any = None,
        variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """One operation of a WebSocket, with a context of its own: its caller is established anew when it begins.

        Queries and mutations run whole in a worker thread, as they do over HTTP. A subscription's document is read,
        charged for and validated in one, too: what takes time never runs in the event loop.
        """
        told: dict[str, Any] = {"variable_values": variable_values, "operation_name": operation_name, **kwargs}
        begin = partial(self._begin, context_value, query, variable_values, operation_name)
        try:
            context, subscribes = await context_value.in_thread(begin)
        except RateLimited as refused:
            return _refused(refused)
        if subscribes:
            source = await super().stream(query, context_value=context, **told)
        else:
            source = self._once(query, context, **told)
        return _coded_results(source, context)

    def _begin(
        self, caller: Any, query: str | None, variables: dict[str, Any] | None, operation_name: str | None
    ) -> tuple[Context, bool]:
        """A context for the operation, and whether it is a subscription; then with its document judged."""
        context: Context = caller.again()
        try:
            document = context.document = read(context, query or "")
        except (GraphQLError, RecursionError, RateLimited) as error:
            context.unreadable = error
            return context, False
        if kind_of(document, operation_name) is not OperationType.SUBSCRIPTION:
            return context, False
        context.judged = judge(
            self._schema, context, document, variables=variables or {}, operation_name=operation_name
        )
        return context, True

    async def _once(self, query: str | None, context: Context, **kwargs: Any) -> AsyncGenerator[Any, None]:
        def run() -> Any:
            result = self.execute_sync(query, context_value=context, **kwargs)
            encode_data(result, context.limits.response_bytes)
            return result

        yield await context.in_thread(run)

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> SchemaExtensionsRunner:
        """Strawberry's, which looks up what each extension does at each step once, and not for each operation."""
        return Runner(execution_context, extensions)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `schema.errors.coded` logs what failed, without content."""


def kind_of(document: Known, operation_name: str | None) -> OperationType | None:
    """What sort of operation a document would run; None where that can't be told."""
    operation = get_operation_ast(document.document, operation_name)
    return None if operation is None else OperationType(operation.operation.value)


async def _coded_results(source: Any, context: Context) -> AsyncGenerator[Any, None]:
    async with aclosing(source):
        async for result in source:
            if result.errors:
                result.errors = coded(result.errors, context.asking.correlation_id, context.principal)
            elif context.cursor is not None:
                result.extensions = {**(result.extensions or {}), "cursor": context.cursor}
            yield result


async def _refused(refused: RateLimited) -> AsyncGenerator[Any, None]:
    errors = coded([GraphQLError(str(refused), original_error=refused)], uuid.uuid4())
    yield PreExecutionError(data=None, errors=errors)


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
