"""Pages that are only read: rows past SQLAlchemy's unit of work, by statements that were built once.

An entity is tracked so that a change of it is written; tracking a hundred of them takes longer than reading them. A row
here is an object of its model that holds the columns and nothing else: it is not changed, and nothing hangs on it. Of
its columns only its ids are there and those that were asked for: a column costs a tenth of its row. Rows are read
column by column, and become objects one by one, when somebody asks for one.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar, overload

from sqlalchemy import Integer, Select, Uuid, bindparam, inspect, select
from sqlalchemy.orm import Session

from storage.beneath import among, beneath, counted_beneath
from storage.pages import DECISION, Keys, Page, Slice, counted, framed, narrow, page_of, shown
from storage.records import Record
from storage.statements import Answer, Question

R = TypeVar("R", bound=Record)

Statement = Select[Any]
Columns = frozenset[str] | None

_AFTER, _BEFORE, _LIMIT, _EQUAL, _PARENTS = "page_after", "page_before", "page_limit", "page_equal_", "page_parents"
_TOTAL, _IDS = "page_total", "page_ids"


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

    def compared(self) -> dict[str, Any]:
        """The columns that are compared, each with the place of its value."""
        return {name: None if is_null else bindparam(_EQUAL + name) for name, is_null in self.equal}


class _Made(NamedTuple):
    """The statement of a page, and what its columns are: those of the model, by their names, then what may be done."""

    question: Question
    names: tuple[str, ...]
    actions: tuple[str, ...]
    labels: tuple[str, ...]
    """What the columns behind the model's are called."""
    total: Statement
    """How many there are in all, for a page that has no row to say it."""


class Rows(Sequence[R]):
    """Rows of one model that are only read: by column, or as objects, which are made when they are asked for."""

    def __init__(self, model: type[R], columns: Mapping[str, list[Any]], allowed: Sequence[frozenset[str]]) -> None:
        self.model = model
        self.columns = columns
        self.allowed = allowed
        """What may be done with each: the decisions of the door."""
        self._objects: list[R] | None = None

    def __len__(self) -> int:
        return len(self.allowed)

    @overload
    def __getitem__(self, place: int) -> R: ...
    @overload
    def __getitem__(self, place: slice) -> list[R]: ...
    def __getitem__(self, place: int | slice) -> R | list[R]:
        return self._all()[place]

    def __iter__(self) -> Iterator[R]:
        return iter(self._all())

    def _all(self) -> list[R]:
        if self._objects is None:
            names = tuple(self.columns)
            self._objects = []
            for *each, allowed in zip(*self.columns.values(), self.allowed, strict=True):
                row = object.__new__(self.model)
                row.__dict__ = loaded = dict(zip(names, each, strict=True))
                loaded["decisions"] = allowed
                self._objects.append(row)
        return self._objects


class Pages(Generic[R], NamedTuple):
    """The same slice of several parents' lists: all their rows, and where in them each parent's page lies."""

    rows: Rows[R]
    part: Slice
    places: Mapping[uuid.UUID, tuple[int, int]]
    """Of parents that have a row on their page: where it begins and ends."""
    more: Collection[uuid.UUID]
    """Parents of which more rows lie beyond the page."""
    totals: Mapping[uuid.UUID, int]
    """How many each has in all, where that was asked for; not named: none."""

    def of(self, parent: uuid.UUID) -> Page[R]:
        """One parent's page."""
        begin, end = self.places.get(parent, (0, 0))
        total = self.totals.get(parent, 0) if self.part.count else None
        return framed(self.rows[begin:end], self.part, more=parent in self.more, total=total)


def read_page(
    session: Session, model: type[R], door: Door, part: Slice, *, columns: Columns = None, **equal: Any
) -> Page[R]:
    """One page of what the door gives, narrowed to rows whose columns equal what is given. One statement.

    `columns` names those that the rows are to have beside ids; None: all. Raises LookupError for rows whose columns
    would be read for others.
    """
    form = _Form.of(part, columns, equal)
    made = _made(model, door.statement, door.keys, form, session.get_bind().dialect.name)
    values = {**door.parameters, _AFTER: part.after, _BEFORE: part.before, _LIMIT: part.limit}
    values |= {_EQUAL + name: value for name, value in equal.items()}
    answer = _answer(session, made, values)
    total = None
    if part.count:
        behind = not answer.rows and (form.after or form.before)
        total = session.scalar(made.total, values) if behind else answer.rows[0][-1] if answer.rows else 0
    on_page = answer._replace(rows=shown(answer.rows, part))
    return framed(_rows(model, made, on_page), part, more=len(answer.rows) > part.limit, total=total)


