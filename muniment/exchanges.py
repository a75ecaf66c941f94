"""Follow the requests and WebSockets under way: what each waits for, since when, and how many bytes came."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Hashable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.proxies import TrustedProxies
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
_PIECE = 16 * 1024
"""Into pieces of this size responses over HTTP/2 are cut, so that a stream nobody reads holds no more of its own."""
_BODY_HELD = 256 * 1024
"""How much of an upload is in memory at most."""


class Exchange:
    """One request, or one WebSocket."""

    __slots__ = (
        "_loop",
        "_mark",
        "_receive",
        "_send",
        "_sending_since",
        "_task",
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
        self._sending_since: float | None = None
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
        """Send, and note since when; a large piece over HTTP/2 as several."""
        body = message.get("body", b"")
        if len(body) > _PIECE and self.scope["http_version"] == "2":
            for start in range(0, len(body) - _PIECE, _PIECE):
                await self._sent({**message, "body": body[start : start + _PIECE], "more_body": True})
            rest = len(body) % _PIECE or _PIECE
            message = {**message, "body": body[-rest:]}
        await self._sent(message)

    async def _sent(self, message: Message) -> None:
        self._sending_since = time.monotonic()
        await self._send(message)
        self._sending_since = None

    def fault(self, now: float) -> str | None:
        """Return why it should end: its body comes too slowly, or its response is not read. Ask about each second."""
        since = self._sending_since
        if since is not None and now - since > SEND_SECONDS:
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
        """About how many bytes of an unfinished body are in memory."""
        if self.complete:
            return 0
        return min(self.received, _BODY_HELD) if self.scope["path"].startswith("/uploads/") else self.received

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
