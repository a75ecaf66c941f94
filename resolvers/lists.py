"""Lists and single things: one use case for every model, since the door decides the same way for all."""

import uuid
from collections.abc import Sequence
from typing import Any, TypeVar

from policies.actions import Action
from policies.errors import Forbidden, NotFound
from resolvers.context import Context
from storage.pages import Page, Slice
from storage.reading import Columns, Pages, read_page, read_pages, read_some
from storage.records import Record
from storage.vault import UNOPENED, opens_with

__all__ = ["UNOPENED", "by_id", "may_open", "one", "opened", "opened_all", "page", "pages"]

R = TypeVar("R", bound=Record)


def page(
    context: Context,
    model: type[R],
    part: Slice,
    *,
    also: Sequence[Action] = (),
    columns: Columns = None,
    **equal: Any,
) -> Page[R]:
    """One page of what the caller may read, narrowed to rows whose columns equal what is given.

    The rows have those `columns`, and their ids; None: all.
    """
    door = context.access.listed(model, Action.READ, also)
    found = read_page(context.work.session, model, door, part, columns=columns, **equal)
    context.charge_for_count(found.total)
    return found


def pages(
    context: Context,
    model: type[R],
    part: Slice,
    *,
    parent: str,
    parents: Sequence[uuid.UUID],
    also: Sequence[Action] = (),
    columns: Columns = None,
) -> Pages[R]:
    """The same slice of each parent's list, in one statement; `columns` as `page` has them."""
    door = context.access.listed(model, Action.READ, also)
    found = read_pages(context.work.session, model, door, part, parent=parent, parents=parents, columns=columns)
    context.charge_for_count(sum(found.totals.values()))
    return found


def one(context: Context, model: type[R], row_id: uuid.UUID, *, also: Sequence[Action] = ()) -> R:
    """One row that the caller may read. Raises `NotFound` for what is not theirs to see, whether it exists or not."""
    found = by_id(context, model, [row_id], also=also)
    if not found:
        raise NotFound(model.__name__, Action.READ, row_id)
    return found[row_id]


def may_open(row: Record, column: str) -> bool:
    """Whether the door let the caller open what is sealed in this column of the row."""
    return opens_with(type(row), column) in row.decisions


def opened(context: Context, row: Record, column: str) -> Any:
    """The content of a sealed field. Raises `Forbidden` where the door let the caller read the row but not open it."""
    needed = opens_with(type(row), column)
    if needed not in row.decisions:
        refusal = Forbidden(type(row).__name__, Action(needed))
        context.refuse(needed, refusal)
        raise refusal
    return context.work.vault.open(row, column)


def opened_all(context: Context, rows: Sequence[Record], column: str) -> list[Any]:
    """The content of a sealed field of each of a page's rows; `opened` says why where it is UNOPENED."""
    return context.work.vault.open_each(rows, column)


def by_id(
    context: Context, model: type[R], ids: Sequence[uuid.UUID], *, also: Sequence[Action] = ()
) -> dict[uuid.UUID, R]:
    """Those of the rows with these ids that the caller may read, in one statement."""
    rows: Sequence[Any] = read_some(context.work.session, model, context.access.listed(model, Action.READ, also), ids)
    return {row.id: row for row in rows}
