"""Pages: keyset pagination over a `Select` that the door has already filtered.

A door's `Select` yields the entity and one labelled boolean per further permission (`may_<action>`). A page is one
statement whatever its length, and so is the same page of every parent's list: one statement per level of a query.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, Uuid, func, inspect, select, union
from sqlalchemy.orm import Session

from storage.query_plans import within
from storage.records import Record

R = TypeVar("R", bound=Record)

MAX_PAGE = 100
DECISION = "may_"
"""Prefix of a decision column's label: `may_read_content`."""


@dataclass(frozen=True)
class Slice:
    """Which part of a list is asked for, in the order of ids, which is the order of creation (UUIDv7)."""

    limit: int = 50
    after: uuid.UUID | None = None
    before: uuid.UUID | None = None
    from_end: bool = False
    newest_first: bool = True
    count: bool = False


@dataclass(frozen=True, eq=False)
class Keys:
    """The keys of a list's rows: each way to be allowed is a branch, which starts where a row names the caller.

    There is at least one branch, and each calls its key `id`. The same object for everybody of one shape.
    """

    ordered: tuple[Select[Any], ...]
    """Branches whose rows lie in an index in the order of ids: of each only the page's own part is read."""
    others: tuple[Select[Any], ...] = ()
    """Branches of which all rows must be read before it is known which come first."""

    def every(self) -> Select[Any] | CompoundSelect[Any]:
        """All of them."""
        return _united([*self.ordered, *self.others])

    def first(self, part: Slice) -> Select[Any]:
        """Those of the page, and one more. The first of each branch are enough to find the first of all in."""
        if not self.others and len(self.ordered) == 1:
            return _first_of(self.ordered[0], part)
        # SQLite takes an order and a limit of a branch only inside a table of its own.
        cut = [select(_first_of(branch, part).subquery().c.id) for branch in self.ordered]
        # Without an offset, PostgreSQL takes the limit below into a lone branch, and walks all rows by id.
        whole = [branch.offset(0) for branch in self.others] if len(self.others) == 1 and not cut else self.others
        own = _united([*cut, *whole]).subquery().c.id
        # Without a limit of its own here, PostgreSQL trusts to meet a page of these while walking all rows by id.
        return select(own).where(*bounds(own, part)).order_by(order_of(own, part)).limit(part.limit + 1)

    def narrowed(self, model: type[Record], equal: Mapping[str, Any]) -> "Keys | None":
        """Those of rows of `model` whose columns equal the values given.

        None where one of the columns is an id with an index: fewer rows name that thing than the caller may read.
        """
        table: Any = inspect(model).local_table
        indexed = {next(iter(index.columns)).name for index in table.indexes}
        if any(name in indexed and isinstance(table.c[name].type, Uuid) for name in equal):
            return None
        if not equal:
            return self
        ordered, others = ([_equal(table, branch, equal) for branch in some] for some in (self.ordered, self.others))
        return Keys(tuple(ordered), tuple(others))


def _equal(table: Any, branch: Select[Any], equal: Mapping[str, Any]) -> Select[Any]:
    """`branch` without the rows of `table` that differ. One of a side table looks at the row that each key names."""
    (source,) = branch.get_final_froms()
    if source.is_derived_from(table):
        return branch.where(*(source.c[name] == value for name, value in equal.items()))
    row = table.alias()
    same = [row.c.id == branch.selected_columns.id, *(row.c[name] == value for name, value in equal.items())]
    # A condition that is a value keeps the order in which the keys lie: a semi-join may be turned round.
    return branch.where(select(row.c.id).where(*same).scalar_subquery().is_not(None))


def _united(branches: Sequence[Select[Any]]) -> Select[Any] | CompoundSelect[Any]:
    return union(*branches) if len(branches) > 1 else branches[0]


def _first_of(branch: Select[Any], part: Slice) -> Select[Any]:
    key = branch.selected_columns.id
    return branch.where(*bounds(key, part)).order_by(order_of(key, part)).limit(part.limit + 1)


@dataclass
class Page(Generic[R]):
    """Rows in the asked order, whether more lie on either side, and how many there are in all (None: not asked)."""

    rows: Sequence[R] = ()
    has_next: bool = False
    has_previous: bool = False
    total: int | None = None


def fetch(session: Session, statement: Select[Any], parameters: Mapping[str, Any] | None = None) -> list[Any]:
    """The entities of a door's `Select`, each with `decisions` set from its boolean columns."""
    return [with_decisions(row) for row in session.execute(statement, parameters)]


