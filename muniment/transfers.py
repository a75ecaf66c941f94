"""Bytes in and out: uploads stream straight into encryption, downloads out of it. Tickets say who and what."""

import re
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import anyio.to_thread
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from muniment.requests import address_of
from policies.errors import Refused
from policies.principals import ANONYMOUS
from resolvers import assets, exports, tickets, uploads
from resolvers.assets import Download
from resolvers.context import Asking, Context
from resolvers.errors import BadInput, Conflict, TooLarge
from resolvers.house import House
from resolvers.identity import identify_bearer
from resolvers.tickets import Bearer, Purpose, Ticket
from resolvers.uploads import Upload
from schema.errors import coded_exception
from storage.ledger.events import UploadRefusal

T = TypeVar("T")

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_GATHER = 1024 * 1024
_ATTEMPTED = {Purpose.UPLOAD: "upload", Purpose.CONTENT: "download", Purpose.EXPORT: "download_export"}
_STATUS = {
    "BAD_USER_INPUT": 400,
    "CONFLICT": 409,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "PAYLOAD_TOO_LARGE": 413,
    "STEP_UP_REQUIRED": 403,
    "UNAUTHENTICATED": 401,
    "UNAVAILABLE": 503,
}


def routes() -> list[Route]:
    """Where bytes come and go."""
    return [
        Route("/uploads/{ticket}", upload, methods=["PUT"]),
        Route("/content/{ticket}", content, methods=["GET"]),
        Route("/exports/{ticket}", export, methods=["GET"]),
    ]


async def upload(request: Request) -> Response:
    """PUT an asset's bytes: no plaintext on disk, ever; nothing is left of a transfer that fails."""
    return await _coded(_upload, request)


async def content(request: Request) -> Response:
    """GET an asset's bytes, whole or a range."""
    return await _coded(_download, request, Purpose.CONTENT, assets.begin_download)


async def export(request: Request) -> Response:
    """GET an export's archive, whole or a range."""
    return await _coded(_download, request, Purpose.EXPORT, exports.begin_download)


async def _upload(request: Request) -> Response:
    context, ticket = await _in_thread(_admitted, request, Purpose.UPLOAD)
    transfer: Upload = await _in_thread(uploads.begin, context, ticket)
    try:
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > transfer.expected:
            raise TooLarge(f"More bytes are announced than the {transfer.expected} of byteSize.")
        async for part in _gathered(request):
            await _in_thread(transfer.write, part)
        asset = await _in_thread(transfer.finish)
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await _in_thread(_turn_away, context, transfer, error)
        raise
    return _json({"status": asset.status.value, "byteSize": asset.byte_size}, 201)


async def _gathered(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of about a mebibyte, so that a thread is crossed once for many small parts."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size >= _GATHER:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _turn_away(context: Context, transfer: Upload, error: BaseException) -> None:
    received = transfer.intake.received
    transfer.abort()
    reasons: dict[type[BaseException], UploadRefusal] = {
        TooLarge: UploadRefusal.TOO_LARGE,
        Conflict: UploadRefusal.ALREADY_UPLOADED,
    }
    if isinstance(error, Refused):
        return  # the refusal is in the trail already
    reason = reasons.get(type(error), UploadRefusal.TRUNCATED)
    if isinstance(error, BadInput) and error.field == "mediaType":
        reason = UploadRefusal.WRONG_TYPE
    uploads.refused(context, transfer.asset_id, reason, received)


async def _download(request: Request, purpose: Purpose, begin: Callable[..., Download]) -> Response:
    context, ticket = await _in_thread(_admitted, request, purpose)
    asked = _asked_range(request.headers.get("range"))
    found: Download = await _in_thread(lambda: begin(context, ticket, partial=asked is not None))
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
    reader = context.house.store.blobs.reader(found.blob_id, found.byte_size)
    pieces = reader.read(start, stop)
    first = await _in_thread(next, pieces, b"")  # a damaged blob is a coded error while it still can be one
    return StreamingResponse(_pieces(first, pieces, found.ask_again), status, headers, media_type=found.media_type)


async def _pieces(first: bytes, rest: Iterator[bytes], ask_again: Callable[[], None] | None) -> AsyncIterator[bytes]:
    """The bytes, for as long as they may be had: a right that ends on the way breaks the transfer off."""
    yield first
    while True:
        if ask_again is not None:
            await _in_thread(ask_again)
        gathered = await _in_thread(_gather, rest)
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


def _admitted(request: Request, purpose: Purpose) -> tuple[Context, Ticket]:
    house: House = request.app.state.house
    stranger = Asking(ANONYMOUS, ip_address=address_of(request), user_agent=request.headers.get("user-agent"))
    try:
        ticket = tickets.redeem(house.store.keyring, request.path_params["ticket"], purpose)
        return Context(house, _bearer(house, stranger, ticket), renew=lambda: _bearer(house, stranger, ticket)), ticket
    except Refused as refusal:
        Context(house, stranger).record_refusal(_ATTEMPTED[purpose], refusal)
        raise


def _bearer(house: House, asking: Asking, ticket: Ticket) -> Asking:
    """Who stands behind the ticket, now. Raises `NotFound` once they are signed out or their key has ended."""
    session = ticket.bearer_id if ticket.bearer is Bearer.SESSION else None
    return replace(asking, principal=identify_bearer(house, ticket), session_id=session)


async def _coded(answer: Callable[..., Any], *arguments: Any) -> Response:
    try:
        response: Response = await answer(*arguments)
    except ClientDisconnect:
        return Response(status_code=499)
    except Exception as error:
        formatted = coded_exception(error)
        return _json({"errors": [formatted]}, _STATUS.get(formatted["extensions"]["code"], 500))
    return response


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    return await anyio.to_thread.run_sync(function, *arguments)


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
