"""Lists below several parents, in one statement that reads no more of each than its page shows.

Each parent's page is found by itself, along the index of the column that ties rows to it: of a project with a hundred
thousand assets ten are read where ten are asked for. PostgreSQL has LATERAL for that; SQLite takes a list for each
parent that it is to be in.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Dialect,
    Select,
    String,
    TypeDecorator,
    Uuid,
    bindparam,
    column,
    false,
    func,
    inspect,
    select,
    true,
)
from sqlalchemy.sql.util import ClauseAdapter

from storage.pages import Slice, bounds, order_of
from storage.records import Record


class _Listed(TypeDecorator[Sequence[uuid.UUID]]):
    """Ids as JSON, with each as SQLite keeps it: one parameter, however many they are."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Sequence[uuid.UUID] | None, dialect: Dialect) -> str | None:
        return None if value is None else '["' + '","'.join([each.hex for each in value]) + '"]'


def beneath(
    model: type[Record], statement: Select[Any], shown: Sequence[Any], part: Slice, tie: Any, parents: str, dialect: str
) -> Select[Any]:
    """The rows of a door's `statement` that are on each parent's page, and one more of each, which tells whether more
    follow; parent by parent. `shown` are its columns; `parents` is the name under which the parents' ids are bound.

    The statement's condition is asked twice: where the pages are found, so that they are full, and of the rows that
    are answered. There it decides.
    """
    table: Any = inspect(model).local_table
    allowed = statement.whereclause if statement.whereclause is not None else true()
    given, own = _given(parents, dialect), table.alias()
    page = (
        select(own.c.id)
        .where(
            own.c[tie.key] == given.c.value, _unsought(ClauseAdapter(own).traverse(allowed)), *bounds(own.c.id, part)
        )
        .order_by(order_of(own.c.id, part))
        .limit(part.limit + 1)
        .correlate(given)
    )
    found = select(*shown).where(_unsought(allowed)).order_by(tie, order_of(table.c.id, part))
    if dialect == "sqlite":
        return found.select_from(given).where(table.c.id.in_(page))
    its = page.lateral()
    return found.select_from(given.join(its, true()).join(table, table.c.id == its.c.id))


def among(statement: Select[Any], shown: Sequence[Any], key: Any, ids: str, dialect: str) -> Select[Any]:
    """The rows of a door's `statement` whose `key` is one of those bound under the name `ids`, found by that."""
    allowed = statement.whereclause if statement.whereclause is not None else true()
    return select(*shown).where(key.in_(select(_given(ids, dialect).c.value)), _unsought(allowed))


def counted_beneath(statement: Select[Any], tie: Any, parents: str, dialect: str) -> Select[Any]:
    """How many rows a door's `statement` has below each parent, by its id; of a parent with none there is no row."""
    mine = statement.where(tie.in_(select(_given(parents, dialect).c.value)))
    return mine.with_only_columns(tie.label("tie"), func.count().label("n")).group_by(tie)


def _given(parents: str, dialect: str) -> Any:
    """The parents' ids as rows."""
    if dialect == "sqlite":
        return func.json_each(bindparam(parents, type_=_Listed())).table_valued(column("value", Uuid()))
    ids = func.unnest(bindparam(parents, type_=ARRAY(Uuid())))
    return ids.table_valued(column("value", Uuid())).render_derived()


def _unsought(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The same condition, in a form in which no database begins at it: all of somebody's rows, for each parent anew."""
    return func.coalesce(condition, false())
