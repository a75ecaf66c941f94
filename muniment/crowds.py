"""How many connections one caller may hold open: counted in this process, and where there is a place for it, in all."""

import queue
import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from muniment.tallies import Tallies
from resolvers.errors import RateLimited

_LEASE_SECONDS = 60
"""How long a connection counts in other processes that nobody renews: the process that held it was killed."""
_RENEW_SECONDS = 20

# Places of one caller are members of a sorted set, by the moment at which they end.
# ARGV: the lease in seconds, how many there may be (0: only renew), the places.
_ENTER = """
local time = redis.call('TIME')
local moment = tonumber(time[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', moment)
local most = tonumber(ARGV[2])
if most > 0 and redis.call('ZCARD', KEYS[1]) >= most then return 0 end
for number = 3, #ARGV do redis.call('ZADD', KEYS[1], moment + tonumber(ARGV[1]), ARGV[number]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
_LEAVE = "return redis.call('ZREM', KEYS[1], ARGV[1])"


class Crowd:
    """Counts the open connections of each caller. Safe between threads."""

    def __init__(self, most: int, kind: str = "streams") -> None:
        self._most = most
        self._kind = kind
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._shared: _Places | None = None

    def enter(self, name: str) -> None:
        """One connection more; may wait for the other processes' count, so call it in a worker thread.

        Raises `RateLimited` where the caller holds as many as one may.
        """
        with self._lock:
            full = self._open[name] >= self._most
            if not full:
                self._open[name] += 1
        if not full and (self._shared is None or self._shared.enter(name, self._most)):
            return
        if not full:
            self._one_less(name)
        raise RateLimited(f"You hold {self._most} open {self._kind} here; close one before you open another.")

    def size(self) -> int:
        """How many connections are open in this process."""
        with self._lock:
            return self._open.total()

    def leave(self, name: str | None) -> None:
        """One connection less; None was never counted. Waits for nobody."""
        if name is None:
            return
        self._one_less(name)
        if self._shared is not None:
            self._shared.leave(name)

    def _one_less(self, name: str) -> None:
        with self._lock:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    @contextmanager
    def sharing(self, tallies: Tallies) -> Iterator[None]:
        """Count together with other processes while the block runs."""
        self._shared = _Places(tallies)
        try:
            yield
        finally:
            places, self._shared = self._shared, None
            places.close()


class _Places:
    """The places that this process's connections hold among all; a thread renews them, and gives them back."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._enter, self._leave = tallies.script(_ENTER), tallies.script(_LEAVE)
        self._held: defaultdict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()
        self._gone: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._keep, name="crowd", daemon=True)
        self._thread.start()

    def enter(self, name: str, most: int) -> bool:
        """Whether there is room. Without an answer there is: this process's own count holds, and this place with it."""
        place = uuid.uuid4().hex
        if self._tallies.ask(self._enter, f"crowd {name}", (_LEASE_SECONDS, most, place)) == 0:
            return False
        with self._lock:
            self._held[name].append(place)
        return True

    def leave(self, name: str) -> None:
        with self._lock:
            held = self._held.get(name)
            if not held:
                return
            place = held.pop()
            if not held:
                del self._held[name]
        self._gone.put((name, place))

    def close(self) -> None:
        """Give back every place."""
        with self._lock:
            held, self._held = self._held, defaultdict(list)
        for name, places in held.items():
            for place in places:
                self._gone.put((name, place))
        self._gone.put(None)
        self._thread.join(timeout=30)

    def _keep(self) -> None:
        while True:
            try:
                gone = self._gone.get(timeout=_RENEW_SECONDS)
            except queue.Empty:
                self.renew()
                continue
            if gone is None:
                return
            name, place = gone
            self._tallies.ask(self._leave, f"crowd {name}", (place,))

    def renew(self) -> None:
        """Every place for another while; those that were taken when nobody answered come to be counted."""
        with self._lock:
            held = {name: list(places) for name, places in self._held.items()}
        for name, places in held.items():
            self._tallies.ask(self._enter, f"crowd {name}", (_LEASE_SECONDS, 0, *places))