def read_pages(
    session: Session,
    model: type[R],
    door: Door,
    part: Slice,
    *,
    parent: str,
    parents: Sequence[uuid.UUID],
    columns: Columns = None,
) -> Pages[R]:
    """The same slice of each parent's list, all parents in one statement. `parent` names the column that ties them.

    `columns` are what they are for `read_page`, and so is what is raised.
    """
    form, parents = _Form.of(part, columns, {}), list(dict.fromkeys(parents))  # one named twice has one page
    made = _made_below(model, door.statement, form, parent, session.get_bind().dialect.name)
    values = {**door.parameters, _AFTER: part.after, _BEFORE: part.before, _LIMIT: part.limit, _PARENTS: parents}
    answer = _answer(session, made, values)
    tie = made.names.index(parent)
    totals = dict(zip(answer.column(tie), map(itemgetter(-1), answer.rows), strict=True)) if part.count else {}
    if (form.after or form.before) and part.count and len(totals) < len(parents):
        totals = dict(map(tuple, session.execute(made.total, values)))
    counts = Counter(map(itemgetter(tie), answer.rows))  # as the driver has them; they come parent by parent
    sizes = dict(zip(answer.converted(tie, counts), counts.values(), strict=True))
    more = {each for each, size in sizes.items() if size > part.limit}
    if more or part.from_end:
        ends = accumulate(sizes.values())
        each_page = (shown(answer.rows[end - size : end], part) for end, size in zip(ends, sizes.values(), strict=True))
        answer = answer._replace(rows=[row for page in each_page for row in page])
        sizes = {each: min(size, part.limit) for each, size in sizes.items()}
    ends = accumulate(sizes.values())
    places = {each: (end - size, end) for (each, size), end in zip(sizes.items(), ends, strict=True)}
    return Pages(_rows(model, made, answer), part, places, more, totals)


def read_some(session: Session, model: type[R], door: Door, ids: Sequence[uuid.UUID]) -> Rows[R]:
    """Those of the rows with these ids that the door gives, all of their columns. One statement."""
    made = _made_among(model, door.statement, session.get_bind().dialect.name)
    return _rows(model, made, _answer(session, made, {**door.parameters, _IDS: ids}))


def read_all(
    session: Session, model: type[R], statement: Statement, *, at_once: int, columns: Columns = None
) -> Iterator[R]:
    """Every row of a door's `Select`, in the order it has, `at_once` in memory at a time.

    `columns` are what they are for `read_page`, and so is what is raised.
    """
    held, labels = _held(model, columns), _labels(statement)
    asked = statement.with_only_columns(*held.values(), *labels, maintain_column_froms=True)
    made = _as_made(asked, held, labels, counts=False, total=asked)
    with session.connection().execute(asked.execution_options(yield_per=at_once)) as found:  # closed if given up
        names = tuple(found.keys())
        _refuse_others(names, made)
        for some in found.partitions():
            yield from _rows(model, made, Answer(names, some, [None] * len(names)))


def _answer(session: Session, made: _Made, values: Mapping[str, Any]) -> Answer:
    session.flush()  # as it does by itself before a query for entities: what this unit of work has written is there
    answer = made.question.ask(session.connection(), values)
    _refuse_others(answer.names, made)
    return answer


def _refuse_others(names: tuple[str, ...], made: _Made) -> None:
    if names[len(made.names) :] != made.labels:
        raise LookupError("decisions are found by place, and this row has others there than were asked for")


@lru_cache(maxsize=1024)
def _made(model: type[Record], statement: Statement, keys: Keys | None, form: _Form, dialect: str) -> _Made:
    equal = form.compared()
    narrowed, keys = narrow(statement, model, **equal), keys and keys.narrowed(model, equal)
    page = page_of(model, narrowed, form.part(), dialect, keys)
    total = counted(narrowed.with_only_columns(model.id) if keys is None else keys.every())  # type: ignore[attr-defined]
    held = _held(model, form.columns)
    labels = _labels(page)
    columns = [*held.values(), *labels, *([total.label(_TOTAL)] if form.counts else ())]
    asked = page.with_only_columns(*columns, maintain_column_froms=True)
    return _as_made(asked, held, labels, counts=form.counts, total=select(total))


@lru_cache(maxsize=1024)
def _made_below(model: type[Record], statement: Statement, form: _Form, parent: str, dialect: str) -> _Made:
    held, labels = _held(model, form.columns), _labels(statement)
    tie, columns = held[parent], [*held.values(), *labels]
    totals = counted_beneath(statement, tie, _PARENTS, dialect)
    if form.counts:
        below = totals.subquery()
        columns.append(select(below.c.n).where(below.c.tie == tie).scalar_subquery().label(_TOTAL))
    page = beneath(model, statement, columns, form.part(), tie, _PARENTS, dialect)
    return _as_made(page, held, labels, counts=form.counts, total=totals)


@lru_cache(maxsize=1024)
def _made_among(model: type[Record], statement: Statement, dialect: str) -> _Made:
    held, labels = _held(model, None), _labels(statement)
    asked = among(statement, [*held.values(), *labels], held["id"], _IDS, dialect)
    return _as_made(asked, held, labels, counts=False, total=asked)


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
    return _Made(Question(statement), tuple(held), actions, behind, total)


def _rows(model: type[R], made: _Made, answer: Answer) -> Rows[R]:
    first, end = len(made.names), len(made.names) + len(made.actions)
    columns = {name: answer.column(place) for place, name in enumerate(made.names)}
    return Rows(model, columns, [_allowed(made.actions, tuple(each[first:end])) for each in answer.rows])


@lru_cache(maxsize=4096)
def _allowed(actions: tuple[str, ...], decided: tuple[bool, ...]) -> frozenset[str]:
    return frozenset(action for action, allowed in zip(actions, decided, strict=True) if allowed)
