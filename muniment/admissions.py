"""Who comes with a ticket, and how what goes wrong behind one is told: shared by what comes in and what goes out."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
import orjson
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from muniment.crowds import Crowd
from muniment.requests import address_of
from policies.errors import Refused
from policies.principals import ANONYMOUS
from resolvers import tickets
from resolvers.context import Asking, Context
from resolvers.house import House
from resolvers.identity import identify_bearer
from resolvers.lockdowns import holding
from resolvers.tickets import Bearer, Purpose, Ticket
from schema.errors import coded_exception

T = TypeVar("T")

MOST_TRANSFERS = 40
"""Worker threads of uploads and downloads together."""
_THREADS: RunVar[CapacityLimiter] = RunVar("transfers")

_ATTEMPTED = {
    Purpose.UPLOAD: "upload",
    Purpose.CONTENT: "download",
    Purpose.EXPORT: "download_export",
    Purpose.THUMBNAIL: "download",
}
_STATUS = {
    "BAD_USER_INPUT": 400,
    "CONFLICT": 409,
    "CONTENT_MISSING": 410,
    "FORBIDDEN": 403,
    "LOCKED_DOWN": 503,
    "NOT_FOUND": 404,
    "PAYLOAD_TOO_LARGE": 413,
    "QUOTA_EXCEEDED": 413,
    "RATE_LIMITED": 429,
    "STEP_UP_REQUIRED": 403,
    "UNAUTHENTICATED": 401,
    "UNAVAILABLE": 503,
}


def admitted(request: Request, purpose: Purpose) -> tuple[Context, Ticket]:
    """The ticket in the address, and a context of whoever stands behind it. Raises `NotFound` and `LockedDown`."""
    house: House = request.app.state.house
    stranger = Asking(ANONYMOUS, ip_address=address_of(request), user_agent=request.headers.get("user-agent"))
    try:
        ticket = tickets.redeem(house.store.keyring, request.path_params["ticket"], purpose)
        context = Context(house, _bearer(house, stranger, ticket), renew=lambda: _bearer(house, stranger, ticket))
    except Refused as refusal:
        Context(house, stranger).record_refusal(_ATTEMPTED[purpose], refusal)
        raise
    holding.admit(context, _ATTEMPTED[purpose])
    return context, ticket


def enter_transfers(request: Request, context: Context) -> Callable[[], None]:
    """Count a transfer of this caller; return what is called at its end. Raises `RateLimited` if there are too many."""
    crowd: Crowd = request.app.state.transfers
    principal = context.principal
    name = str(principal.on_behalf_of or principal.id)
    crowd.enter(name)
    return partial(crowd.leave, name)


def _bearer(house: House, asking: Asking, ticket: Ticket) -> Asking:
    """Who stands behind the ticket, now. Raises `NotFound` once they are signed out or their key has ended."""
    session = ticket.bearer_id if ticket.bearer is Bearer.SESSION else None
    return replace(asking, principal=identify_bearer(house, ticket), session_id=session)


async def coded(answer: Callable[..., Any], *arguments: Any) -> Response:
    """What `answer` answers; an exception of its own becomes a coded error with its status."""
    try:
        response: Response = await answer(*arguments)
    except ClientDisconnect:
        return Response(status_code=499)
    except Exception as error:
        formatted = coded_exception(error)
        return as_json({"errors": [formatted]}, _STATUS.get(formatted["extensions"]["code"], 500))
    return response


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """What `function` returns, from a worker thread: it may wait for a disk, a database or a bucket.

    Transfers have threads of their own, so that a bucket that is slow holds up nothing else.
    """
    try:
        threads = _THREADS.get()
    except LookupError:
        threads = CapacityLimiter(MOST_TRANSFERS)
        _THREADS.set(threads)
    return await anyio.to_thread.run_sync(function, *arguments, limiter=threads)


def as_json(body: dict[str, Any], status: int) -> Response:
    """A small answer."""
    return Response(orjson.dumps(body), status, media_type="application/json")
