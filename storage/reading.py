"""Pages that are only read: rows past SQLAlchemy's unit of work, by statements that were built once.

An entity is tracked so that a change of it is written; tracking a hundred of them takes longer than reading them. A row
here is an object of its model that holds the columns and nothing else: it is not changed, and nothing hangs on it. Of
its columns only its ids are there and those that were asked for: a column costs a tenth of its row.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Integer, Result, Select, Uuid, bindparam, func, inspect, select
from sqlalchemy.orm import Session

from storage.pages import DECISION, Keys, Page, Slice, bounds, counted, order_of, page_of, sliced
from storage.records import Record

R = TypeVar("R", bound=Record)

Statement = Select[Any]
Columns = frozenset[str] | None

_AFTER, _BEFORE, _LIMIT, _EQUAL, _PARENTS = "page_after", "page_before", "page_limit", "page_equal_", "page_parents"
_RANK, _TOTAL = "page_rank", "page_total"


class Door(NamedTuple):
    """What the door gives of a list: its statement, the keys it begins at, and the ids of whoever asks.

    The statements are the same objects for everybody of one shape: what is made of them is kept.
    """

    statement: Statement
    keys: Keys | None
    parameters: Mapping[str, Any]


class _Form(NamedTuple):
    """What of a page is part of its statement; all else is bound."""

    after: bool
    before: bool
    from_end: bool
    newest_first: bool
    counts: bool
    equal: tuple[tuple[str, bool], ...]
    """The columns that are compared, and whether with nothing."""
    columns: Columns
    """The columns that are asked for; None: all."""

    @classmethod
    def of(cls, part: Slice, columns: Columns, equal: Mapping[str, Any]) -> "_Form":
        compared = tuple((name, equal[name] is None) for name in sorted(equal))
        ends = part.after is not None, part.before is not None
        return cls(*ends, part.from_end, part.newest_first, part.count, compared, columns)

    def part(self) -> Slice:
        """The page, with places in the place of values."""
        after, before = (bindparam(name, type_=Uuid()) for name in (_AFTER, _BEFORE))
        where = {"after": after if self.after else None, "before": before if self.before else None}
        limit: Any = bindparam(_LIMIT, type_=Integer())
        return Slice(limit=limit, from_end=self.from_end, newest_first=self.newest_first, **where)  # type: ignore[arg-type]


class _Made(NamedTuple):
    """The statement of a page, and what its columns are: those of the model, by their names, then what may be done."""

    statement: Statement
    names: tuple[str, ...]
    actions: tuple[str, ...]
    labels: tuple[str, ...]
    """What the columns behind the model's are called."""
    total: Statement
    """How many there are in all, for a page that has no row to say it."""


def read_page(
    session: Session, model: type[R], door: Door, part: Slice, *, columns: Columns = None, **equal: Any
) -> Page[R]:
    """One page of what the door gives, narrowed to rows whose columns equal what is given. One statement.

    `columns` names those that the rows are to have beside ids; None: all. Raises LookupError for rows whose columns
    would be read for others.
    """
    form = _Form.of(part, columns, equal)
    made = _made(model, door.statement, None if equal else door.keys, form)
    values = {**door.parameters, _AFTER: part.after, _BEFORE: part.before, _LIMIT: part.limit}
    values |= {_EQUAL + name: value for name, value in equal.items()}
    found = _found(session, made, values)
    total = None
    if part.count:
        behind = not found and (form.after or form.before)
        total = session.scalar(made.total, values) if behind else found[0][-1] if found else 0
    return sliced(_rows(model, made, found), part, total)


def read_pages(
    session: Session,
    model: type[R],
    door: Door,
    part: Slice,
    *,
    parent: str,
    parents: Sequence[uuid.UUID],
    columns: Columns = None,
) -> dict[uuid.UUID, Page[R]]:
    """The same slice of each parent's list, all parents in one statement. `parent` names the column that ties them.

    `columns` names those that the rows are to have beside ids; None: all. Raises LookupError for rows whose columns
    would be read for others.
    """
    form = _Form.of(part, columns, {})
    made = _made_below(model, door.statement, form, parent)
    values = {**door.parameters, _AFTER: part.after, _BEFORE: part.before, _LIMIT: part.limit, _PARENTS: parents}
    found: dict[uuid.UUID, list[Any]] = {each: [] for each in parents}
    rows = _found(session, made, values)
    for each, below in groupby(rows, itemgetter(made.names.index(parent))):  # they come parent by parent
        found[each].extend(below)
    totals = {each: below[0][-1] for each, below in found.items() if below} if part.count else {}
    if (form.after or form.before) and part.count and len(totals) < len(found):
        totals = dict(map(tuple, session.execute(made.total, values)))
    return {
        each: sliced(_rows(model, made, below), part, totals.get(each, 0) if part.count else None)
        for each, below in found.items()
    }


