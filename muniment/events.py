"""Server-sent events: graphql-sse's distinct connections mode, one operation per request.

Each result is an event `next`, the end an event `complete`; a comment now and then keeps the connection open. What is
followed has its cursor as the event's id, so that a client that lost the connection goes on with `Last-Event-ID`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson

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
            said = formatted(result)
            place = said.get("extensions", {}).get("cursor")
            number = b"" if place is None else b"id: " + place.encode() + b"\n"
            yield b"event: next\n" + number + b"data: " + orjson.dumps(said) + b"\n\n"
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
