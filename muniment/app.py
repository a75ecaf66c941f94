"""The application: routes, and what surrounds every answer."""

import html
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from muniment import (
    browsers,
    graphiql,
    key_checks,
    key_uses,
    ledger,
    lookouts,
    passkeys,
    privacy,
    services,
    status,
    transfers,
)
from muniment.budgets import SharedBudgets
from muniment.crowds import Crowd
from muniment.documents import Documents
from muniment.endpoint import Endpoint
from muniment.house import open_house
from muniment.loop_metrics import LoopMetrics
from muniment.open_routes import OpenRoutes
from muniment.proxies import ForwardedAddress, TrustedProxies
from muniment.readiness import Readiness
from muniment.safeguards import announce
from muniment.settings import Settings
from muniment.sockets import Sockets
from muniment.telemetry import watching
from muniment.threads import Threads
from resolvers.siem import SiemReader
from schema.api import build, sdl
from storage.clock import now


def create(settings: Settings) -> Starlette:
    """The application for these settings. Its lifespan opens the house and, where set so, starts the agents."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with ExitStack() as stack:
            enter: Callable[..., Any] = stack.enter_context
            telemetry = enter(watching(traces_url=settings.traces_url, metrics_port=settings.metrics_port))
            telemetry.count_streams(crowd.size)
            if guard := getattr(app.state, "connections", None):
                telemetry.count_connections(guard.size)
                guard.on_closed = telemetry.connection_closed
            telemetry.count_waiting(threads.waiting)
            house = open_house(settings, serves=True, watch=telemetry)
            app.state.house = await anyio.to_thread.run_sync(enter, house)
            app.state.siem = SiemReader(settings.siem_token_sha256)
            stack.callback(app.state.siem.close, app.state.house)
            telemetry.samples.register(LoopMetrics(app.state.house))
            if isinstance(app.state.house.budgets, SharedBudgets):
                enter(crowd.sharing(app.state.house.budgets.tallies))
            if settings.worker:
                from muniment.crew import working  # the agents are loaded where they are to work

                await anyio.to_thread.run_sync(enter, working(app.state.house, settings))
            else:
                enter(lookouts.beside_agents(app.state.house))
            await anyio.to_thread.run_sync(announce, app.state.house, settings, "server")
            enter(key_uses.counted(app.state.house, "server"))
            app.state.keysets = enter(key_checks.watched(app.state.house))
            telemetry.show_keys(app.state.keysets.count, app.state.keysets.is_kept)
            try:
                yield
            finally:
                await anyio.to_thread.run_sync(stack.pop_all().close)

    proxies = TrustedProxies(settings.trusted_proxies)
    crowd = Crowd(settings.streams_per_caller)
    threads = Threads(settings.threads, settings.threads_per_caller)
    sockets = Sockets(
        build(),
        documents=Documents.load(settings.documents, only=settings.documents_only),
        crowd=crowd,
        threads=threads,
        body_limit=settings.body_limit_bytes,
        origins=settings.origins,
    )
    endpoint = Endpoint(
        sockets,
        body_limit=settings.body_limit_bytes,
        response_limit=settings.response_limit_bytes,
        threads=threads,
        draft=settings.http_draft,
    )
    app = Starlette(
        routes=[
            Route("/", partial(welcome, settings), methods=["GET"]),
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", endpoint),
            Route("/schema.graphql", schema_text, methods=["GET"]),
            Route("/health/live", live, methods=["GET"]),
            Route("/health/ready", Readiness().respond, methods=["GET"]),
            Route("/.well-known/security.txt", partial(security_text, settings), methods=["GET"]),
            *(graphiql.routes() if settings.graphiql_served else []),
            *ledger.routes(),
            *passkeys.routes(),
            *services.routes(),
            *privacy.routes(),
            *status.routes(),
            *transfers.routes(),
        ],
        middleware=[
            *([Middleware(ForwardedAddress, proxies)] * bool(proxies.networks)),
            *browsers.told(settings.origins, tls=settings.tls or settings.tls_terminated_upstream),
            Middleware(Direct, endpoint),
            Middleware(OpenRoutes),
        ],
        lifespan=lifespan,
    )
    app.state.threads = threads
    app.state.transfers = Crowd(settings.transfers_per_caller, "transfers")
    app.router.redirect_slashes = False  # Starlette would send callers to whatever host their request names
    return app


class Direct:
    """Hands operations to the endpoint past routing, which looks at each route before it finds this one."""

    def __init__(self, app: ASGIApp, endpoint: Endpoint) -> None:
        self.app = app
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = scope["type"] == "http" and scope["path"] == "/graphql"
        await (self.endpoint if operation else self.app)(scope, receive, send)


async def welcome(settings: Settings, request: Request) -> Response:
    """A page that says what this is and where to begin."""
    base = html.escape(str(request.base_url).rstrip("/"))
    return HTMLResponse(_WELCOME.format(base=base, graphiql=_GRAPHIQL if settings.graphiql_served else ""))


async def schema_text(_: Request) -> Response:
    """The schema in GraphQL's own language. It is the same file that the repository holds, and no secret."""
    return PlainTextResponse(await anyio.to_thread.run_sync(sdl))


async def live(_: Request) -> Response:
    """This process answers."""
    return PlainTextResponse("live\n")


async def security_text(settings: Settings, _: Request) -> Response:
    """Whom to tell of a weakness (RFC 9116), where the operator has named somebody."""
    if settings.security_contact is None:
        return PlainTextResponse("The operator has named nobody (MUNIMENT_SECURITY_CONTACT).\n", 404)
    expires = (now() + timedelta(days=90)).strftime("%Y-%m-%dT00:00:00Z")
    lines = (
        f"Contact: {settings.security_contact}",
        f"Expires: {expires}",
        f"Canonical: {settings.public_url}/.well-known/security.txt",
        "Preferred-Languages: en",
    )
    return PlainTextResponse("".join(f"{line}\n" for line in lines))


_GRAPHIQL = '<li><a href="/graphiql">GraphiQL</a> &ndash; try it in this browser.</li>\n'
_WELCOME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Muniment</title></head><body>
<h1>Muniment is running</h1>
<p>A muniment is a document kept as evidence of a right; this is the room where they are kept.</p>
<ul>
<li><code>POST {base}/graphql</code> &ndash; the API. Queries, mutations; subscriptions over WebSocket.</li>
<li><a href="/schema.graphql">schema.graphql</a> &ndash; every type and field, described.</li>
{graphiql}<li><a href="/health/ready">health</a> &ndash; whether it is ready for work.</li>
<li><a href="/status">status</a> &ndash; which parts answer, and when one did not.</li>
<li><a href="/services">services</a> &ndash; whom work may be sent to.</li>
<li><a href="/privacy">privacy</a> &ndash; what people are promised about their data, in plain words.</li>
<li><a href="/ledger/checkpoint">checkpoint</a> &ndash; what the audit trail was when last signed.</li>
<li><a href="/ledger/vkey">verifier key</a> &ndash; checks what this server has signed.</li>
</ul>
<p>In a second shell, <code>make demo</code> plays a contributor's whole life against it.</p>
</body></html>
"""
