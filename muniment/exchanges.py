"""Follow the requests and WebSockets under way: what each waits for, since when, and how many bytes came."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Hashable
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.proxies import TrustedProxies, is_forwarded
from muniment.shares import owner_of
from muniment.tcp import Peer

WINDOW_SECONDS = 30.0
LEAST_RATE = 1000
"""Bytes a second that a body must come with, in each window of waiting for it; and a response be taken with."""
SEND_SECONDS = 60.0
"""How long one piece of a response may wait until it is taken."""
EXTRA_STREAMS = 128
"""How many requests one address may have under way beyond one a connection, over HTTP/2."""
PROXIES = "proxies"
"""Whose idle connections of trusted proxies are."""
DELIVERY_SECONDS = 300.0
"""How long a response that is in memory as a whole may take to be read."""
_FRESH_SECONDS = 2.0
"""What is being sent counts as held after so long: a client that reads has most responses by then."""
_PIECE = {"1.0": 64 * 1024, "1.1": 64 * 1024, "2": 16 * 1024}
"""Bytes of the pieces into which a response is cut, by HTTP version: the server takes one ahead of its client."""
_BODY_HELD = 256 * 1024
"""How much of an upload is in memory at most."""


log = structlog.get_logger("muniment.connections")


class Exchange:
    """One request, or one WebSocket."""

    __slots__ = (
        "_loop",
        "_mark",
        "_receive",
        "_send",
        "_sending",
        "_sending_since",
        "_started",
        "_task",
        "_unsent",
        "_waited",
        "_waiting_since",
        "begun",
        "complete",
        "deliveries",
        "extra",
        "owner",
        "received",
        "scope",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, owner: Hashable, *, extra: bool) -> None:
        self.scope = scope
        self.owner = owner
        """The address that it is for."""
        self.extra = extra
        """Whether others were under way on its connection, by HTTP/2."""
        self.begun = time.monotonic()
        self.complete = scope["type"] == "websocket"
        """Whether no more of a body is expected."""
        self.received = 0
        self.deliveries = 0
        self._receive, self._send = receive, send
        self._waiting_since: float | None = None
        self._sending = 0
        self._sending_since: float | None = None
        self._unsent = 0
        self._started: float | None = None
        self._waited = 0.0
        self._mark = (0.0, 0)
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()

    async def receive(self) -> Message:
        """Receive, and note how long that took."""
        if self.complete:
            message = await self._receive()
            self.deliveries += 1
            return message
        self._waiting_since = begun = time.monotonic()
        message = await self._receive()
        self._waiting_since = None
        self._waited += time.monotonic() - begun
        self.received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send, and note since when and how much; a large body in pieces."""
        body = message.get("body") or b""
        size = len(body) or len(message.get("text") or message.get("bytes") or b"")
        piece = _PIECE.get(self.scope["http_version"], size)
        if not self._unsent:
            self._started = time.monotonic()
        self._unsent += size
        try:
            for start in range(0, len(body) - piece, piece):
                await self._sent({**message, "body": body[start : start + piece], "more_body": True})
                self._unsent -= piece
                size -= piece
            await self._sent(message if size >= len(body) else {**message, "body": body[-size:]})
        finally:
            self._unsent -= size

    async def _sent(self, message: Message) -> None:
        self._sending += 1
        self._sending_since = time.monotonic()
        try:
            await self._send(message)
        finally:
            self._sending -= 1
            self._sending_since = time.monotonic() if self._sending else None

    def fault(self, now: float) -> str | None:
        """Return why it should end: its body comes too slowly, or its response is not read. Ask about each second."""
        since = self._sending_since
        if since is not None and now - since > SEND_SECONDS:
            return "unread_response"
        if self._unsent and self._started is not None and now - self._started > DELIVERY_SECONDS:
            return "unread_response"
        if self.complete:
            return None
        waited = self._waited + (0.0 if self._waiting_since is None else now - self._waiting_since)
        if waited - self._mark[0] < WINDOW_SECONDS:
            return None
        if self.received - self._mark[1] < LEAST_RATE * WINDOW_SECONDS:
            return "slow_body"
        self._mark = (waited, self.received)
        return None

    @property
    def waits(self) -> bool:
        """Whether it waits for its client."""
        return self._sending_since is not None or (not self.complete and self._waiting_since is not None)

    @property
    def held(self) -> int:
        """About how many bytes are in memory: of its body until the response begins, and of what is being sent."""
        started = self._started
        if started is not None:
            return self._unsent if time.monotonic() - started > _FRESH_SECONDS else 0
        if self.scope["path"].startswith("/uploads/"):
            return 0 if self.complete else min(self.received, _BODY_HELD)
        return self.received

    def cancel(self) -> None:
        """End it alone, and not the connection that it shares. Safe from another thread."""
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)


