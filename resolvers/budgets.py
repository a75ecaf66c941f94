"""How much each caller may ask for: a bucket of cost that fills again by and by, in this process's memory.

`muniment.budgets` has some that several processes share.
"""

import math
import threading
import time
from dataclasses import dataclass, field

import structlog

_MANY = 10_000
"""So many buckets are kept; then those that are full again, which say nothing, are dropped. Where most are not, it is
looked again when there are twice as many: to go through them takes the time of whoever asks."""
_MOST = 200_000
"""No more are kept: then the fuller half is dropped, and counts as full again."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Charge:
    """What came of charging a caller. `retry_after` is in seconds, and None where the charge was met."""

    remaining: int
    retry_after: int | None = None


@dataclass
class Budgets:
    """One bucket per caller. A fresh one is full; it fills again within a minute."""

    _levels: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    """What is in each, since when, and what it holds when it is full: not all are of one size."""
    _look_at: int = _MANY
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def charge(self, name: str, cost: int, per_minute: int) -> Charge:
        """Take `cost` from the bucket of `name`, if so much is in it; what exceeds a bucket empties a full one."""
        moment = time.monotonic()
        with self._lock:
            level, then, _ = self._levels.get(name, (float(per_minute), moment, per_minute))
            level = min(float(per_minute), level + (moment - then) * per_minute / 60)
            charge, left = outcome(level, cost, per_minute)
            self._keep(name, left, moment, per_minute)
        return charge

    def learn(self, name: str, level: float, per_minute: int) -> None:
        """So much is in the bucket of `name` at this moment, as somebody else has counted."""
        with self._lock:
            self._keep(name, level, time.monotonic(), per_minute)

    def _keep(self, name: str, level: float, moment: float, per_minute: int) -> None:
        self._levels[name] = (level, moment, per_minute)
        if len(self._levels) > self._look_at:
            self._drop_full(moment)
            if len(self._levels) > _MOST // 2:
                self._drop_half(moment)
            self._look_at = max(_MANY, 2 * len(self._levels))

    def _drop_full(self, moment: float) -> None:
        for name, (level, then, per_minute) in list(self._levels.items()):
            if level + (moment - then) * per_minute / 60 >= per_minute:
                del self._levels[name]

    def _drop_half(self, moment: float) -> None:
        """Keep the emptier half: addresses are easily had, so a bucket that was hardly used says little."""
        kept = sorted(self._levels, key=lambda name: _missing(self._levels[name], moment), reverse=True)[: _MOST // 4]
        _log.warning("budgets.dropped", dropped=len(self._levels) - len(kept))
        self._levels = {name: self._levels[name] for name in kept}


def _missing(bucket: tuple[float, float, int], moment: float) -> float:
    """Which part of a bucket is not there."""
    level, then, per_minute = bucket
    return 1 - (level + (moment - then) * per_minute / 60) / per_minute


def outcome(level: float, cost: int, per_minute: int) -> tuple[Charge, float]:
    """What comes of charging `cost` to a bucket that holds `level`, and what is in it afterwards."""
    wanted = min(cost, per_minute)
    if wanted <= level:
        return Charge(int(level - wanted)), level - wanted
    return Charge(int(level), math.ceil((wanted - level) * 60 / per_minute)), level
