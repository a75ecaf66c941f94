"""Statements that come with every change: compiled once, and from then on sent as text with their parameters.

SQLAlchemy works out at each execution which of the statements it has compiled this one is, and what is to be done with
each parameter. For a statement that never differs but in its values that takes longer than the database does.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, CursorResult, Dialect, Insert, Update


class _Compiled(NamedTuple):
    text: str
    parameters: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    """By their places, and what makes of a value what the driver takes, where it is not the value itself."""


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
    """A statement whose parameters are all named by `bindparam`, without a value, and none of them a list to be in."""

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute it with a value for each of its parameters. Raises KeyError where one is missing.

        Nothing is flushed before: what a session has yet to write, and this needs, is the caller's to flush.
        """
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.driver)
        if compiled is None:
            compiled = self._compiled[dialect.driver] = _compile(self._statement, dialect)
        told = [values[name] if process is None else process(values[name]) for name, process in compiled.parameters]
        return connection.exec_driver_sql(compiled.text, tuple(told))


def _compile(statement: Insert | Update, dialect: Dialect) -> _Compiled:
    kind: Callable[..., Dialect] = type(dialect)
    by_place = dialect if dialect.positional else kind(paramstyle="format")
    made = statement.compile(dialect=by_place)
    bound = [made.binds[name] for name in made.positiontup or ()]
    return _Compiled(
        made.string, tuple((each.key, each.type.dialect_impl(dialect).bind_processor(dialect)) for each in bound)
    )
