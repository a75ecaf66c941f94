"""How an operation is executed: graphql-core's executor, with a short way for the leaves of a page.

graphql-core builds a path and an info for each field before it knows that nobody asks for them, which is most of what
a page of a thousand leaves costs. Here the fields of a selection are looked up once; a leaf is then one call of its
function, an object that only stands in an attribute is entered directly, and the path is built for objects and errors
only. A list of objects of which nothing but such fields is asked is answered column by column: one call for a leaf of
all of them, and so are the lists that hang on them, all parents' together. Whatever is out of the ordinary goes the stock executor's way. `tests/schema/test_executor.py` holds the
answers against those of the stock executor.
"""

from itertools import islice
from typing import Any, NamedTuple

import anyio.to_thread
from graphql import (
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    TypeNameMetaFieldDef,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql import OperationType as GraphQLOperationType
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition

from resolvers.context import Context
from schema.leaves import Resolve, ResolveAll, Siblings, asks_siblings, many_of, resolve_of


class _Asked(NamedTuple):
    """What a leaf's function may know of the operation."""

    context: Context


class _Leaf(NamedTuple):
    """One selected leaf: its function, and how its value becomes part of the answer."""

    resolve: Resolve
    many: ResolveAll | None
    kind: GraphQLLeafType
    native: type | None
    """Values of exactly this type stand in the answer as they are."""
    returns: GraphQLOutputType
    required: bool
    item: None = None


class _Branch(NamedTuple):
    """A selected object, or list of objects, that stands in an attribute: its function, and what it leads to."""

    resolve: Resolve
    kind: GraphQLObjectType
    origins: frozenset[type]
    """Things of exactly these classes are of `kind`, without being asked."""
    item: GraphQLOutputType | None
    """Of a list, what stands in it."""
    returns: GraphQLOutputType


class _Hanging(NamedTuple):
    """A selected object that hangs on each of several, and is looked for once for all of them."""

    field: GraphQLField
    kind: GraphQLObjectType
    origins: frozenset[type]


_Way = _Leaf | _Branch | _Hanging
_NATIVE = {"String": str, "ID": str, "Boolean": bool}
_Plan = list[tuple[str, FieldDetailsList, _Way | None]]


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs an operation whole, in the thread that called it; each event of a subscription in a thread of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.middleware_manager is not None and not self.middleware_manager.middlewares:
            self.middleware_manager = None
        self._asked = _Asked(self.context_value)
        self._plans: dict[tuple[str, int], tuple[GroupedFieldSet, _Plan]] = {}

    def execute_operation(self, serially: bool | None = None) -> Any:
        """The operation, or one event of it: then an awaitable."""
        if self.operation.operation is not GraphQLOperationType.SUBSCRIPTION:
            return super().execute_operation(serially)
        return anyio.to_thread.run_sync(self._event)

    def _event(self) -> Any:
        with self.context_value.reading():
            return super().execute_operation(serially=False)

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
        for name, details, leaf in self._plan(parent_type, grouped_field_set):
            if not isinstance(leaf, _Leaf):
                place = Path(path, name, parent_type.name)
                found: Any = Undefined
                if isinstance(leaf, _Branch):
                    found = self._entered(leaf, source_value, details, place, position_context)
                if found is Undefined:
                    found = self.execute_field(parent_type, source_value, details, place, position_context)
                if found is not Undefined:
                    answer[name] = found
                continue
            try:
                value = leaf.resolve(source_value, self._asked)
                if type(value) is not leaf.native:
                    value = self._completed(leaf, value, parent_type, details)
            except Exception as error:  # graphql-core decides what becomes of it
                self.handle_field_error(error, leaf.returns, details, Path(path, name, parent_type.name))
                value = None
            answer[name] = value
        return answer

    def _entered(
        self, branch: _Branch, source_value: Any, details: FieldDetailsList, path: Path, position_context: Any
    ) -> Any:
        """What is selected of the object or the objects; `Undefined` for anything that is not plainly one of them.

        The stock executor then begins anew, which costs one look at an attribute, and decides what becomes of it.
        """
        try:
            value = branch.resolve(source_value, self._asked)
        except Exception:
            return Undefined
        things = value if branch.item is not None and type(value) is list else [value]
        if any(type(thing) not in branch.origins for thing in things):
            return Undefined
        try:
            if branch.item is None:
                return self.collect_and_execute_subfields(branch.kind, details, path, value, position_context)
            if (found := self._by_columns(branch.kind, value, details)) is not None:
                return found
            return [
                self._item(branch.kind, branch.item, thing, details, Path(path, index, None), position_context)
                for index, thing in enumerate(things)
            ]
        except Exception as error:
            self.handle_field_error(error, branch.returns, details, path)
            return None

    def _by_columns(
        self, kind: GraphQLObjectType, things: list[Any], details: FieldDetailsList
    ) -> list[dict[str, Any]] | None:
        """What is selected of each of these; None unless all of it is plain, and nothing of it is amiss.

        They are then gone through one by one, which says what is, and where.
        """
        grouped, deferred, _ = self.collect_subfields(kind, details)
        if deferred:
            return None
        names, columns = [], []
        for name, below, way in self._plan(kind, grouped):
            column = self._column(way, things) if isinstance(way, _Leaf) else self._below(kind, way, things, below)
            if column is None:
                return None
            names.append(name)
            columns.append(column)
        if not names:
            return [{} for _ in things]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _below(
        self, kind: GraphQLObjectType, way: _Branch | _Hanging | None, things: list[Any], details: FieldDetailsList
    ) -> list[Any] | None:
        """What is selected of the object, or of the list of objects, that each of these leads to."""
        if way is None or not things:
            return None
        try:
            if isinstance(way, _Hanging):
                found = self._hanging(kind, way, things, details)
            else:
                found = [way.resolve(thing, self._asked) for thing in things]
        except Exception:
            return None
        if isinstance(way, _Hanging) or way.item is None:
            return self._each(way, found, details)
        if any(type(each) is not list for each in found):
            return None
        together = self._each(way, [thing for each in found for thing in each], details)
        if together is None:
            return None
        rest = iter(together)
        return [list(islice(rest, len(each))) for each in found]

    def _each(self, way: _Branch | _Hanging, things: list[Any], details: FieldDetailsList) -> list[Any] | None:
        if any(type(thing) not in way.origins for thing in things):
            return None
        return self._by_columns(way.kind, things, details)

    def _hanging(
        self, parent_type: GraphQLObjectType, way: _Hanging, things: list[Any], details: FieldDetailsList
    ) -> list[Any]:
        """What hangs on each of these, by the field's own function, called once."""
        first = details[0]
        given = get_argument_values(way.field, first.node, self.variable_values, first.fragment_variable_values)
        place = Path(None, first.node.name.value, parent_type.name)
        info = self.build_resolve_info(way.field, [each.node for each in details], parent_type, place)
        resolve = way.field.resolve or self.field_resolver
        found: list[Any] = resolve(Siblings(things), info, **given)
        return found

    def _column(self, leaf: _Leaf, things: list[Any]) -> list[Any] | None:
        """One leaf of all of them; None if it is amiss for one."""
        native, asked = leaf.native, self._asked
        try:
            if leaf.many is not None:
                values = leaf.many(things, asked)
            else:
                values = [leaf.resolve(thing, asked) for thing in things]
            if native is None or any(type(value) is not native for value in values):
                return [value if type(value) is native else self._plain(leaf, value) for value in values]
            return values
        except Exception:
            return None

    def _plain(self, leaf: _Leaf, value: Any) -> Any:
        if value is None and not leaf.required:
            return None
        if value is None or value is Undefined or isinstance(value, Exception):
            raise ValueError
        return self.complete_leaf_value(leaf.kind, value)

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

    def _completed(self, leaf: _Leaf, value: Any, parent_type: GraphQLObjectType, details: FieldDetailsList) -> Any:
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            if leaf.required:
                raise TypeError(
                    f"Cannot return null for non-nullable field {parent_type}.{details[0].node.name.value}."
                )
            return None
        return self.complete_leaf_value(leaf.kind, value)

    def _plan(self, parent_type: GraphQLObjectType, grouped_field_set: GroupedFieldSet) -> _Plan:
        key = (parent_type.name, id(grouped_field_set))
        known = self._plans.get(key)
        if known is None:
            plan = [
                (name, details, self._short_way(parent_type, details)) for name, details in grouped_field_set.items()
            ]
            # The set is kept with its plan: while it lives, nothing else can have its id.
            known = self._plans[key] = (grouped_field_set, plan)
        return known[1]

    def _short_way(self, parent_type: GraphQLObjectType, details: FieldDetailsList) -> _Way | None:
        field: GraphQLField | None = self.schema.get_field(parent_type, details[0].node.name.value)
        if field is None or self.middleware_manager is not None:
            return None
        if field is TypeNameMetaFieldDef:
            return _named(parent_type.name)
        resolve = resolve_of(field)
        if resolve is None and not asks_siblings(field):
            return None
        required = is_non_null_type(field.type)
        kind: Any = _nullable(field.type)
        if resolve is not None and is_leaf_type(kind):
            return _Leaf(resolve, many_of(field), kind, _NATIVE.get(kind.name), field.type, required)
        if any(each.node.directives for each in details):
            return None  # @stream has its own way
        item = kind.of_type if is_list_type(kind) else None
        kind = kind if item is None else _nullable(item)
        if not is_object_type(kind) or not (origins := _origins(kind)):
            return None
        if resolve is None:
            return _Hanging(field, kind, origins) if required else None
        return _Branch(resolve, kind, origins, item, field.type)


def _named(name: str) -> _Leaf:
    """`__typename`: the name is known before anything is looked at."""
    return _Leaf(
        lambda thing, asked: name,
        lambda things, asked: [name] * len(things),
        GraphQLString,
        str,
        TypeNameMetaFieldDef.type,
        required=True,
    )


def _nullable(kind: Any) -> Any:
    return kind.of_type if is_non_null_type(kind) else kind


def _origins(kind: GraphQLObjectType) -> frozenset[type]:
    """The classes of which things of `kind` are made; of a generic type's specialization, the generic class as well."""
    definition = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryObjectDefinition):
        return frozenset()
    general = definition.concrete_of
    return frozenset({definition.origin, *([general.origin] if general is not None else [])})
