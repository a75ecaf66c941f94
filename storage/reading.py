"""Pages that are only read: rows past SQLAlchemy's unit of work, by statements that were built once.

An entity is tracked so that a change of it is written; tracking a hundred of them takes longer than reading them. A row
here is an object of its model that holds the columns and nothing else: it is not changed, and nothing hangs on it.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import CompoundSelect, Integer, Select, Uuid, bindparam, inspect, select
from sqlalchemy.orm import Session

from storage.pages import DECISION, Page, Slice, counted, page_of, sliced
from storage.records import Record

R = TypeVar("R", bound=Record)

Statement = Select[Any]
Keys = Select[Any] | CompoundSelect[Any] | None

_AFTER, _BEFORE, _LIMIT, _EQUAL = "page_after", "page_before", "page_limit", "page_equal_"


class Door(NamedTuple):
    """What the door gives of a list: its statement, the keys it begins at, and the ids of whoever asks.

    The statements are the same objects for everybody of one shape: what is made of them is kept.
    """

    statement: Statement
    keys: Keys
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


def read_page(session: Session, model: type[R], door: Door, part: Slice, **equal: Any) -> Page[R]:
    """One page of what the door gives, narrowed to rows whose columns equal what is given. One statement.

    Raises LookupError for rows whose columns would be read for others.
    """
    compared = tuple((name, equal[name] is None) for name in sorted(equal))
    form = _Form(
        part.after is not None, part.before is not None, part.from_end, part.newest_first, part.count, compared
    )
    made = _made(model, door.statement, None if equal else door.keys, form)
    values = {**door.parameters, _AFTER: part.after, _BEFORE: part.before, _LIMIT: part.limit}
    values |= {_EQUAL + name: value for name, value in equal.items()}
    session.flush()  # as it does by itself before a query for entities: what this unit of work has written is there
    result = session.connection().execute(made.statement, values)
    if tuple(result.keys())[len(made.names) :] != made.labels:
        raise LookupError("decisions are found by place, and this row has others there than were asked for")
    found = result.all()
    total = None
    if part.count:
        behind = not found and (form.after or form.before)
        total = session.scalar(made.total, values) if behind else found[0][-1] if found else 0
    return sliced(_rows(model, made, found), part, total)


@lru_cache(maxsize=1024)
def _made(model: type[Record], statement: Statement, keys: Keys, form: _Form) -> _Made:
    narrowed = _narrowed(model, statement, form)
    page = page_of(model, narrowed, form.part(), keys)
    total = counted(narrowed.with_only_columns(model.id) if keys is None else select(keys.subquery().c.id))  # type: ignore[attr-defined]
    held = [(attribute.key, attribute.columns[0]) for attribute in inspect(model).column_attrs]
    labels = [column for column in page.selected_columns if str(column.key).startswith(DECISION)]
    columns = [*(column for _, column in held), *labels, *([total.label("total")] if form.counts else ())]
    actions = tuple(str(label.key).removeprefix(DECISION) for label in labels)
    return _Made(
        page.with_only_columns(*columns, maintain_column_froms=True),
        tuple(name for name, _ in held),
        actions,
        (*(DECISION + action for action in actions), *(("total",) if form.counts else ())),
        select(total),
    )


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
        loaded = row.__dict__
        loaded.update(zip(names, each, strict=False))
        loaded["decisions"] = _allowed(made.actions, each[first:end])
        rows.append(row)
    return rows


@lru_cache(maxsize=4096)
def _allowed(actions: tuple[str, ...], decided: tuple[bool, ...]) -> frozenset[str]:
    return frozenset(action for action, allowed in zip(actions, decided, strict=True) if allowed)
