"""Operations run in a few threads of their own: whoever waits hears of it, and whoever does not wait stops nothing."""

import asyncio
import threading

import pytest

from muniment.threads import Threads

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
