"""How one event of a subscription is answered: whole, in a worker thread, in a unit of work of its own.

graphql-core would resolve its fields on the event loop, where no unit of work is open and opening a sealed field or
loading a nested list would hold up everybody else.
"""

from copy import copy
from typing import Any, cast

import anyio.to_thread
from graphql import ExecutionResult
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers.context import Context


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """Runs queries and mutations as ever; establishes who follows a subscription anew for each event."""

    _is_event = False

    def build_per_event_executor(self, payload: Any) -> Any:
        executor = cast("EventExecutor", super().build_per_event_executor(payload))
        executor._is_event = True
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:
        if self._is_event:
            return anyio.to_thread.run_sync(self._answer)
        return super().execute_operation(serially)

    def _answer(self) -> ExecutionResult:
        whole = copy(self)
        whole._is_event = False
        context: Context = self.context_value.again()
        whole.context_value = context
        with context.reading():
            result: ExecutionResult = whole.execute_operation(False)
        return result
