"""The application: routes, and what surrounds every answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment import ledger, transfers
from muniment.callers import Crowd
from muniment.documents import Documents
from muniment.endpoint import Endpoint
from muniment.house import open_house, working
from muniment.settings import Settings
from muniment.sockets import Sockets
from resolvers.house import House
from schema.api import build, sdl
from storage.database import transaction

_HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "server": "muniment",
}


def create(settings: Settings) -> Starlette:
    """The application for these settings. Its lifespan opens the house and, where set so, starts the agents."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with ExitStack() as stack:
            enter: Callable[..., Any] = stack.enter_context
            app.state.house = await anyio.to_thread.run_sync(enter, open_house(settings, serves=True))
            if settings.worker:
                await anyio.to_thread.run_sync(enter, working(app.state.house, settings))
            try:
                yield
            finally:
                await anyio.to_thread.run_sync(stack.pop_all().close)

    sockets = Sockets(
        build(),
        documents=Documents.load(settings.documents, only=settings.documents_only),
        crowd=Crowd(settings.streams_per_caller),
        body_limit=settings.body_limit_bytes,
        origins=settings.origins,
    )
    endpoint = Endpoint(sockets, body_limit=settings.body_limit_bytes, threads=settings.threads)
    return Starlette(
        routes=[
            Route("/", welcome, methods=["GET"]),
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", endpoint),
            Route("/schema.graphql", schema_text, methods=["GET"]),
            Route("/health/live", live, methods=["GET"]),
            Route("/health/ready", ready, methods=["GET"]),
            *ledger.routes(),
            *transfers.routes(),
        ],
        middleware=[*_for_browsers(settings.origins), Middleware(SecurityHeaders)],
        lifespan=lifespan,
    )


def _for_browsers(origins: tuple[str, ...]) -> list[Middleware]:
    """What pages of the origins listed may do from a browser (CORS). Of other pages browsers keep the answers."""
    if not origins:
        return []
    asked = ["authorization", "content-type", "idempotency-key", "range"]
    told = ["content-range", "retry-after", "www-authenticate"]
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=asked,
            expose_headers=told,
        )
    ]


async def welcome(request: Request) -> Response:
    """A page that says what this is and where to begin."""
    base = str(request.base_url).rstrip("/")
    return HTMLResponse(_WELCOME.replace("{base}", base))


async def schema_text(_: Request) -> Response:
    """The schema in GraphQL's own language. It is the same file that the repository holds, and no secret."""
    return PlainTextResponse(sdl())


async def live(_: Request) -> Response:
    """This process answers."""
    return PlainTextResponse("live\n")


async def ready(request: Request) -> Response:
    """The database and the key store answer too, and the policy is the one in force everywhere."""
    house: House = request.app.state.house
    try:
        await anyio.to_thread.run_sync(_touch, house)
    except Exception:
        return PlainTextResponse("not ready: the database or the key store does not answer\n", 503)
    if unloadable := house.force.held.unloadable:
        kept = house.policy.version
        return PlainTextResponse(f"not ready: policy {unloadable} can't be loaded here, {kept} is kept\n", 503)
    return PlainTextResponse("ready\n")


def _touch(house: House) -> None:
    with transaction(house.store.engine, read_only=True) as session:
        session.connection()
    house.store.keyring.public_key()


class SecurityHeaders:
    """Adds to every answer the headers that browsers need to be told; a route's own choice wins."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


_WELCOME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Muniment</title></head><body>
<h1>Muniment is running</h1>
<p>A muniment is a document kept as evidence of a right; this is the room where they are kept.</p>
<ul>
<li><code>POST {base}/graphql</code> &ndash; the API. Queries, mutations; subscriptions over WebSocket.</li>
<li><a href="/schema.graphql">schema.graphql</a> &ndash; every type and field, described.</li>
<li><a href="/health/ready">health</a> &ndash; whether it is ready for work.</li>
<li><a href="/ledger/checkpoint">checkpoint</a> &ndash; what the audit trail was when last signed.</li>
<li><a href="/ledger/vkey">verifier key</a> &ndash; checks what this server has signed.</li>
</ul>
<p>In a second shell, <code>make demo</code> plays a contributor's whole life against it.</p>
</body></html>
"""