def read_all(
    session: Session, model: type[R], statement: Statement, *, at_once: int, columns: Columns = None
) -> Iterator[R]:
    """Every row of a door's `Select`, in the order it has, `at_once` in memory at a time.

    `columns` names those that the rows are to have beside ids; None: all. Raises LookupError for rows whose columns
    would be read for others.
    """
    held, labels = _held(model, columns), _labels(statement)
    asked = statement.with_only_columns(*held.values(), *labels, maintain_column_froms=True)
    made = _as_made(asked.execution_options(yield_per=at_once), held, labels, counts=False, total=asked)
    with session.connection().execute(made.statement) as found:  # closed where a reader gives up
        _refuse_others(found, made)
        for some in found.partitions():
            yield from _rows(model, made, some)


def _found(session: Session, made: _Made, values: Mapping[str, Any]) -> Sequence[Any]:
    session.flush()  # as it does by itself before a query for entities: what this unit of work has written is there
    result = session.connection().execute(made.statement, values)
    _refuse_others(result, made)
    return result.all()


def _refuse_others(result: Result[Any], made: _Made) -> None:
    if tuple(result.keys())[len(made.names) :] != made.labels:
        raise LookupError("decisions are found by place, and this row has others there than were asked for")


@lru_cache(maxsize=1024)
def _made(model: type[Record], statement: Statement, keys: Keys | None, form: _Form) -> _Made:
    narrowed = _narrowed(model, statement, form)
    page = page_of(model, narrowed, form.part(), keys)
    total = counted(narrowed.with_only_columns(model.id) if keys is None else select(keys.every().subquery().c.id))  # type: ignore[attr-defined]
    held = _held(model, form.columns)
    labels = _labels(page)
    columns = [*held.values(), *labels, *([total.label(_TOTAL)] if form.counts else ())]
    asked = page.with_only_columns(*columns, maintain_column_froms=True)
    return _as_made(asked, held, labels, counts=form.counts, total=select(total))


@lru_cache(maxsize=1024)
def _made_below(model: type[Record], statement: Statement, form: _Form, parent: str) -> _Made:
    """The pages of all parents: each row with its rank among those of its parent that the page could show."""
    key: Any = model.id  # type: ignore[attr-defined]
    held, labels, part = _held(model, form.columns), _labels(statement), form.part()
    tie = held[parent]
    mine = statement.where(tie.in_(bindparam(_PARENTS, expanding=True, type_=Uuid())))
    totals = mine.with_only_columns(tie.label("tie"), func.count().label("n")).group_by(tie)
    rank = func.row_number().over(partition_by=tie, order_by=order_of(key, part)).label(_RANK)
    ranked = mine.where(*bounds(key, part)).with_only_columns(*held.values(), *labels, rank, maintain_column_froms=True)
    inner = ranked.subquery()
    shown = [*(inner.c[column.key] for column in held.values()), *(inner.c[str(label.key)] for label in labels)]
    if form.counts:
        counted_below = totals.subquery()
        total = select(counted_below.c.n).where(counted_below.c.tie == inner.c[held[parent].key])
        shown.append(total.scalar_subquery().label(_TOTAL))
    outer = select(*shown).where(inner.c[_RANK] <= part.limit + 1).order_by(inner.c[tie.key], inner.c[_RANK])
    return _as_made(outer, held, labels, counts=form.counts, total=totals)


def _held(model: type[Record], columns: Columns) -> dict[str, Any]:
    """The model's columns by the names that it has for them: those asked for, and every id.

    What says whose a row is, and what it hangs on, is looked at wherever it goes: in opening it, in recording who did.
    """
    held = {attribute.key: attribute.columns[0] for attribute in inspect(model).column_attrs}
    if columns is None:
        return held
    return {name: column for name, column in held.items() if name in columns or isinstance(column.type, Uuid)}


def _labels(statement: Statement) -> list[Any]:
    return [column for column in statement.selected_columns if str(column.key).startswith(DECISION)]


def _as_made(
    statement: Statement, held: Mapping[str, Any], labels: Sequence[Any], *, counts: bool, total: Statement
) -> _Made:
    actions = tuple(str(label.key).removeprefix(DECISION) for label in labels)
    behind = (*(DECISION + action for action in actions), *((_TOTAL,) if counts else ()))
    return _Made(statement, tuple(held), actions, behind, total)


def _narrowed(model: type[Record], statement: Statement, form: _Form) -> Statement:
    for name, is_null in form.equal:
        column = getattr(model, name)
        statement = statement.where(column.is_(None) if is_null else column == bindparam(_EQUAL + name))
    return statement


def _rows(model: type[R], made: _Made, found: Any) -> list[R]:
    names, first, end = made.names, len(made.names), len(made.names) + len(made.actions)
    rows = []
    for each in found:
        row = object.__new__(model)
        row.__dict__ = loaded = dict(zip(names, each))  # noqa: B905 - behind its columns a row has what may be done
        loaded["decisions"] = _allowed(made.actions, each[first:end])
        rows.append(row)
    return rows


@lru_cache(maxsize=4096)
def _allowed(actions: tuple[str, ...], decided: tuple[bool, ...]) -> frozenset[str]:
    return frozenset(action for action, allowed in zip(actions, decided, strict=True) if allowed)
