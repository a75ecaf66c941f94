"""Loading no more than a process has a use for, where a library would do more by itself."""

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, cast

_WRITER = "_create_fn"
"""What takes the source of a method and answers the function, in Python 3.11 and 3.12. The name is private: where it is
missing everything is compiled at once, as ever.
"""


@contextmanager
def methods_deferred() -> Iterator[None]:
    """The methods that `dataclasses` writes for classes made in the block are compiled when they are first asked for.

    Of the four thousand that a server loads, of its own classes and of its libraries', most never run: a type of
    GraphQL is not compared, an event has no hash. Compiling all of them was a sixth of what a start takes.
    """
    write = getattr(dataclasses, _WRITER, None)
    if write is None:
        yield
        return
    setattr(dataclasses, _WRITER, lambda *given, **named: _Method(write, given, named))
    try:
        yield
    finally:
        setattr(dataclasses, _WRITER, write)


@contextmanager
def without(*libraries: str) -> Iterator[None]:
    """What is imported in the block finds none of these installed, and does without them as it would then."""
    loaded = {name: sys.modules[name] for name in libraries if name in sys.modules}
    sys.modules.update(dict.fromkeys(libraries))  # type: ignore[arg-type]  # None: there is no such module
    try:
        yield
    finally:
        for name in libraries:
            del sys.modules[name]
        sys.modules.update(loaded)


class _Method:
    # Stands in a class in place of a method. Whatever asks the class for it, be it a call or the interpreter itself,
    # gets the function, which from then on stands there itself. Two threads may both compile: either function will do.

    __slots__ = ("__name__", "_given", "_made", "_named", "_write")

    def __init__(self, write: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.__name__: str = given[0]
        self._write, self._given, self._named = write, given, named
        self._made: FunctionType | None = None

    def __get__(self, instance: object, owner: type) -> Any:
        function = self._function()
        for kind in owner.__mro__:
            if kind.__dict__.get(self.__name__) is self:
                function.__qualname__ = f"{kind.__qualname__}.{self.__name__}"
                setattr(kind, self.__name__, function)
        return function.__get__(instance, owner)

    def __call__(self, *given: Any, **named: Any) -> Any:  # by what `dataclasses` itself wraps around a `__repr__`
        return self._function()(*given, **named)

    def _function(self) -> FunctionType:
        if self._made is None:
            self._made = cast(FunctionType, self._write(*self._given, **self._named))
        return self._made
