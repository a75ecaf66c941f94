"""Whether the clock on the wall is to be believed: what is destroyed because a clock was wrong does not come back.

Three things are held against it: the moment of the last believed sweep, which time never precedes; the monotonic clock
of this process, with which it must keep pace; and, after a start, how long nobody swept. A clock that went back is not
believed before it has caught up. One that leapt ahead is believed once it has kept pace for a day from there.
"""

import enum
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from storage.clock import now

TOLERANCE = timedelta(minutes=2)
"""How far the clock may be put right between two looks: more is a leap."""
LONGEST_GAP = timedelta(hours=12)
"""How long nobody may have swept before a start: longer may be a leap, which nothing here can tell from a rest."""
QUARANTINE = timedelta(days=1)


class Verdict(enum.StrEnum):
    """What is to be thought of the clock."""

    SOUND = "SOUND"
    WENT_BACK = "WENT_BACK"
    LEAPT_AHEAD = "LEAPT_AHEAD"


class Clock:
    """The wall's clock, under observation by one process."""

    def __init__(self, wall: Callable[[], datetime] = now, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._last: tuple[datetime, float] | None = None
        self._distrusted_until: float | None = None

    def read(self, swept_at: datetime | None) -> tuple[datetime, Verdict]:
        """The moment, and whether it may be acted on. `swept_at` is when the last believed sweep was."""
        moment, steady = self._wall(), self._steady()
        last, self._last = self._last, (moment, steady)
        if swept_at is not None and moment < swept_at:
            return moment, Verdict.WENT_BACK
        if last is None:
            leapt = swept_at is not None and moment - swept_at > LONGEST_GAP
        else:
            leapt = abs(moment - last[0] - timedelta(seconds=steady - last[1])) > TOLERANCE
        if leapt:
            self._distrusted_until = steady + QUARANTINE.total_seconds()
        if self._distrusted_until is not None and steady < self._distrusted_until:
            return moment, Verdict.LEAPT_AHEAD
        self._distrusted_until = None
        return moment, Verdict.SOUND
