"""Pacing: so much at once that whoever waits for it hardly notices, and between two pieces time for everybody else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from agents.runtime import Agents

_AT_FIRST, _FEWEST, _MOST = 50, 20, 1000

_BURST = 0.004
"""Seconds that one piece should take: about as long as others need for a page or a mutation of their own."""

_LEFT, _LONGEST_PAUSE = 3, 1.0
"""How many times as long as that took is left to others, who wait for the same disk and the same locks; in seconds."""


class Pace:
    """How much is done at once, learned from how long that took the last time."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self._many = _AT_FIRST
        self._owed = 0.0

    @contextmanager
    def turn(self) -> Iterator[int]:
        """One piece, after the pause that is owed for the one before; yields of how many things it should be.

        Raises what `Agents.go_on` raises.
        """
        if self._owed:
            self._agents.pause(self._owed)
        self._agents.go_on()
        began = time.monotonic()
        yield self._many
        took = time.monotonic() - began
        self._owed = min(_LEFT * took, _LONGEST_PAUSE)
        if took > _BURST:
            self._many = min(max(self._many // 2, _FEWEST), self._many)
        elif took < _BURST / 2:
            self._many = min(self._many * 2, _MOST)
