"""Bytes out, straight from encryption, whole or in ranges; `uploads` takes them in. Tickets say who and what."""

import re
import urllib.parse
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from muniment import uploads
from muniment.admissions import admitted, coded, enter_transfers, in_thread
from resolvers import assets, exports
from resolvers.assets import Download
from resolvers.context import Context
from resolvers.tickets import Purpose
from storage.blobs.errors import BlobDamaged

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_GATHER = 1024 * 1024


def routes() -> list[Route]:
    """Where bytes come and go."""
    return [
        *uploads.routes(),
        Route("/content/{ticket}", content, methods=["GET"]),
        Route("/exports/{ticket}", export, methods=["GET"]),
        Route("/thumbnails/{ticket}", thumbnail, methods=["GET"]),
    ]


async def content(request: Request) -> Response:
    """GET an asset's bytes, whole or a range."""
    return await coded(_download, request, Purpose.CONTENT, assets.begin_download)


async def thumbnail(request: Request) -> Response:
    """GET the small picture of an image."""
    return await coded(_download, request, Purpose.THUMBNAIL, assets.begin_thumbnail)


async def export(request: Request) -> Response:
    """GET an export's archive, whole or a range."""
    return await coded(_download, request, Purpose.EXPORT, exports.begin_download)


async def _download(request: Request, purpose: Purpose, begin: Callable[..., Download]) -> Response:
    context, ticket = await in_thread(admitted, request, purpose)
    leave = enter_transfers(request, context)
    response: Response | None = None
    try:
        response = await _found(request, context, partial(begin, context, ticket), leave)
    finally:
        if not isinstance(response, _Content):
            leave()
    return response


async def _found(
    request: Request, context: Context, begin: Callable[..., Download], leave: Callable[[], None]
) -> Response:
    asked = _asked_range(request.headers.get("range"))
    found: Download = await in_thread(lambda: begin(partial=asked is not None))
    span = (0, found.byte_size) if asked is None else _span(*asked, found.byte_size)
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": f"attachment; filename*=UTF-8''{urllib.parse.quote(found.file_name, safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    if span is None:
        return Response(status_code=416, headers={"content-range": f"bytes */{found.byte_size}"})
    start, stop = span
    headers["content-length"] = str(stop - start)
    status = 200
    if asked is not None:
        status = 206
        headers["content-range"] = f"bytes {start}-{stop - 1}/{found.byte_size}"
    pieces = _opened(context, found, start, stop)
    first = await in_thread(next, pieces, b"")  # a damaged blob is a coded error while it still can be one
    content = _pieces(first, pieces, found.ask_again)
    return _Content(pieces, leave, content, status, headers, media_type=found.media_type)


class _Content(StreamingResponse):
    """The bytes of a file, which is closed however the response ends."""

    def __init__(self, opened: Generator[bytes], leave: Callable[[], None], *arguments: Any, **given: Any) -> None:
        super().__init__(*arguments, **given)
        self._opened, self._leave = opened, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()
            with anyio.CancelScope(shield=True):
                await in_thread(self._opened.close)


def _opened(context: Context, found: Download, start: int, stop: int) -> Generator[bytes]:
    """The bytes, piece by piece. Raises what reading a blob does; that one is damaged is recorded first."""
    try:
        yield from context.house.store.blobs.reader(found.blob_id, found.byte_size, found.file).read(start, stop)
    except BlobDamaged as error:
        context.file_is_damaged(found.blob_id, error)
        raise


async def _pieces(first: bytes, rest: Iterator[bytes], ask_again: Callable[[], None] | None) -> AsyncIterator[bytes]:
    """The bytes, for as long as they may be had: a right that ends on the way breaks the transfer off."""
    yield first
    while True:
        if ask_again is not None:
            await in_thread(ask_again)
        gathered = await in_thread(_gather, rest)
        if not gathered:
            return
        yield gathered


def _gather(pieces: Iterator[bytes]) -> bytes:
    parts, size = [], 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= _GATHER:
            break
    return b"".join(parts)


def _asked_range(header: str | None) -> tuple[int | None, int | None] | None:
    """First and last byte of the one range asked for; None where there is none, several, or one that means nothing.

    What means nothing is ignored, and the whole is sent (RFC 9110, 14.1.1 and 14.2).
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    first, last = (int(each) if each else None for each in found.groups())
    if first is None:
        return None if last is None else (None, last)
    return None if last is not None and last < first else (first, last)


def _span(first: int | None, last: int | None, size: int) -> tuple[int, int] | None:
    """First byte and the one past the last (RFC 9110, 14.1.2); None where the range lies beyond the end."""
    if first is None:
        return (max(0, size - last), size) if last else None
    return (first, size if last is None else min(size, last + 1)) if first < size else None
