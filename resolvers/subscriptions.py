"""Open subscriptions: how many one caller has in this process, and what each costs while it lasts."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from resolvers.errors import RateLimited, again_in

if TYPE_CHECKING:
    from resolvers.context import Context

LOOK_COST = 50
"""What one look costs at whether something has changed: about two milliseconds with its statements."""
_UNHURRIED = 10
"""With more subscriptions than these, a caller's wake up less often: all together, no more often than these would."""


class Subscriptions:
    """Counts the open subscriptions of each caller. Safe between threads."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def opened(self, context: "Context") -> Iterator[None]:
        """Count one more while the block runs. Raises `RateLimited` where the caller has as many as one may."""
        name, most = str(context.caller_id), context.limits.subscriptions_per_caller
        with self._lock:
            if self._open[name] >= most:
                raise RateLimited(f"You have {most} subscriptions here; end one before you start another.")
            self._open[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[name] -= 1
                if not self._open[name]:
                    del self._open[name]

    def pace(self, context: "Context") -> float:
        """By what factor each subscription of this caller has to wait longer before it looks again."""
        with self._lock:
            return max(1.0, self._open.get(str(context.caller_id), 0) / _UNHURRIED)


def charge(context: "Context", cost: int) -> None:
    """Charge a caller for what a subscription does next. Raises `RateLimited` where the budget is used up."""
    left = context.charge(cost)
    if left.retry_after is not None:
        raise RateLimited(
            f"Your budget of this minute is used up. {again_in(left.retry_after)}",
            retry_after=left.retry_after,
        )
