"""Pacing: so much at once that whoever waits for it hardly notices, and between two pieces time for everybody else.

What is done in this process shares its interpreter with those who are being answered in it. A page needs it for a
millisecond or two, and a piece for several: so a piece also gives way in its middle, to whoever reads at that moment.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from agents.runtime import Agents

_FEWEST, _MOST = 100, 1000
"""Things in a piece. With fewer, opening transactions and asking would take most of the time."""

_BURST = 0.01
"""Seconds that one piece should take."""

_LEFT, _LONGEST_PAUSE = 4, 0.1
"""How many times as long as that took is left to others, who wait for the same disk and the same locks; in seconds."""


_WAY, _WAY_IN_TRANSACTION, _LOOK = 0.02, 0.005, 0.001
"""Seconds for which those who read are let pass at most, before a transaction and in its middle; and between looks."""

_TURN = 0.0005
"""Seconds after which whoever waits for the interpreter has it while a piece is at work. Python's own are ten times as
many: a page that came in the middle of a piece would wait for nearly all of it."""


class _Turns:
    """How long a thread keeps the interpreter from others: shorter while anybody is in it, as it was after the last."""

    def __init__(self) -> None:
        self._inside, self._usual = 0, sys.getswitchinterval()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(_TURN, self._usual))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._usual)


_short_turns = _Turns()


class Pace:
    """How much is done at once, learned from how long that took the last time; at least `fewest` things."""

    def __init__(self, agents: Agents, fewest: int | None = None) -> None:
        self._agents = agents
        self._fewest = min(_FEWEST if fewest is None else fewest, _MOST)
        self._many = min(self._fewest * 2, _MOST)
        self._since = self._spent = self._owed = self._waited = 0.0

    @contextmanager
    def turn(self) -> Iterator[int]:
        """One piece, after the pause that is owed for the one before; yields of how many things it should be.

        Raises what `Agents.go_on` raises.
        """
        self._wait()
        self._spent = 0.0
        with _short_turns:
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

    def give_way(self) -> None:
        """In the middle of a transaction: let pass whoever reads, unless somebody waits for what it has locked."""
        began = time.monotonic()
        store, traffic = self._agents.store, self._agents.store.traffic
        while traffic.reading and not (store.one_writer and traffic.changing):
            if time.monotonic() - began > _WAY_IN_TRANSACTION:
                break
            time.sleep(_LOOK)
        self._waited += time.monotonic() - began

    def _account(self) -> None:
        took = time.monotonic() - self._since - self._waited
        self._spent += took
        self._owed = min(_LEFT * took, _LONGEST_PAUSE)

    def _wait(self) -> None:
        if self._owed:
            self._agents.pause(self._owed)
        ends = time.monotonic() + _WAY
        while self._agents.store.traffic.reading and time.monotonic() < ends:
            self._agents.pause(_LOOK)
        self._agents.go_on()
        self._owed = self._waited = 0.0
        self._since = time.monotonic()
