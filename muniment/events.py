"""Server-sent events: graphql-sse's distinct connections mode, one operation per request.

Each result is an event `next`, the end an event `complete`; a comment now and then keeps the connection open.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE_SECONDS = 12.0
_KEEP_ALIVE = b":\n\n"
_COMPLETE = b"event: complete\ndata:\n\n"


async def told(source: Any) -> AsyncIterator[bytes]:
    """The results of an operation as events, until it ends or nobody listens any more."""
    pending: asyncio.Future[Any] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(source, None))
            done, _ = await asyncio.wait({pending}, timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield _KEEP_ALIVE
                continue
            result, pending = pending.result(), None
            if result is None:
                yield _COMPLETE
                return
            yield b"event: next\ndata: " + orjson.dumps(formatted(result)) + b"\n\n"
    finally:
        if pending is not None:
            pending.cancel()
            with suppress(asyncio.CancelledError):
                await pending
        await source.aclose()


def formatted(result: Any) -> dict[str, Any]:
    """One result as clients read it."""
    found: dict[str, Any] = {"data": result.data}
    if result.errors:
        found["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        found["extensions"] = result.extensions
    return found
