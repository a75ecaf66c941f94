"""Bytes in, straight into encryption: in one transfer (PUT), or in several that survive a lost connection (tus 1.0).

HEAD asks how many bytes are kept for good, PATCH appends from there. What one transfer brought is kept when it breaks
off; the next goes on with the same ticket or a fresh one (`asset.uploadUrl`), on this process or its successor.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from muniment.admissions import admitted, as_json, coded, enter_transfers, in_thread
from muniment.requests import announced_size
from policies.errors import Refused
from resolvers import resumable_uploads, uploads
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, LockedDown, TooLarge
from resolvers.repeated_uploads import RepeatedUpload
from resolvers.resumable_uploads import ResumableUpload
from resolvers.tickets import Purpose, Ticket
from resolvers.uploads import Upload
from storage.ledger.events import UploadRefusal

_GATHER = 1024 * 1024
_SAVE_EVERY = 16 * 1024 * 1024
"""Bytes after which a long transfer is made durable: so much is sent again at most after a crash."""
_SILENCE_SECONDS = 60.0
"""How long a sender may be silent before somebody else may go on: a lost connection looks like that."""
_PATCH_TYPE = "application/offset+octet-stream"
_OFFSET = re.compile(r"[0-9]{1,18}")
_TUS = {"tus-resumable": "1.0.0", "cache-control": "no-store"}


def routes() -> list[Route]:
    """Where bytes come in."""
    return [Route("/uploads/{ticket}", upload, methods=["PUT", "HEAD", "PATCH", "OPTIONS"])]


async def upload(request: Request) -> Response:
    """An asset's bytes: no plaintext on disk, ever; nothing is visible of a transfer before all of it has come."""
    if request.method == "OPTIONS":
        limit = request.app.state.house.limits.upload_bytes
        return Response(status_code=204, headers={**_TUS, "tus-version": "1.0.0", "tus-max-size": str(limit)})
    if request.method == "PUT":
        return await coded(_counted, _whole, request)
    if request.headers.get("tus-resumable", "1.0.0") != "1.0.0":
        return Response(status_code=412, headers={"tus-version": "1.0.0"})
    head = request.method == "HEAD"
    answer = await (coded(_ask, request) if head else coded(_counted, _append, request))
    answer.headers.update(_TUS)
    return answer


async def _counted(receive: Callable[..., Awaitable[Response]], request: Request) -> Response:
    """Receive the bytes while this is one of the caller's transfers."""
    context, ticket = await in_thread(admitted, request, Purpose.UPLOAD)
    leave = enter_transfers(request, context)
    try:
        return await receive(request, context, ticket)
    finally:
        leave()


async def _whole(request: Request, context: Context, ticket: Ticket) -> Response:
    transfer = await in_thread(uploads.begin, context, ticket)
    try:
        transfer.demand_size(announced_size(request))
        async for part in _gathered(request):
            await in_thread(transfer.write, part)
        asset = await in_thread(transfer.finish)
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await in_thread(_turn_away, context, transfer, error)
        raise
    return as_json({"status": asset.status.value, "byteSize": asset.byte_size}, 201)


async def _ask(request: Request) -> Response:
    context, ticket = await in_thread(admitted, request, Purpose.UPLOAD)
    found = await in_thread(resumable_uploads.standing, context, ticket)
    return Response(headers={"upload-offset": str(found.offset), "upload-length": str(found.length)})


async def _append(request: Request, context: Context, ticket: Ticket) -> Response:
    offset = request.headers.get("upload-offset", "")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _PATCH_TYPE:
        raise BadInput(f"Send what is appended as Content-Type: {_PATCH_TYPE}.", field="Content-Type")
    if not _OFFSET.fullmatch(offset):
        raise BadInput("Say in Upload-Offset at which byte you go on; HEAD tells where that is.", field="Upload-Offset")
    transfer = await in_thread(resumable_uploads.resume, context, ticket, int(offset))
    try:
        if transfer.received != int(offset):
            raise Conflict(f"{transfer.received} bytes are here; go on from there.", field="Upload-Offset")
        async for part in _gathered(request, _SILENCE_SECONDS):
            await in_thread(transfer.write, part)
            if transfer.received - transfer.saved >= _SAVE_EVERY:
                await in_thread(transfer.save)
        await in_thread(transfer.finish if transfer.complete else transfer.save)
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await in_thread(_interrupted, context, transfer, error)
        if isinstance(error, TimeoutError):
            return Response(status_code=408, headers={"connection": "close"})
        raise
    await in_thread(transfer.stop)
    return Response(status_code=204, headers={"upload-offset": str(transfer.received)})


async def _gathered(request: Request, silence: float | None = None) -> AsyncIterator[bytes]:
    """The body in pieces of about a mebibyte, so that a thread is crossed once for many small parts.

    Raises ClientDisconnect, and TimeoutError once nothing came for `silence` seconds; what came before is given out.
    """
    parts: list[bytes] = []
    size = 0
    stream = request.stream()
    ended: BaseException | None = None
    while ended is None:
        try:
            with anyio.fail_after(silence):
                part = await anext(stream, None)
        except (ClientDisconnect, TimeoutError) as error:
            ended, part = error, None
        if part:
            parts.append(part)
            size += len(part)
        if parts and (part is None or size >= _GATHER):
            yield b"".join(parts)
            parts, size = [], 0
        if part is None:
            break
    if ended is not None:
        raise ended


def _interrupted(context: Context, transfer: ResumableUpload | RepeatedUpload, error: BaseException) -> None:
    """Keep what came, unless what came is what was wrong."""
    if isinstance(transfer, RepeatedUpload):
        _turn_away(context, transfer, error)
        return
    if transfer.closed:
        return
    if isinstance(error, (TooLarge, BadInput)):
        _turn_away(context, transfer, error)
        return
    try:
        if isinstance(error, (ClientDisconnect, TimeoutError)) or not isinstance(error, Exception):
            transfer.save()
    finally:
        transfer.stop()


def _turn_away(context: Context, transfer: Upload | RepeatedUpload, error: BaseException) -> None:
    received = transfer.received
    transfer.abort()
    if transfer.is_named:
        return  # the bytes are kept, or may be: nothing was turned away
    if isinstance(transfer, RepeatedUpload) and not isinstance(error, Conflict):
        return  # the bytes are there, whatever became of this transfer
    reasons: dict[type[BaseException], UploadRefusal] = {
        TooLarge: UploadRefusal.TOO_LARGE,
        Conflict: UploadRefusal.ALREADY_UPLOADED,
    }
    if isinstance(error, (Refused, LockedDown)):
        return  # a refusal is in the trail already, and a lock-down too: there the same can be sent again afterwards
    reason = reasons.get(type(error), UploadRefusal.TRUNCATED)
    if isinstance(error, BadInput) and error.field == "mediaType":
        reason = UploadRefusal.WRONG_TYPE
    uploads.refused(context, transfer.asset_id, reason, received)
