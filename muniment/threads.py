"""Worker threads for operations, shared fairly among callers.

Each caller has a share: so many threads at once, and a queue of its own for what comes beyond. Threads that become free
go round the callers who wait, so that one caller's operations never delay another's beyond that share.

When a response is there the loop wakes on a core that has not seen it: each step that it takes then is a slow one, and
the futures of asyncio and of its executors are a dozen steps. Here it is one.
"""

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from resolvers.errors import RateLimited

QUEUE = 64
"""How many operations of one caller may wait for a thread; one more is refused."""
_REMEMBERED = 10_000


class _Job(NamedTuple):
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Any]"
    function: Callable[[], Any]


class _Share:
    """What one caller has under way, and what waits."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[_Job] = deque()


class Threads:
    """At most so many threads, each begun when it is first needed. They end with the last reference to this."""

    def __init__(self, most: int, per_caller: int | None = None) -> None:
        self._most = most
        self._per_caller = most if per_caller is None else min(per_caller, most)
        self._pool = ThreadPoolExecutor(most, "operation")
        self._lock = threading.Lock()
        self._running = 0
        self._shares: dict[str, _Share] = {}
        """Those of callers with anything under way: at most as many as there are connections."""
        self._turns: OrderedDict[str, _Share] = OrderedDict()
        """Those with anything that waits, the next one first."""
        self._names: OrderedDict[bytes, str] = OrderedDict()
        """The callers behind the credentials that were good last, by hashes of these."""

    async def run(self, function: Callable[[], Any], caller: str = "", *, queue: int | None = QUEUE) -> Any:
        """Return what `function` returns, or raise what it raises, in a thread of this caller's share.

        A caller who is cancelled while waiting stops nothing. Raises `RateLimited` where `queue` operations of the
        caller wait already; None: however many do.
        """
        loop = asyncio.get_running_loop()
        job = _Job(loop, loop.create_future(), function)
        with self._lock:
            share = self._shares.get(caller)
            if share is None:
                share = self._shares[caller] = _Share()
            begins = self._running < self._most and share.running < self._per_caller
            if begins:
                self._running += 1
                share.running += 1
            elif queue is not None and len(share.waiting) >= queue:
                raise RateLimited(
                    f"{queue} of your operations wait here already. Wait for their responses before you send more.",
                    retry_after=1,
                )
            else:
                share.waiting.append(job)
                self._turns[caller] = share
        if begins:
            self._pool.submit(self._work, caller, share, job)
        return await job.done

    def name_of(self, credential: bytes) -> str | None:
        """The caller behind a credential that was good lately, by its hash; None where it never was, or long ago."""
        with self._lock:
            return self._names.get(credential)

    def remember(self, credential: bytes, caller: str) -> None:
        """Note the caller behind a credential that has just been found good."""
        with self._lock:
            self._names[credential] = caller
            self._names.move_to_end(credential)
            while len(self._names) > _REMEMBERED:
                self._names.popitem(last=False)

    def waiting(self) -> int:
        """How many operations wait for a thread."""
        with self._lock:
            return sum(len(share.waiting) for share in self._turns.values())

    def _work(self, caller: str, share: _Share, job: _Job) -> None:
        turn: tuple[str, _Share, _Job] | None = (caller, share, job)
        del job
        while turn is not None:
            caller, share, _ = turn
            _run(turn[2])
            turn = self._next(caller, share)

    def _next(self, caller: str, share: _Share) -> tuple[str, _Share, _Job] | None:
        """What this thread does next, now that something of `share` has ended. None: nothing waits that may begin."""
        with self._lock:
            share.running -= 1
            if not share.running and not share.waiting:
                self._shares.pop(caller, None)
            # At most `most` callers have all the threads they may have: it is not looked further than that.
            name = next((name for name, each in self._turns.items() if each.running < self._per_caller), None)
            if name is None:
                self._running -= 1
                return None
            other = self._turns[name]
            other.running += 1
            job = other.waiting.popleft()
            if other.waiting:
                self._turns.move_to_end(name)
            else:
                del self._turns[name]
            return name, other, job


def _run(job: _Job) -> None:
    if job.done.cancelled():
        return
    result, error = None, None
    try:
        result = job.function()
    except BaseException as raised:
        error = raised
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        job.loop.call_soon_threadsafe(_finish, job.done, result, error)


def _finish(done: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
