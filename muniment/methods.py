"""The methods that `dataclasses` writes for a class, compiled when they are first asked for.

Of the four thousand that a server loads, of its own classes and of its libraries', most never run: a type of GraphQL is
not compared, an event is not ordered. Compiling all of them was a sixth of what a start takes.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, cast

_WRITER = "_create_fn"
"""What takes the source of a method and answers the function, in Python 3.11 and 3.12. The name is private: where it is
missing everything is compiled at once, as ever.
"""


@contextmanager
def deferred() -> Iterator[None]:
    """Of dataclasses that are made while the block runs, methods are compiled when they are first asked for."""
    write = getattr(dataclasses, _WRITER, None)
    if write is None:
        yield
        return
    setattr(dataclasses, _WRITER, lambda *given, **named: _Method(write, given, named))
    try:
        yield
    finally:
        setattr(dataclasses, _WRITER, write)


class _Method:
    # Stands in a class in place of a method. Whatever asks the class for it, be it a call or the interpreter itself,
    # gets the function, which from then on stands there itself. Two threads may both compile: either function will do.

    __slots__ = ("__name__", "_made", "_named", "_given", "_write")

    def __init__(self, write: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.__name__: str = given[0]
        self._write, self._given, self._named = write, given, named
        self._made: FunctionType | None = None

    def __get__(self, instance: object, owner: type) -> Any:
        function = self._function()
        for kind in owner.__mro__:
            if vars(kind).get(self.__name__) is self:
                function.__qualname__ = f"{kind.__qualname__}.{self.__name__}"
                setattr(kind, self.__name__, function)
        return function.__get__(instance, owner)

    def __call__(self, *given: Any, **named: Any) -> Any:  # by what `dataclasses` itself wraps around a `__repr__`
        return self._function()(*given, **named)

    def _function(self) -> FunctionType:
        if self._made is None:
            self._made = cast(FunctionType, self._write(*self._given, **self._named))
        return self._made