def with_decisions(row: Row[Any]) -> Any:
    """The row's entity, carrying what this unit of work's principal may do with it.

    Raises LookupError for a row of which a column has no name: places and names would not be of the same columns.
    """
    entity, labels = row[0], row._fields
    if len(labels) != len(row):
        raise LookupError("decisions are found by name, and a column of this row has none: alias it with one")
    allowed = frozenset([action for place, action in _decided(labels) if row[place]])
    entity.decisions = entity.decisions | allowed
    return entity


@lru_cache(maxsize=1024)
def _decided(labels: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """The places of a row's decisions, and what each is about; looked up once for all rows that have these columns."""
    return tuple((n, label.removeprefix(DECISION)) for n, label in enumerate(labels) if label.startswith(DECISION))


def narrow(statement: Select[Any], model: type[R], **equal: Any) -> Select[Any]:
    """Only rows whose columns equal the values given."""
    return statement.where(*(getattr(model, column) == value for column, value in equal.items()))


def fetch_page(
    session: Session,
    model: type[R],
    statement: Select[Any],
    part: Slice,
    keys: Keys | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Page[R]:
    """One page of a door's `Select`, as entities; `storage.reading` has a way that is faster for rows on their own.

    `keys` are what they are for `page_of`, and `parameters` what the statement is bound to.
    """
    page = page_of(model, statement, part, session.get_bind().dialect.name, keys)
    allowed = statement.with_only_columns(model.id) if keys is None else keys.every()  # type: ignore[attr-defined]
    if part.count:
        page = page.add_columns(counted(allowed).label("page_total"))
    found = list(session.execute(page, parameters))
    total = (found[0].page_total if found else _count_alone(session, allowed, part, parameters)) if part.count else None
    rows = [with_decisions(row) for row in found]
    return framed(shown(rows, part), part, more=len(rows) > part.limit, total=total)


def page_of(
    model: type[Record], statement: Select[Any], part: Slice, dialect: str, keys: Keys | None = None
) -> Select[Any]:
    """The statement of one page, and of one row more, which tells whether more follow.

    `keys`, if given, are those of the same rows, found in a way faster for lists.
    """
    key: Any = model.id  # type: ignore[attr-defined]
    if keys is None:
        return statement.where(*bounds(key, part)).order_by(order_of(key, part)).limit(part.limit + 1)
    return statement.where(within(key, keys.first(part), dialect)).order_by(order_of(key, part))


def order_of(key: Any, part: Slice) -> Any:
    """In which order the rows of a page are found: from the end, the other way round."""
    return key.desc() if part.newest_first != part.from_end else key.asc()


def bounds(key: Any, part: Slice) -> list[ColumnElement[bool]]:
    """`after` and `before` follow the order shown, so newest-first turns the comparison round."""
    found: list[ColumnElement[bool]] = []
    if part.after is not None:
        found.append(key < part.after if part.newest_first else key > part.after)
    if part.before is not None:
        found.append(key > part.before if part.newest_first else key < part.before)
    return found


def counted(allowed: Select[Any] | CompoundSelect[Any]) -> Any:
    """How many rows a `Select` has, as part of another."""
    return select(func.count()).select_from(allowed.subquery()).scalar_subquery()


def _count_alone(
    session: Session,
    allowed: Select[Any] | CompoundSelect[Any],
    part: Slice,
    parameters: Mapping[str, Any] | None,
) -> int:
    """An empty page behind a cursor has no row to carry the count; an empty list needs no asking."""
    if part.after is None and part.before is None:
        return 0
    found: int = session.execute(select(counted(allowed)), parameters).scalar_one()
    return found


def shown(rows: Sequence[Any], part: Slice) -> Sequence[Any]:
    """Those of the rows found that are on the page, in the order asked for; there may be one more."""
    if part.from_end:
        return rows[: part.limit][::-1]
    return rows if len(rows) <= part.limit else rows[: part.limit]


def framed(rows: Sequence[Any], part: Slice, *, more: bool, total: int | None) -> Page[Any]:
    """The page that these rows are. `more`: whether there was one more than was asked for."""
    if part.from_end:
        return Page(rows, has_next=part.before is not None, has_previous=more, total=total)
    return Page(rows, has_next=more, has_previous=part.after is not None, total=total)
