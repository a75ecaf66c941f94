"""Operations run in a few threads of their own: whoever waits hears of it, and whoever does not wait stops nothing."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from muniment import threads as threads_of_callers
from muniment.threads import Threads
from resolvers.errors import RateLimited

pytestmark = pytest.mark.anyio


async def test_what_is_answered_and_what_is_raised_arrives() -> None:
    """From a thread that is not the loop's; also what is no Exception."""
    threads = Threads(2)
    assert await threads.run(threading.get_ident) != threading.get_ident()

    def fail() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await threads.run(fail)
    assert await threads.run(lambda: "still there") == "still there"


async def test_no_more_run_at_once_than_were_asked_for() -> None:
    """The others wait, and come after."""
    threads, go, running, most = Threads(2), threading.Event(), [0], [0]
    counting, begun = threading.Lock(), threading.Semaphore(0)

    def work() -> None:
        with counting:
            running[0] += 1
            most[0] = max(most[0], running[0])
        begun.release()
        go.wait(30)
        with counting:
            running[0] -= 1

    waiting = [asyncio.ensure_future(threads.run(work)) for _ in range(5)]
    for _ in range(2):
        assert await asyncio.to_thread(begun.acquire, timeout=30)
    go.set()
    await asyncio.gather(*waiting)
    assert (most[0], running[0]) == (2, 0)


async def test_whoever_is_cancelled_while_waiting_stops_nothing() -> None:
    """The operation goes on to its end, and its answer goes nowhere."""
    threads, begun, go, ended = Threads(1), threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(30)
        ended.set()

    waiting = asyncio.ensure_future(threads.run(work))
    assert await asyncio.to_thread(begun.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    assert await threads.run(ended.is_set)


class Held:
    """Work that begins, says so, and waits until it may end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._started, self._go = threading.Semaphore(0), threading.Semaphore(0)

    def work(self, name: str) -> Callable[[], str]:
        def run() -> str:
            self.begun.append(name)
            self._started.release()
            assert self._go.acquire(timeout=30)
            return name

        return run

    async def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert await asyncio.to_thread(self._started.acquire, timeout=30)

    def end(self, number: int) -> None:
        self._go.release(number)


async def test_one_caller_has_a_share_and_others_have_the_rest() -> None:
    """Fifty operations of one caller hold two threads of eight; one of another's begins at once and ends first."""
    threads, held = Threads(8, 2), Held()
    greedy = [asyncio.ensure_future(threads.run(held.work("greedy"), "greedy")) for _ in range(50)]
    await held.wait_for(2)
    assert threads.waiting() == 48
    assert await threads.run(lambda: list(held.begun), "other") == ["greedy", "greedy"]
    others = [asyncio.ensure_future(threads.run(held.work(f"other {n}"), f"other {n}")) for n in range(6)]
    await held.wait_for(6)
    assert held.begun.count("greedy") == 2
    held.end(56)
    assert {await each for each in others} == {f"other {n}" for n in range(6)}
    await asyncio.gather(*greedy)
    await asyncio.to_thread(threads._pool.shutdown)  # a thread gives its answer before it looks for more to do
    assert (threads.waiting(), threads._running, threads._shares) == (0, 0, {})


async def test_threads_go_round_those_who_wait() -> None:
    """Where all threads are taken, whoever has just one operation waits for one of each other's, and not for all."""
    threads, held = Threads(1, 1), Held()
    first = asyncio.ensure_future(threads.run(held.work("a0"), "a"))
    await held.wait_for(1)
    waiting = [asyncio.ensure_future(threads.run(held.work(f"a{n}"), "a")) for n in range(1, 21)]
    waiting += [asyncio.ensure_future(threads.run(held.work(name), name)) for name in ("b", "c")]
    await asyncio.sleep(0)
    held.end(23)
    await asyncio.gather(first, *waiting)
    assert held.begun[:5] == ["a0", "a1", "b", "c", "a2"]


async def test_a_callers_queue_has_an_end() -> None:
    """What exceeds it is refused at once with when to come back, and runs never; what others send is not."""
    threads, held = Threads(4, 1), Held()
    under_way = [asyncio.ensure_future(threads.run(held.work("a"), "a", queue=3)) for _ in range(4)]
    await held.wait_for(1)
    with pytest.raises(RateLimited) as refused:
        await threads.run(held.work("too many"), "a", queue=3)
    assert refused.value.retry_after == 1
    further = asyncio.ensure_future(threads.run(held.work("a"), "a", queue=None))
    assert await threads.run(lambda: "b", "b") == "b"
    held.end(5)
    await asyncio.gather(*under_way, further)
    assert held.begun == ["a"] * 5


async def test_who_has_left_takes_no_thread() -> None:
    """An operation that was cancelled while it waited never begins, and the one behind it does."""
    threads, held = Threads(1), Held()
    first = asyncio.ensure_future(threads.run(held.work("first"), "a"))
    await held.wait_for(1)
    gone, last = (asyncio.ensure_future(threads.run(held.work(name), "a")) for name in ("gone", "last"))
    await asyncio.sleep(0)
    gone.cancel()
    held.end(2)
    await asyncio.gather(first, last)
    assert held.begun == ["first", "last"]


def test_credentials_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest so many; the oldest are forgotten."""
    monkeypatch.setattr(threads_of_callers, "_REMEMBERED", 3)
    threads = Threads(1)
    for number in range(5):
        threads.remember(bytes([number]), f"caller {number}")
    assert [threads.name_of(bytes([number])) for number in range(5)] == [None, None, "caller 2", "caller 3", "caller 4"]
