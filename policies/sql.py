"""Plans as SQLAlchemy expressions.

Each way is a conjunction; a relation is a correlated EXISTS, never a join, so that a way can't take rows from another;
ways are joined by OR. The text of an expression depends on the plan alone, and the principal's ids are bind parameters.
"""

import operator
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    Alias,
    ColumnElement,
    FromClause,
    Select,
    Uuid,
    and_,
    bindparam,
    exists,
    false,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import RelationshipProperty, aliased

from policies.plans import Bound, Compare, Operator, Outer, Plan, Row, Values
from policies.resources import mapper_of
from storage.pages import Keys
from storage.records import Record


def predicate(model: type[Record], plan: Plan) -> ColumnElement[bool]:
    """The condition on `model`'s own table under which `plan` allows a row."""
    table: FromClause = mapper_of(model).local_table
    ways = [_holds(model, way, (table,)) for way in sorted(plan, key=_order)]
    return or_(false(), *ways) if ways else false()


def keys(model: type[Record], plan: Plan) -> Keys | None:
    """The primary keys of the rows that `plan` allows, found from what the principal has; None where that may be all.

    Under an OR over relations a database walks the whole table, and meets everybody's rows. Here each way is a branch
    of its own that starts at the far end, where a row names the principal.
    """
    if Row() in plan or not plan:
        return None
    ordered, others = list[Select[Any]](), list[Select[Any]]()
    for way in sorted(plan, key=_order):
        beside = _side_in_order(model, way)
        if beside is not None:
            ordered.append(beside)
            continue
        alias = mapper_of(model).local_table.alias()
        branch = select(*alias.primary_key).where(_holds(model, way, (alias,), inward=False))
        (ordered if _lies_in_order(model, way, "id") else others).append(branch)
    return Keys(tuple(ordered), tuple(others))


def _lies_in_order(model: type[Record], way: Row, key: str) -> bool:
    """Whether the rows of `way`, which name the principal in a column, lie one after the other by `key` in an index.

    Elsewhere an order would tempt a database to walk all rows by id until it has met enough of them.
    """
    if way.related or len(way.conditions) != 1:
        return False
    (only,) = way.conditions
    table: Any = mapper_of(model).local_table
    begins = [only.column, key]
    return (
        only.operator == "="
        and isinstance(only.operand, Bound)
        and any([column.name for column in index.columns] == begins for index in table.indexes)
    )


def _side_in_order(model: type[Record], way: Row) -> Select[Any] | None:
    """The keys of `way` in the order of an index of a side table: one with a row for a row of `model`, of the same key.

    None where `way` asks for more than that the side names the principal in a column.
    """
    if way.conditions or len(way.related) != 1:
        return None
    ((name, side),) = way.related
    relation: RelationshipProperty[Any] = mapper_of(model).relationships[name]
    target = relation.mapper
    ends = [(str(local.key), str(remote.key)) for local, remote in relation.local_remote_pairs or ()]
    key = ",".join(column.name for column in target.primary_key)
    if ends != [("id", key)] or not _lies_in_order(target.class_, side, key):
        return None
    alias = target.local_table.alias()
    return select(alias.c[key].label("id")).where(_holds(target.class_, side, (alias,), inward=False))


def _order(part: Any) -> tuple[int, str]:
    """Conditions on the row itself come first, so that a database meets the cheap way before the far one."""
    far = len(part.related) if isinstance(part, Row) else 0
    return far, _spell(part)


def _spell(part: Any) -> str:
    """A spelling of a part of a plan that does not depend on the order of a set."""
    if isinstance(part, Row):
        near, far = map(_spell, part.conditions), (f"{name}:{_spell(row)}" for name, row in part.related)
        return f"[{' '.join(sorted(near))} {' '.join(sorted(far))}]"
    return repr(part)


def _holds(model: type[Record], row: Row, scope: tuple[FromClause, ...], *, inward: bool = True) -> ColumnElement[bool]:
    """`row`'s conditions on `scope[-1]`, a table or alias of `model`; the outer rows stand before it.

    `inward`: the row is given, and what it leads to is looked up; otherwise the row is sought from what leads to it.
    """
    near = [_compare(model, condition, scope) for condition in sorted(row.conditions, key=_spell)]
    far = [
        _related(model, name, inner, scope, inward=inward)
        for name, inner in sorted(row.related, key=lambda r: (r[0], _spell(r[1])))
    ]
    return and_(true(), *near, *far)


def _related(
    model: type[Record], name: str, row: Row, scope: tuple[FromClause, ...], *, inward: bool
) -> ColumnElement[bool]:
    relation: RelationshipProperty[Any] = mapper_of(model).relationships[name]
    target: type[Record] = relation.mapper.class_
    alias: Alias = relation.mapper.local_table.alias()  # type: ignore[assignment]
    pairs = relation.local_remote_pairs or ()  # nothing more than these ties the rows: rulings made sure
    ends = [(scope[-1].c[str(local.key)], alias.c[str(remote.key)]) for local, remote in pairs]
    if inward or len(ends) > 1:
        inner = _holds(target, row, (*scope, alias))
        joined = (theirs == mine for mine, theirs in ends)
        return exists().select_from(alias).where(*joined, inner).correlate_except(alias)
    (mine, theirs), *_ = ends
    alone = _alone(row)
    found = mine.in_(select(theirs).where(_holds(target, alone, (*scope, alias), inward=False)))
    return found if alone == row else and_(found, _related(model, name, row, scope, inward=True))


def _alone(row: Row, depth: int = 0) -> Row:
    """`row` without the conditions, on it and below it, about a row further out: what can be sought by itself."""
    here = (each for each in row.conditions if not isinstance(each.operand, Outer) or each.operand.up <= depth)
    return Row(frozenset(here), frozenset((name, _alone(inner, depth + 1)) for name, inner in row.related))


def _compare(model: type[Record], condition: Compare, scope: tuple[FromClause, ...]) -> ColumnElement[bool]:
    column = _column(model, condition.column, scope[-1])
    match condition.operand:
        case Bound(parameter):
            operand: Any = bindparam(parameter, type_=Uuid())
        case Outer(up, name):
            operand = scope[-1 - up].c[name]
        case Values((single,)):
            operand = single
        case Values(several):  # each by itself: a list would be written out anew for each execution
            return column.in_([literal(each, column.type) for each in several])
    if condition.operator == "=" and isinstance(condition.operand, Outer):
        return column.is_not_distinct_from(operand)  # None equals None
    return _COMPARED[condition.operator](column, operand)


def _column(model: type[Record], name: str, table: FromClause) -> ColumnElement[Any]:
    """The column of that name, or what the model works out in its stead, on `table`."""
    if name in table.c:
        return table.c[name]
    worked_out: ColumnElement[Any] = getattr(aliased(model, table), name)
    return worked_out


_COMPARED: dict[Operator, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "=": operator.eq,
    "!=": lambda column, operand: column.is_distinct_from(operand),  # Python's: a missing value differs from any other
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