class Activity:
    """What goes on over one connection."""

    __slots__ = ("ended", "exchanges", "multiplexed", "owner")

    def __init__(self, owner: Hashable) -> None:
        self.owner = owner
        """Whose connection it is; None of a trusted proxy's."""
        self.exchanges: set[Exchange] = set()
        self.multiplexed = False
        """Whether it speaks HTTP/2."""
        self.ended = 0.0
        """When the last one ended."""


class Exchanges:
    """The requests and WebSockets under way, by connection. An ASGI application around another."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies
        self._by_peer: dict[Peer, Activity] = {}
        self._extras: Counter[Hashable] = Counter()
        self._lock = threading.Lock()
        self._names_proxies = False
        """Whether the log says already that a proxy is not named."""
        self.flooding: set[Peer] = set()
        """Connections over which requests were refused: their address has too many under way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client: Any = scope.get("client")
        if not client:
            await self._app(scope, receive, send)
            return
        peer = (client[0], int(client[1]))
        activity, exchange = self._begun(scope, receive, send, peer)
        try:
            if exchange.extra and self._extras[exchange.owner] > EXTRA_STREAMS:
                if activity.owner is not None:
                    self.flooding.add(peer)
                await _refuse(scope, send)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        finally:
            activity.ended = time.monotonic()
            activity.exchanges.discard(exchange)
            if exchange.extra:
                self._extras[exchange.owner] -= 1
                if not self._extras[exchange.owner]:
                    del self._extras[exchange.owner]

    def _begun(self, scope: Scope, receive: Receive, send: Send, peer: Peer) -> tuple[Activity, Exchange]:
        with self._lock:
            activity = self._by_peer.get(peer)
            if activity is None:
                owner = None if self._proxies.trusts(peer[0]) else owner_of(peer[0])
                if owner is not None and not self._names_proxies and is_forwarded(scope):
                    self._names_proxies = True
                    log.warning("proxy.not_trusted", code="MUNIMENT_TRUSTED_PROXIES")
                activity = self._by_peer[peer] = Activity(owner)
            owner = activity.owner
            if owner is None:
                scope["client"] = self._proxies.client(scope)
                owner = PROXIES if self._proxies.trusts(scope["client"][0]) else owner_of(scope["client"][0])
            exchange = Exchange(scope, receive, send, owner, extra=bool(activity.exchanges))
            activity.exchanges.add(exchange)
        activity.multiplexed = scope["http_version"] == "2"
        if exchange.extra:
            self._extras[owner] += 1
        return activity, exchange

    def of(self, peer: Peer) -> Activity | None:
        """Return what goes on over the connection with `peer`; None if it has brought no request."""
        return self._by_peer.get(peer)

    def forget_except(self, peers: set[Peer]) -> None:
        """Forget the connections that are gone: those that are not among `peers`, and were not used since."""
        recent = time.monotonic() - 2
        with self._lock:
            gone = [
                peer
                for peer, activity in self._by_peer.items()
                if peer not in peers and not activity.exchanges and activity.ended < recent
            ]
            for peer in gone:
                del self._by_peer[peer]


async def _refuse(scope: Scope, send: Send) -> None:
    """Respond 429 without a body, as cheaply as possible."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    await send({"type": "http.response.start", "status": 429, "headers": [(b"server", b"muniment")]})
    await send({"type": "http.response.body", "body": b""})
