"""What every type of thing shares: an id, what the viewer can do with it, and siblings that are loaded together."""

import uuid
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar, get_args

import strawberry

from policies.actions import Action
from resolvers import lists
from resolvers.context import Context
from schema.companies import Company
from schema.ids import encode_id, encode_ids
from schema.leaves import leaf
from schema.selections import selects
from storage.reading import Rows
from storage.records import Record

Info = strawberry.Info[Context, None]
V = TypeVar("V")

strawberry.enum(
    Action, name="Action", description="What can be done with a thing. `viewerCan` lists those that will work for you."
)


class Level:
    """The rows of one level of a query. What hangs below one of them is loaded for all of them, in one statement.

    The first sibling whose field is resolved loads that field for every sibling; the others find it here, by field and
    arguments. So a level costs one statement whatever its length, without look-ahead and without a dataloader.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self._loaded: dict[Hashable, Any] = {}

    def column(self, name: str) -> list[Any]:
        """What the rows have there."""
        rows = self.rows
        return rows.columns[name] if isinstance(rows, Rows) else [_value(row, name) for row in rows]

    @cached_property
    def places(self) -> dict[Any, int]:
        """Where each row stands among them."""
        return {row: place for place, row in enumerate(self.rows)}

    def once(self, key: Hashable, load: Callable[[], V]) -> V:
        """What `load` answers, asked only once for this level and `key`."""
        if key not in self._loaded:
            self._loaded[key] = load()
        found: V = self._loaded[key]
        return found


@strawberry.interface(description="A thing with an id that `node(id:)` finds again.")
class Node:
    """A row as the API shows it. Subclasses name their record and the actions that exist on it."""

    record: ClassVar[type[Record]]
    actions: ClassVar[tuple[Action, ...]]

    row: strawberry.Private[Any]
    level: strawberry.Private[Level]
    decided: strawberry.Private[bool] = False

    id: strawberry.ID = leaf(
        lambda self, info: encode_id(type(self).__name__, self.row.id),
        strawberry.ID,
        "Opaque and stable. Pass it back as it is.",
        many=lambda nodes, info: encode_ids(kind_of(nodes).__name__, values_of(nodes, "id")),
        columns=(),
    )

    viewer_can: list[Action] = leaf(
        lambda self, info: self.allowed(info.context),
        list[Action],
        "What you may do with it at this moment. What needs stepUp first (delete, export) appears after it.",
        columns=(),
    )

    def allowed(self, context: Context) -> list[Action]:
        """Those of its actions that the caller may do now."""
        row = self.row
        if not self.decided:
            row = lists.one(context, self.record, row.id, also=self.actions)
        return [action for action in self.actions if action.value in row.decisions]

    @classmethod
    def of(cls, row: Any) -> Self:
        """One row on its own."""
        return cls(row=row, level=Level([row]))

    @classmethod
    def also(cls, info: Info) -> tuple[Action, ...]:
        """The permissions to decide along with the rows, if the query asks for them."""
        return cls.actions if selects(info, "viewerCan") else ()

    @classmethod
    def fetch(cls, info: Info, row_id: uuid.UUID) -> Self:
        """The thing with this id. Raises `NotFound`."""
        also = cls.also(info)
        row = lists.one(info.context, cls.record, row_id, also=also)
        return cls(row=row, level=Level([row]), decided=bool(also))

    @classmethod
    def fetch_all(cls, info: Info, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Self]:
        """Those of the things with these ids that the caller may see, as siblings: one statement."""
        also = cls.also(info)
        found = lists.by_id(info.context, cls.record, ids, also=also)
        level = Level(list(found.values()))
        return {row_id: cls(row=row, level=level, decided=bool(also)) for row_id, row in found.items()}


class Nodes(Company):
    """Nodes of one kind and level, which is theirs from `begin` to `end`."""

    def __init__(self, kind: type[Node], level: Level, begin: int, end: int, *, decided: bool) -> None:
        self.origin = self.kind = kind
        self.level, self.decided = level, decided
        self._begin, self._end = begin, end

    def __len__(self) -> int:
        return self._end - self._begin

    def within(self, column: list[Any]) -> list[Any]:
        """Of what all of the level have, what these have."""
        return column if len(self) == len(column) else column[self._begin : self._end]

    def _make(self) -> list[Any]:
        kind, level, decided = self.kind, self.level, self.decided
        return [kind(row=row, level=level, decided=decided) for row in level.rows[self._begin : self._end]]


def kind_of(nodes: Sequence[Node]) -> type[Node]:
    """Of which kind these are. Raises ValueError for a mixed company."""
    if isinstance(nodes, Nodes):
        return nodes.kind
    [kind] = {*map(type, nodes)}
    return kind


def level_of(nodes: Sequence[Node]) -> Level:
    """The level of these. Raises ValueError for nodes that were not loaded together."""
    if isinstance(nodes, Nodes):
        return nodes.level
    level = nodes[0].level
    if any(node.level is not level for node in nodes):
        raise ValueError("not loaded together")
    return level


def values_of(nodes: Sequence[Any], column: str) -> list[Any]:
    """What the rows of these have there."""
    if isinstance(nodes, Nodes):
        return nodes.within(nodes.level.column(column))
    return [_value(node.row, column) for node in nodes]


def _value(row: Any, column: str) -> Any:
    loaded = row.__dict__  # what is there needs no detour through SQLAlchemy's instrumentation
    return loaded[column] if column in loaded else getattr(row, column)


def related(info: Info, nodes: Sequence[Node], kind: type[Node], column: str) -> list[Any]:
    """The thing that `column` names for each of these, loaded for all their siblings at once.

    None where the caller may not see it. Raises ValueError for nodes that were not loaded together.
    """
    also, siblings = kind.also(info), level_of(nodes)

    def load() -> tuple[dict[uuid.UUID, Any], Level]:
        wanted = {getattr(row, column) for row in siblings.rows} - {None}
        found = lists.by_id(info.context, kind.record, sorted(wanted), also=also)
        return found, Level(list(found.values()))

    found, level = siblings.once((kind, column, also), load)
    rows = [found.get(getattr(node.row, column)) for node in nodes]
    return [None if row is None else kind(row=row, level=level, decided=bool(also)) for row in rows]


def plain(column: str, kind: Any, description: str) -> Any:
    """A field that shows a column as it is."""

    def resolve(self: Any, info: Info) -> Any:
        return _value(self.row, column)

    return leaf(resolve, kind, description, many=lambda nodes, info: values_of(nodes, column), columns=(column,))


def sealed(column: str, kind: Any, description: str) -> Any:
    """A field that opens a sealed column, when it is selected and never before, for all siblings at once.

    Who may not open it reads null where `kind` has room for it, and is refused where it has not.
    """
    optional = type(None) in get_args(kind)
    key = ("opened", column)

    def resolve(self: Any, info: Info) -> Any:
        row, level = self.row, self.level
        if len(level.rows) > 1:
            found = level.once(key, lambda: lists.opened_all(info.context, level.rows, column))
            content = found[level.places[row]]
            if content is not lists.UNOPENED:
                return content
        if optional and not lists.may_open(row, column):
            return None
        return lists.opened(info.context, row, column)

    def opened(nodes: Sequence[Any], info: Info) -> list[Any]:
        level = level_of(nodes)
        found = level.once(key, lambda: lists.opened_all(info.context, level.rows, column))
        its = nodes.within(found) if isinstance(nodes, Nodes) else [found[level.places[node.row]] for node in nodes]
        if lists.UNOPENED in its:
            raise ValueError("one of them is to be asked by itself")
        return its

    return leaf(resolve, kind, description, many=opened, columns=(column,))


def reference(column: str, type_name: str, description: str, *, optional: bool = False) -> Any:
    """A field with the global id of another thing."""

    def resolve(self: Any, info: Info) -> Any:
        value = getattr(self.row, column)
        return None if value is None else encode_id(type_name, value)

    def references(nodes: Sequence[Any], info: Info) -> list[Any]:
        values = values_of(nodes, column)
        texts: dict[Any, Any] = {None: None}
        texts |= {value: encode_id(type_name, value) for value in {*values} - {None}}
        return [texts[value] for value in values]

    shown = strawberry.ID | None if optional else strawberry.ID
    return leaf(resolve, shown, description, many=references, columns=(column,))
