"""Worker threads for operations, with the least that the event loop has to do for each.

When an answer is there the loop wakes on a core that has not seen it: each step that it takes then is a slow one, and
the futures of asyncio and of its executors are a dozen steps. Here it is one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any


class Threads:
    """At most so many threads, each begun when it is first needed. They end with the last reference to this."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, "operation")

    async def run(self, function: Callable[[], Any]) -> Any:
        """What `function` answers, or raises, in one of the threads. Who is cancelled while waiting stops nothing."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._pool.submit(_work, loop, done, function)
        return await done


def _work(loop: asyncio.AbstractEventLoop, done: "asyncio.Future[Any]", function: Callable[[], Any]) -> None:
    answer, error = None, None
    try:
        answer = function()
    except BaseException as raised:
        error = raised
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_tell, done, answer, error)


def _tell(done: "asyncio.Future[Any]", answer: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(answer)
    else:
        done.set_exception(error)
