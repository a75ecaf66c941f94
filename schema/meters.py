"""Bounds on what an operation may take while it runs: the size of its response, and its time.

Both stop the operation as a whole. An error of one field would leave the others to go on, with an error each.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from graphql import GraphQLError

from resolvers.errors import CodedError, CostExceeded

TOO_LARGE = "The response is larger than {} bytes. Ask for less at a time: smaller pages."
_OTHER_VALUE = 8
"""Bytes that a number, a truth value or null is counted as."""
_QUOTES = 2
_NAME = 4
"""Bytes around each name of a field: two quotes, a colon, a comma."""


class Stopped(BaseException):
    """Ends an operation. No Exception, so that it passes through what turns exceptions into errors of fields."""

    def __init__(self, error: CodedError) -> None:
        super().__init__(str(error))
        self.error = error


class Meter:
    """Counts the bytes of a response while it is built, and looks at the time. Not safe between threads."""

    def __init__(self, limit: float, ends: float, seconds: int) -> None:
        self._limit, self._ends, self._seconds = limit, ends, seconds
        self.size = 0

    def add(self, size: int) -> None:
        """Count bytes. Raises `Stopped` once there are more than the limit, and when the time is over."""
        self.size += size
        self.check_size(self.size)
        if time.monotonic() > self._ends:
            raise Stopped(
                CostExceeded(f"The operation was stopped after {self._seconds} seconds. Ask for less at a time.")
            )

    def check_size(self, size: int) -> None:
        """Raise `Stopped` for a response of so many bytes, where that is more than the limit."""
        if size > self._limit:
            raise Stopped(CostExceeded(TOO_LARGE.format(self._limit)))

    def add_objects(self, count: int, names: Iterable[str]) -> None:
        """Count so many objects with fields of these names, without their values."""
        self.add(count * (2 + sum(len(name) + _NAME for name in names)))

    def add_values(self, values: Sequence[Any]) -> None:
        """Count the values of a column: texts, numbers, lists of them, or nulls."""
        kinds = {*map(type, values)}
        if kinds == {str}:
            self.add(_bytes_of("".join(values)) + _QUOTES * len(values))
        elif kinds & {str, list, dict}:
            self.add(sum(map(_size_of, values)))
        else:
            self.add(_OTHER_VALUE * len(values))

    def add_value(self, value: Any) -> None:
        """Count one value."""
        self.add(_size_of(value))


def encode_data(result: Any, limit: float) -> None:
    """Replace the data of a result with its JSON (`orjson.Fragment`), or with an error where it is too large.

    Call it in the operation's thread: the event loop only copies what it sends.
    """
    if result.data is None:
        return
    written = orjson.dumps(result.data)
    if len(written) <= limit:
        result.data = orjson.Fragment(written)
        return
    error = CostExceeded(TOO_LARGE.format(limit))
    result.data, result.errors = None, [GraphQLError(str(error), original_error=error)]


def written_size(found: Any) -> int:
    """Return how large a response is when it is written out, where objects stand in it more than once.

    Each object is looked at once, so that this takes no longer than building it took.
    """
    known: dict[int, int] = {}

    def of_value(value: Any) -> int:
        if isinstance(value, list):
            return sum(map(of_value, value)) + len(value)
        if not isinstance(value, dict):
            return _size_of(value)
        size = known.get(id(value))
        if size is None:
            size = known[id(value)] = 2 + sum(len(name) + _NAME + of_value(below) for name, below in value.items())
        return size

    return of_value(found)


def _size_of(value: Any) -> int:
    if type(value) is str:
        return _bytes_of(value) + _QUOTES
    if isinstance(value, list):
        return sum(map(_size_of, value)) + _NAME * len(value)
    if isinstance(value, dict):  # of the scalar JSON
        return len(orjson.dumps(value, default=str))
    return _OTHER_VALUE


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
