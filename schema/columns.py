"""Lists of objects answered column by column: one call for a leaf of all of them, one for a list that hangs on each.

So a page of a thousand leaves is a dozen calls, and a level of a nested page is one, however many parents it has.
Whatever is not plainly so, or amiss for one, is None: the objects are then gone through one by one, which says what
is, and where.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLObjectType,
    is_enum_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers.context import Context
from schema.companies import Below, Company, are
from schema.leaves import Siblings
from schema.meters import Meter
from schema.ways import Branch, Hanging, Leaf, Values, Way, way_of

Plan = list[tuple[str, FieldDetailsList, Way | None]]


class Asked(NamedTuple):
    """What a leaf's function may know of the operation."""

    context: Context


class ByColumns(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, and plans of what is selected."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.middleware_manager is not None and not self.middleware_manager.middlewares:
            self.middleware_manager = None
        self.asked = Asked(self.context_value)
        self.meter = self.new_meter()
        self.repeats = False
        """Whether one object stands in the response more than once: in memory once, and written out each time."""
        self._plans: dict[tuple[str, int], tuple[GroupedFieldSet, Plan]] = {}

    def new_meter(self) -> Meter:
        """A meter for what is run now. A schema other than ours, with another context, has no bounds."""
        context = self.context_value
        if not isinstance(context, Context):
            return Meter(math.inf, math.inf, 0)
        return Meter(context.limits.response_bytes, context.ends, int(context.limits.operation.total_seconds()))

    def plan(self, parent_type: GraphQLObjectType, grouped_field_set: GroupedFieldSet) -> Plan:
        """The selected fields, each with its short way, if it has one."""
        key = (parent_type.name, id(grouped_field_set))
        known = self._plans.get(key)
        if known is None:
            # The set is kept with its plan: while it lives, nothing else can have its id.
            known = self._plans[key] = (grouped_field_set, self._planned(parent_type, grouped_field_set))
        return known[1]

    def _planned(self, parent_type: GraphQLObjectType, grouped_field_set: GroupedFieldSet) -> Plan:
        if self.middleware_manager is not None:
            return [(name, details, None) for name, details in grouped_field_set.items()]
        return [
            (name, details, way_of(self.schema, parent_type, details)) for name, details in grouped_field_set.items()
        ]

    def by_columns(
        self, kind: GraphQLObjectType, things: Sequence[Any], details: FieldDetailsList
    ) -> list[dict[str, Any]] | None:
        """What is selected of each of these; None unless all of it is plain, and nothing of it is amiss."""
        if not things:
            return []
        grouped, deferred, _ = self.collect_subfields(kind, details)
        if deferred:
            return None
        names, columns = [], []
        for name, below, way in self.plan(kind, grouped):
            column = self._column(way, things) if isinstance(way, Leaf) else self._below(kind, way, things, below)
            if column is None:
                return None
            if isinstance(way, Leaf):
                self.meter.add_values(column)
            names.append(name)
            columns.append(column)
        self.meter.add_objects(len(things), names)
        if not names:
            return [{} for _ in things]
        if len(names) == 1:
            return [{names[0]: value} for value in columns[0]]
        return [dict(zip(names, row)) for row in zip(*columns)]  # noqa: B905 - one value of each column for each thing

    def _below(
        self, kind: GraphQLObjectType, way: Branch | Hanging | None, things: Sequence[Any], details: FieldDetailsList
    ) -> list[Any] | None:
        """What is selected of the object, or of the list of objects, that each of these leads to."""
        if way is None:
            return None
        try:
            if isinstance(way, Hanging):
                return self._each(way, self._hanging(kind, way, things, details), details)
            if isinstance(things, Company) and (below := things.below(details[0].node.name.value)) is not None:
                return self._company(way, below, details)
            resolve, asked = way.resolve, self.asked
            found = [resolve(thing, asked) for thing in things]
        except Exception:
            return None
        if way.item is None:
            return self._each(way, found, details)
        if {*map(type, found)} != {list}:
            return None
        together = self._each(way, [thing for each in found for thing in each], details)
        if together is None:
            return None
        rest = iter(together)
        return [list(islice(rest, len(each))) for each in found]

    def _company(self, way: Branch, below: Below, details: FieldDetailsList) -> list[Any] | None:
        together = self._each(way, below.things, details)
        if together is None or below.places is None:
            return together
        listed = [together[begin:end] for begin, end in below.places]
        self.repeats = self.repeats or sum(map(len, listed)) > len(together)
        return listed

    def _each(self, way: Branch | Hanging, things: Sequence[Any], details: FieldDetailsList) -> list[Any] | None:
        if isinstance(way, Hanging) and not way.required and not isinstance(things, Company) and None in things:
            there = self._each(way, [thing for thing in things if thing is not None], details)
            rest = iter(there or ())
            return None if there is None else [None if thing is None else next(rest) for thing in things]
        if not are(things, way.origins):
            return None
        return self.by_columns(way.kind, things, details)

    def _hanging(
        self, parent_type: GraphQLObjectType, way: Hanging, things: Sequence[Any], details: FieldDetailsList
    ) -> Sequence[Any]:
        """What hangs on each of these, by the field's own function, called once."""
        first = details[0]
        given = get_argument_values(way.field, first.node, self.variable_values, first.fragment_variable_values)
        place = Path(None, first.node.name.value, parent_type.name)
        info = self.build_resolve_info(way.field, [each.node for each in details], parent_type, place)
        resolve = way.field.resolve or self.field_resolver
        found: Sequence[Any] = resolve(Siblings(things), info, **given)
        return found

    def _column(self, leaf: Leaf, things: Sequence[Any]) -> list[Any] | None:
        """One leaf of all of them; None if it is amiss for one."""
        try:
            if leaf.many is not None:
                found = leaf.many(things, self.asked)
            else:
                found = [leaf.resolve(thing, self.asked) for thing in things]
            return [self._listed(leaf, each) for each in found] if leaf.listed else self._plain(leaf.values, found)
        except Exception:
            return None

    def _listed(self, leaf: Leaf, found: Any) -> list[Any] | None:
        if found is None and not leaf.required:
            return None
        if type(found) is not list:
            raise ValueError
        return self._plain(leaf.values, found)

    def _plain(self, values: Values, found: list[Any]) -> list[Any]:
        native, kinds = values.native, {*map(type, found)}
        if kinds == {native}:
            return found
        if len(kinds) == 1 and is_enum_type(values.kind):  # so equal ones are the same
            shown = {value: self._shown(values, value) for value in {*found}}
            return [shown[value] for value in found]
        if (
            kinds == {int}
            and values.kind is GraphQLInt
            and min(found) >= GRAPHQL_MIN_INT
            and max(found) <= GRAPHQL_MAX_INT
        ):
            return found
        if kinds == {datetime}:
            return self._shown_all(values, found)
        return [value if type(value) is native else self._shown(values, value) for value in found]

    def _shown_all(self, values: Values, found: list[Any]) -> list[Any]:
        """As `_shown`, of values that are none of those that it looks for."""
        shown = list(map(values.kind.coerce_output_value, found))
        if None in shown or Undefined in shown:
            raise ValueError
        return shown

    def _shown(self, values: Values, value: Any) -> Any:
        if value is None and not values.required:
            return None
        if value is None or value is Undefined or isinstance(value, Exception):
            raise ValueError
        return super().complete_leaf_value(values.kind, value)

    def complete_leaf_value(  # type: ignore[override]
        self, return_type: GraphQLLeafType, result: Any
    ) -> Any:
        """One value, counted. Those of columns are counted as columns."""
        value = super().complete_leaf_value(return_type, result)
        self.meter.add_value(value)
        return value
