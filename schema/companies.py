"""Things of one class that are asked together: one call for all, and each is made only when it is asked by itself.

A level of a nested page is hundreds of nodes with an edge around each. To make them takes as long as to answer them.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload


class Below(NamedTuple):
    """What an attribute of all of a company leads to."""

    things: "Company"
    places: Sequence[tuple[int, int]] | None
    """Where among these the list of each begins and ends; None: there is one for each."""


class Company(Sequence[Any]):
    """Several things, all of exactly the class `origin`."""

    origin: type

    def below(self, name: str) -> Below | None:
        """What the field of this name leads to for all of them; None: each is to be asked for it."""

    @abstractmethod
    def _make(self) -> list[Any]:
        """Each of them, by itself."""

    @cached_property
    def _made(self) -> list[Any]:
        return self._make()

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        return self._made[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._made)


def are(things: Sequence[Any], origins: frozenset[type]) -> bool:
    """Whether each of these is of exactly one of these classes."""
    return things.origin in origins if isinstance(things, Company) else origins.issuperset(map(type, things))
