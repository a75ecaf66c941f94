"""Pacing: so much at once that whoever waits for it hardly notices, and between two pieces time for everybody else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from agents.runtime import Agents

_FEWEST, _MOST = 100, 1000
"""Things in a piece. With fewer, opening transactions and asking would take most of the time."""

_BURST = 0.01
"""Seconds that one piece should take."""

_LEFT, _LONGEST_PAUSE = 3, 0.1
"""How many times as long as that took is left to others, who wait for the same disk and the same locks; in seconds."""


class Pace:
    """How much is done at once, learned from how long that took the last time; at least `fewest` things."""

    def __init__(self, agents: Agents, fewest: int | None = None) -> None:
        self._agents = agents
        self._fewest = min(_FEWEST if fewest is None else fewest, _MOST)
        self._many = min(self._fewest * 2, _MOST)
        self._since = self._spent = self._owed = 0.0

    @contextmanager
    def turn(self) -> Iterator[int]:
        """One piece, after the pause that is owed for the one before; yields of how many things it should be.

        Raises what `Agents.go_on` raises.
        """
        self._wait()
        self._spent = 0.0
        yield self._many
        self._account()
        if self._spent > _BURST:
            self._many = max(self._many // 2, self._fewest)
        elif self._spent < _BURST / 2:
            self._many = min(self._many * 2, _MOST)

    def rest(self) -> None:
        """The pause between two transactions of one piece. Raises what `Agents.go_on` raises."""
        self._account()
        self._wait()

    def _account(self) -> None:
        took = time.monotonic() - self._since
        self._spent += took
        self._owed = min(_LEFT * took, _LONGEST_PAUSE)

    def _wait(self) -> None:
        if self._owed:
            self._agents.pause(self._owed)
        self._agents.go_on()
        self._owed, self._since = 0.0, time.monotonic()
