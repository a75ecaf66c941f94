"""How much each caller may ask for: a bucket of cost that fills again by and by, in this process's memory."""

import math
import threading
import time
from dataclasses import dataclass, field

_MANY = 10_000
"""So many buckets are kept; then those that are full again, which say nothing, are dropped."""


@dataclass(frozen=True)
class Charge:
    """What came of charging a caller. `retry_after` is in seconds, and None where the charge was met."""

    remaining: int
    retry_after: int | None = None


@dataclass
class Budgets:
    """One bucket per caller. A fresh one is full; it fills again within a minute."""

    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def charge(self, name: str, cost: int, per_minute: int) -> Charge:
        """Take `cost` from the bucket of `name`, if so much is in it; what exceeds a bucket empties a full one."""
        moment = time.monotonic()
        with self._lock:
            level, then = self._levels.get(name, (float(per_minute), moment))
            level = min(float(per_minute), level + (moment - then) * per_minute / 60)
            wanted = min(cost, per_minute)
            met = wanted <= level
            self._levels[name] = (level - wanted if met else level, moment)
            if len(self._levels) > _MANY:
                self._drop_full(moment, per_minute)
        if met:
            return Charge(int(level - wanted))
        return Charge(int(level), math.ceil((wanted - level) * 60 / per_minute))

    def _drop_full(self, moment: float, per_minute: int) -> None:
        for name, (level, then) in list(self._levels.items()):
            if level + (moment - then) * per_minute / 60 >= per_minute:
                del self._levels[name]
