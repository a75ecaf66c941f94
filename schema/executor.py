"""How an operation is executed: graphql-core's executor, with a short way for the leaves of a page.

graphql-core builds a path and an info for each field before it knows that nobody asks for them, which is most of what
a page of a thousand leaves costs. Here the fields of a selection are looked up once; a leaf is then one call of its
function, an object that only stands in an attribute is entered directly, and the path is built for objects and errors
only. A list of objects of which nothing but such fields is asked is answered column by column (`schema.columns`).
Whatever is out of the ordinary goes the stock executor's way. `tests/schema/test_executor.py` holds the answers
against those of the stock executor.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, GraphQLOutputType
from graphql import OperationType as GraphQLOperationType
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Path, Undefined
from graphql.type.definition import GraphQLResolveInfoHelpers

from resolvers.errors import CostExceeded
from schema.columns import ByColumns
from schema.companies import Company, are
from schema.errors import MOST
from schema.meters import Stopped, encode_data, written_size
from schema.ways import Branch, Leaf


def _no_async_work(_values: Sequence[Any]) -> NoReturn:
    raise TypeError("Resolvers run whole in one thread: they have nothing to wait for.")


_NO_ASYNC_WORK = GraphQLResolveInfoHelpers(gather=_no_async_work, track=_no_async_work)


class Executor(ByColumns):
    """Runs an operation whole, in the thread that called it; each event of a subscription in a thread of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # graphql-core's are methods of this object, which then held itself, the request and all that hangs on it until
        # the garbage collector came by. No resolver of ours has asynchronous work.
        self.async_helpers = _NO_ASYNC_WORK
        self._located = 0

    def execute_operation(self, serially: bool | None = None) -> Any:
        """The operation, or one event of it: then an awaitable."""
        if self.operation.operation is not GraphQLOperationType.SUBSCRIPTION:
            return self._within_bounds(serially)
        return self.context_value.in_thread(self._event)

    def _event(self) -> Any:
        with self.context_value.reading():
            self.meter = self.new_meter()
            result = self._within_bounds(serially=False)
            encode_data(result, self.context_value.limits.response_bytes)
            return result

    def _within_bounds(self, serially: bool | None) -> Any:
        """The result, or its error alone where the operation was stopped. What it read is recorded all the same."""
        try:
            result = super().execute_operation(serially)
            if self.repeats and isinstance(result, ExecutionResult):
                self.meter.check_size(written_size(result.data))
        except Stopped as stopped:
            error = stopped.error
        else:
            return result
        message = str(error)
        if self.operation.operation is GraphQLOperationType.MUTATION:
            message += " Changes were made: look at what became of them before you try again."
            error = CostExceeded(message)
        return ExecutionResult(None, [GraphQLError(message, original_error=error)])

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> dict[str, Any]:
        """The selected fields of one object, in their order (GraphQL specification, "Executing Selection Sets")."""
        answer: dict[str, Any] = {}
        self.meter.add_objects(1, grouped_field_set)
        for name, details, leaf in self.plan(parent_type, grouped_field_set):
            if not isinstance(leaf, Leaf) or leaf.listed:
                place = Path(path, name, parent_type.name)
                found: Any = Undefined
                if isinstance(leaf, Branch):
                    found = self._entered(leaf, source_value, details, place, position_context)
                if found is Undefined:
                    found = self.execute_field(parent_type, source_value, details, place, position_context)
                if found is not Undefined:
                    answer[name] = found
                continue
            try:
                value = leaf.resolve(source_value, self.asked)
                if type(value) is not leaf.values.native:
                    value = self._completed(leaf, value, parent_type, details)
                else:
                    self.meter.add_value(value)
            except Exception as error:  # graphql-core decides what becomes of it
                self.handle_field_error(error, leaf.returns, details, Path(path, name, parent_type.name))
                value = None
            answer[name] = value
        return answer

    def handle_field_error(
        self, raw_error: Exception, return_type: GraphQLOutputType, field_details_list: FieldDetailsList, path: Path
    ) -> None:
        """Add an error, or raise it where the field may not be null. Only the errors that are sent are located.

        To find the line of an error takes time by the lines before it, and a list may have an error for each object.
        """
        if self._located >= MOST and not isinstance(raw_error, GraphQLError):
            raw_error = GraphQLError(str(raw_error), path=path.as_list(), original_error=raw_error)
        self._located += 1
        super().handle_field_error(raw_error, return_type, field_details_list, path)

    def _entered(
        self, branch: Branch, source_value: Any, details: FieldDetailsList, path: Path, position_context: Any
    ) -> Any:
        """What is selected of the object or the objects; `Undefined` for anything that is not plainly one of them.

        The stock executor then begins anew, which costs one look at an attribute, and decides what becomes of it.
        """
        try:
            value = branch.resolve(source_value, self.asked)
        except Exception:
            return Undefined
        listed = branch.item is not None and (type(value) is list or isinstance(value, Company))
        things: Sequence[Any] = value if listed else [value]
        if not are(things, branch.origins):
            return Undefined
        try:
            if branch.item is None:
                return self.collect_and_execute_subfields(branch.kind, details, path, value, position_context)
            if (found := self.by_columns(branch.kind, value, details)) is not None:
                return found
            return [
                self._item(branch.kind, branch.item, thing, details, Path(path, index, None), position_context)
                for index, thing in enumerate(things)
            ]
        except Exception as error:
            self.handle_field_error(error, branch.returns, details, path)
            return None

    def _item(
        self,
        kind: GraphQLObjectType,
        item: GraphQLOutputType,
        thing: Any,
        details: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        try:
            return self.collect_and_execute_subfields(kind, details, path, thing, position_context)
        except Exception as error:
            self.handle_field_error(error, item, details, path)
            return None

    def _completed(self, leaf: Leaf, value: Any, parent_type: GraphQLObjectType, details: FieldDetailsList) -> Any:
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            if leaf.required:
                raise TypeError(
                    f"Cannot return null for non-nullable field {parent_type}.{details[0].node.name.value}."
                )
            return None
        return self.complete_leaf_value(leaf.values.kind, value)
