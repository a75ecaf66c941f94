"""Bulkheads: how many threads may wait for one other server at a time, so that a slow one holds up nobody else.

Each call is bounded by a time-out of its own. While all places are taken, others wait for one a moment; once the oldest
call has lasted long, which a healthy server's does not, they are turned away at once.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):
    """As many threads wait for the server as may."""


class Bulkhead:
    """Places for calls to one server. Safe between threads."""

    def __init__(self, most: int, *, patience: float = 0.5, slow: float = 1.0) -> None:
        """At most `most` calls at a time; others wait `patience` seconds, and not once a call has lasted `slow`."""
        self._most = most
        self._patience = patience
        self._slow = slow
        self._calls: dict[int, float] = {}
        """When each call under way began (monotonic)."""
        self._number = 0
        self._changed = threading.Condition()
        self.refused = 0
        """How many calls were turned away."""

    @contextmanager
    def entered(self) -> Iterator[None]:
        """A place for the call that the block makes. Raises Busy."""
        number = self._enter()
        try:
            yield
        finally:
            with self._changed:
                del self._calls[number]
                self._changed.notify()

    def _enter(self) -> int:
        with self._changed:
            until = time.monotonic() + self._patience
            while len(self._calls) >= self._most:
                moment = time.monotonic()
                left = min(until, min(self._calls.values()) + self._slow) - moment
                if left <= 0:
                    self.refused += 1
                    raise Busy
                self._changed.wait(left)
            self._number += 1
            self._calls[self._number] = time.monotonic()
            return self._number
