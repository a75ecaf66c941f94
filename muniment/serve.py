"""Serving: granian inside our own process, so that there is one process to start, stop or kill, and never an orphan."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from typing import NoReturn

import structlog
import typer
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.applications import Starlette

from muniment import addresses
from muniment.connections import HEADERS_BYTES, IDLE_SECONDS, STREAMS, ConnectionGuard
from muniment.garbage import settle
from muniment.proxies import TrustedProxies
from muniment.settings import Settings
from storage.queue_tables import QueueUnsafe

GRACE_SECONDS = 10
"""How long answers under way may take to finish once the process was asked to stop."""

_BACKLOG = 1024
"""How many connections may wait to be accepted, and may be open beyond what the guard leaves open, for a moment."""
_WINDOW_BYTES = 512 * 1024
"""How much of its bodies a connection of HTTP/2 may send before they are read."""

_LATER_SECONDS = 1
"""When what only the first job needs is loaded: whoever asks for something right after the start goes first."""

log = structlog.get_logger("muniment.serve")


class CannotServe(Exception):
    """The server could not start; the message says what to do."""


def serve(app: Starlette, settings: Settings) -> None:
    """Serve `app` until SIGTERM or SIGINT, and then end this process; a second signal stops without waiting.

    Raises CannotServe.

    The application's lifespan is entered here, not by granian: what fails in it is raised as itself, and its end is
    reached also when connections had to be abandoned. What it yields is lost: keep state in `app.state`.
    """
    demand_free_port(settings.host, settings.port)
    if settings.metrics_port is not None:
        demand_free_port("127.0.0.1", settings.metrics_port, by="MUNIMENT_METRICS_PORT")
    asyncio.run(_serve(app, settings))
    _leave()


def _leave() -> NoReturn:
    """End the process with everything closed, and without the interpreter's own end.

    A thread of granian's may come to Python once more. While the interpreter ends CPython stops such a thread by force,
    through frames of Rust, and that aborts the process (SIGABRT; PyO3 pull request 4874, granian issue 881).
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _serve(app: Starlette, settings: Settings) -> None:
    guard = ConnectionGuard(
        settings.port,
        most=settings.connections,
        most_per_address=settings.connections_per_address,
        message_bytes=settings.body_limit_bytes,
        proxies=TrustedProxies(settings.trusted_proxies),
    )
    app.state.connections = guard
    async with app.router.lifespan_context(app):
        settle()
        with guard.watching():
            await _answer(app, settings, guard)


async def _answer(app: Starlette, settings: Settings, guard: ConnectionGuard) -> None:
    certificate, key = settings.tls_cert, settings.tls_key
    if settings.local_ca:
        from muniment import certificates  # what issues them is loaded where it does

        certificate, key = certificates.local(settings.home / "tls", settings.host)
    server = Server(
        guard.exchanges(app),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,  # the lifespan is ours
        http=HTTPModes.auto if certificate else HTTPModes.http1,  # HTTP/2 is what browsers speak, and over TLS alone
        http1_settings=HTTP1Settings(header_read_timeout=int(IDLE_SECONDS * 1000), max_buffer_size=HEADERS_BYTES),
        http2_settings=HTTP2Settings(
            initial_connection_window_size=_WINDOW_BYTES,
            initial_stream_window_size=_WINDOW_BYTES,
            keep_alive_interval=30_000,
            keep_alive_timeout=30,
            max_concurrent_streams=STREAMS,
            max_headers_size=HEADERS_BYTES,
            max_send_buffer_size=64 * 1024,
        ),
        backlog=_BACKLOG,
        backpressure=guard.most + _BACKLOG,  # the guard closes what is too much, so that others are still accepted
        websockets=True,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls13,
        log_level=LogLevels.error,
        log_dictconfig={"handlers": {}, "loggers": {}},  # muniment.logs handles every logger
    )
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(server.serve())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, server, asked, serving)
    announcing = asyncio.create_task(_announce(settings))
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    announcing.cancel()
    if asked.is_set():
        await asyncio.wait({serving}, timeout=GRACE_SECONDS)
        if not serving.done():
            log.warning("stopped without waiting for connections that stayed open")
            serving.cancel()
        return
    stopping.cancel()
    raise CannotServe("The server stopped by itself; the lines above say why.")


def _stop(server: Server, asked: asyncio.Event, serving: "asyncio.Task[None]") -> None:
    if asked.is_set():
        serving.cancel()
    asked.set()
    server.signal_handler_interrupt()


async def _announce(settings: Settings) -> None:
    """Say what to open, once the port answers."""
    while True:
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        break
    typer.echo(welcome(settings))
    log.info("serving", host=settings.host, port=settings.port, environment=settings.env)
    await asyncio.sleep(_LATER_SECONDS)
    if not settings.worker:
        threading.Thread(target=_load_queue, daemon=True).start()  # for the first job


def _load_queue() -> None:
    """Load DBOS, and stop this process if it could run code out of a row of the queue."""
    from storage import dbos_serialization, queue  # noqa: F401 - the queue is what is loaded

    try:
        dbos_serialization.require_installed()
    except QueueUnsafe as error:
        log.critical("queue.unsafe", code=type(error).__name__)
        typer.echo(str(error), err=True)
        os.kill(os.getpid(), signal.SIGTERM)


def welcome(settings: Settings) -> str:
    """What to open and what to do next, in plain words."""
    url = settings.public_url
    lines = [
        "",
        f"Muniment is running. Open {url}/ in a browser to begin.",
        *_elsewhere(settings),
        "",
        f"  {url}/graphql          the API: POST GraphQL here",
        f"  {url}/schema.graphql   every type and field, described",
        *([f"  {url}/graphiql         try it in a browser"] * settings.graphiql_served),
        f"  {url}/health/ready     whether it is ready for work",
        "",
        f"Data lies in {settings.home / 'data'}, keys apart from it in {settings.home / 'keys'}.",
        *([f"To trust its certificate, trust {settings.home / 'tls' / 'ca.pem'}."] * settings.local_ca),
        *(
            ["The key that wraps all others is a file there: fit for trying out, not for real work."]
            * settings.insecure
        ),
        "In a second shell, `make demo` plays a contributor's whole life. Ctrl-C stops the server.",
        "",
    ]
    return "\n".join(lines)


def _elsewhere(settings: Settings) -> list[str]:
    """By which names other machines reach a server that listens on every address."""
    if not addresses.is_everywhere(settings.host) or "public_url" in settings.model_fields_set:
        return []
    named = [socket.gethostname(), *addresses.reachable(settings.host)]
    scheme = settings.public_url.partition("://")[0]
    shown = (f"[{name}]" if ":" in name else name for name in named)
    return ["From other machines: " + ", ".join(f"{scheme}://{name}:{settings.port}/" for name in shown)]


def demand_free_port(host: str, port: int, *, by: str = "--port") -> None:
    """granian shares a taken port instead of refusing it, and two servers would answer in turn."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotServe(f"Port {port} is taken by another program: choose another with {by}.") from None
            raise CannotServe(f"This machine can't listen on {host} port {port}: {error.strerror}.") from None
