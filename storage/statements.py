"""Statements that come again and again: compiled once, and from then on sent as text with their parameters.

SQLAlchemy works out at each execution which of the statements it has compiled this one is, and what is to be done with
each parameter. For a statement that never differs but in its values that takes longer than the database does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, CursorResult, Dialect, Insert, Select, Update


class _Compiled(NamedTuple):
    text: str
    parameters: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    """By their places, and what makes of a value what the driver takes, where it is not the value itself."""
    constants: Mapping[str, Any]
    """The values that stand in the statement itself."""
    asked: tuple[tuple[str, Callable[[], Any]], ...]
    """What stands there to be asked at each execution anew: the time, by which a right has ended."""


class Beside(Protocol):
    """Rows that are written together with others: in one statement where the database takes several, else alone."""

    @property
    def statement(self) -> Insert:
        """One that is always the same object, for a database that takes several insertions in a statement."""

    @property
    def values(self) -> Mapping[str, Any]:
        """What its parameters are."""

    def write(self, connection: Connection) -> None:
        """Write them alone."""


class Fixed:
    """A statement that differs in nothing but the values of its `bindparam`s, of which none is a list to be in."""

    def __init__(self, statement: Insert | Update | Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute it with a value for each of its parameters. Raises KeyError where one is missing.

        Nothing is flushed before: what a session has yet to write, and this needs, is the caller's to flush. Of a
        SELECT the rows are as the driver has them; `Question` makes of them what the columns' types say.
        """
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.driver)
        if compiled is None:
            compiled = self._compiled[dialect.driver] = _compile(self._statement, dialect)
        text, parameters, constants, asked = compiled
        if constants or asked:
            values = {**values, **constants, **{name: ask() for name, ask in asked}}
        told = [values[name] if process is None else process(values[name]) for name, process in parameters]
        return connection.exec_driver_sql(text, tuple(told))


class Question:
    """A SELECT that differs in nothing but the values of its `bindparam`s, read column by column."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self.statement = statement
        self._fixed = Fixed(statement)
        self._types = [column.type for column in statement.selected_columns]
        self._processors: dict[str, list[Callable[[Any], Any] | None]] = {}

    def ask(self, connection: Connection, values: Mapping[str, Any]) -> "Answer":
        """The rows that it has with these values. Raises KeyError where one is missing; nothing is flushed before."""
        result = self._fixed.execute(connection, values)
        return Answer(tuple(result.keys()), result.all(), self._as_they_are(connection.dialect))

    def _as_they_are(self, dialect: Dialect) -> "list[Callable[[Any], Any] | None]":
        known = self._processors.get(dialect.driver)
        if known is None:
            known = [each.dialect_impl(dialect).result_processor(dialect, None) for each in self._types]
            self._processors[dialect.driver] = known
        return known


class Answer(NamedTuple):
    """Rows as the driver has them, and what makes of each of their columns what its type says."""

    names: tuple[str, ...]
    rows: Sequence[Any]
    processors: Sequence[Callable[[Any], Any] | None]

    def column(self, place: int) -> list[Any]:
        """What is in this column, row by row."""
        return self.converted(place, map(itemgetter(place), self.rows))

    def converted(self, place: int, raw: Iterable[Any]) -> list[Any]:
        """Values of this column that are as the driver has them, as its type says."""
        process = self.processors[place]
        return list(raw if process is None else map(process, raw))


def _compile(statement: Insert | Update | Select[*tuple[Any, ...]], dialect: Dialect) -> _Compiled:
    kind: Callable[..., Dialect] = type(dialect)
    by_place = dialect if dialect.positional else kind(paramstyle="format")
    made = statement.compile(dialect=by_place)
    if made.post_compile_params:
        raise TypeError("a statement with a list to be in differs in more than its values")
    bound = [made.binds[name] for name in made.positiontup or ()]
    return _Compiled(
        made.string,
        tuple((each.key, each.type.dialect_impl(dialect).bind_processor(dialect)) for each in bound),
        {each.key: each.value for each in bound if not each.required and each.callable is None},
        tuple({each.key: each.callable for each in bound if each.callable is not None}.items()),
    )
