"""Connections (Relay): lists that can be walked both ways in pages of at most 100."""

import enum
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from resolvers import lists, searching, tickets
from resolvers.context import Context
from resolvers.errors import BadInput
from schema.companies import Below, Company
from schema.leaves import Siblings, for_siblings, leaf
from schema.nodes import Info, Level, Node, Nodes, level_of, values_of
from schema.selections import columns_needed, selects
from storage.pages import MAX_PAGE, Page, Slice
from storage.reading import Pages

T = TypeVar("T", bound=Node)

First = Annotated[int | None, strawberry.argument(description="How many from the start, at most 100. 50 if not said.")]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, at most 100.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


@strawberry.enum(description="In which order a list comes.")
class Order(enum.Enum):
    """By time of creation, one way or the other."""

    NEWEST_FIRST = "NEWEST_FIRST"
    OLDEST_FIRST = "OLDEST_FIRST"


OrderBy = Annotated[Order, strawberry.argument(description="The order of the list: by time of creation.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether more come after this page.")
    has_previous_page: bool = strawberry.field(description="Whether some come before this page.")
    start_cursor: str | None = leaf(
        lambda self, info: self.edges[0].cursor_for(info.context) if self.edges else None,
        str | None,
        "Cursor of the first thing on this page.",
    )
    end_cursor: str | None = leaf(
        lambda self, info: self.edges[-1].cursor_for(info.context) if self.edges else None,
        str | None,
        "Cursor of the last thing on this page.",
    )
    edges: strawberry.Private[list[Any]]


@strawberry.type(description="One place in a list, with the thing that stands there.")
class Edge(Generic[T]):
    """Relay's Edge."""

    node: T = strawberry.field(description="The thing itself.")
    cursor: str = leaf(
        lambda self, info: self.cursor_for(info.context),
        str,
        "This place, for `after` and `before`. Opaque; good for this list only.",
    )
    listing: strawberry.Private[str]

    def cursor_for(self, context: Context) -> str:
        """The cursor is a MAC, and so is made only where it is asked for."""
        return tickets.cursor(context.house.store.keyring, self.listing, self.node.row.id)


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """Relay's Connection."""

    edges: list[Edge[T]] = strawberry.field(description="The things on this page, with their places.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(description="How many there are in all that you may see.")


def part_of(
    info: Info,
    listing: str,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    order: Order = Order.NEWEST_FIRST,
) -> Slice:
    """The page that a list field's arguments ask for. Raises `BadInput`."""
    if first is not None and last is not None:
        raise BadInput("Pass first or last, not both.", field="first")
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= MAX_PAGE:
            raise BadInput(f"{name} must lie between 0 and {MAX_PAGE}.", field=name)
    keyring = info.context.house.store.keyring
    limit = last if last is not None else first if first is not None else 50
    return Slice(
        limit=limit,
        after=None if after is None else tickets.place(keyring, listing, after, "after"),
        before=None if before is None else tickets.place(keyring, listing, before, "before"),
        from_end=last is not None,
        newest_first=order is Order.NEWEST_FIRST,
        count=selects(info, "totalCount"),
    )


class Edges(Company):
    """The edges of these nodes."""

    origin = Edge

    def __init__(self, nodes: Nodes, listing: str) -> None:
        self._nodes, self._listing = nodes, listing

    def __len__(self) -> int:
        return len(self._nodes)

    def below(self, name: str) -> Below | None:
        return Below(self._nodes, None) if name == "node" else None

    def _make(self) -> list[Any]:
        return [Edge(node=node, listing=self._listing) for node in self._nodes]


class Connections(Company):
    """The lists of what hangs on each of several parents, whose things are siblings on `level`."""

    origin = Connection

    def __init__(
        self, kind: type[Node], parents: Sequence[uuid.UUID], pages: Pages[Any], level: Level, *, decided: bool
    ) -> None:
        self._kind, self._parents, self._pages, self._level, self._decided = kind, parents, pages, level, decided

    def __len__(self) -> int:
        return len(self._parents)

    def below(self, name: str) -> Below | None:
        if name != "edges":
            return None
        places = [self._pages.places.get(parent, (0, 0)) for parent in self._parents]
        return Below(Edges(self._nodes(0, len(self._level.rows)), self._kind.__name__), places)

    def _make(self) -> list[Any]:
        return [self._one(parent) for parent in self._parents]

    def _one(self, parent: uuid.UUID) -> Any:
        page = self._pages.of(parent)
        return _connection(self._kind, page, self._nodes(*self._pages.places.get(parent, (0, 0))))

    def _nodes(self, begin: int, end: int) -> Nodes:
        return Nodes(self._kind, self._level, begin, end, decided=self._decided)


def connect(kind: type[Node], page: Page[Any], level: Level, *, decided: bool) -> Any:
    """A page as a connection; its nodes are siblings on `level`, alone."""
    return _connection(kind, page, Nodes(kind, level, 0, len(page.rows), decided=decided))


def _connection(kind: type[Node], page: Page[Any], nodes: Nodes) -> Any:
    edges: Any = Edges(nodes, kind.__name__)
    info = PageInfo(has_next_page=page.has_next, has_previous_page=page.has_previous, edges=edges)
    return Connection(edges=edges, page_info=info, total_count=page.total or 0)


def listed(info: Info, kind: type[Node], part: Slice, *, search: str | None = None, **equal: Any) -> Any:
    """A list that hangs on nothing: all that the caller may read, narrowed by `equal` and by the words of `search`."""
    also = kind.also(info)
    if search is None:
        columns = columns_needed(info, kind.__name__)
        page = lists.page(info.context, kind.record, part, also=also, columns=columns, **equal)
    else:
        page = searching.page(info.context, kind.record, part, search, also=also, **equal)
    return connect(kind, page, Level(page.rows), decided=bool(also))


def below(kind: type[Node], column: str, description: str, *, order: Order = Order.NEWEST_FIRST) -> Any:
    """A field with the list of what hangs on a thing. `column` ties a row of it to its parent."""

    def resolve(
        self: Any,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = order,
    ) -> Any:
        part = part_of(info, kind.__name__, first, after, last, before, order_by)
        if isinstance(self, Siblings):
            return _nested(info, self.nodes, kind, part, column)
        return _nested(info, [self], kind, part, column)[0]

    return for_siblings(resolve, Connection[kind], description, columns=())  # type: ignore[valid-type]


def _nested(info: Info, parents: Sequence[Node], kind: type[Node], part: Slice, column: str) -> Connections:
    """The list of each of these parents, loaded for all siblings at once. Raises ValueError for a mixed company."""
    also, columns, siblings = kind.also(info), columns_needed(info, kind.__name__), level_of(parents)

    def load() -> tuple[Pages[Any], Level]:
        ids = siblings.column("id")
        found = lists.pages(info.context, kind.record, part, parent=column, parents=ids, also=also, columns=columns)
        return found, Level(found.rows)

    pages, level = siblings.once((kind, column, part, also, columns), load)
    return Connections(kind, values_of(parents, "id"), pages, level, decided=bool(also))
