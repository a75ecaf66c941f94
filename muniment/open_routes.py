"""Bound how often one address asks for what is open to everybody: pages, status, the transparency log.

The count is this process's own, so that it takes no time. Health checks are not counted: a load balancer that is
refused takes the server out. Transfers and operations have limits of their own.
"""

from collections.abc import Awaitable, Callable

import anyio.to_thread
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from muniment.requests import network_of
from resolvers.budgets import Budgets
from resolvers.house import House
from storage.database import DatabaseUnreachable

PER_MINUTE = 1_200
"""Requests of one IPv4 address, or IPv6 network (/64)."""
_PAGES = {"/status", "/status.json", "/services", "/services.json", "/privacy"}
_PAGE_COUNTS = 6
"""A page takes 15 ms: it counts as so many requests."""
_COUNTED_ELSEWHERE = ("/health/", "/uploads/", "/content/", "/exports/", "/thumbnails/")


class OpenRoutes:
    """Refuses requests beyond the limit with 429 before anything else looks at them. An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._budgets = Budgets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_COUNTED_ELSEWHERE):
            count = _PAGE_COUNTS if scope["path"] in _PAGES else 1
            charge = self._budgets.charge(network_of(HTTPConnection(scope)), count, PER_MINUTE)
            if charge.retry_after is not None:
                text = f"Your address has asked for much in the last minute. Try again in {charge.retry_after} s.\n"
                refusal = PlainTextResponse(text, 429, {"retry-after": str(charge.retry_after)})
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def rendered(respond: Callable[[House, Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint whose response is made in a worker thread: what is read, and how it is written."""

    async def endpoint(request: Request) -> Response:
        try:
            return await anyio.to_thread.run_sync(respond, request.app.state.house, request)
        except DatabaseUnreachable:
            return PlainTextResponse("the database does not answer\n", 503)

    return endpoint
