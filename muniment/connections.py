"""Keep connections within bounds, and share them fairly among addresses.

A thread looks at all accepted connections a few times a second. It closes those that do not get on (no request, a slow
body, a response that is not read), and where there are too many, those of the address that has most.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from starlette.types import ASGIApp

from muniment import tcp
from muniment.exchanges import LEAST_RATE, PROXIES, WINDOW_SECONDS, Activity, Exchange, Exchanges
from muniment.proxies import TrustedProxies
from muniment.shares import fair_share, owner_of
from muniment.tcp import Flow, Peer

REQUEST_SECONDS = 15.0
"""How long a connection may take until its first request is here whole, TLS included; and each later one from its
first byte on."""
IDLE_SECONDS = 75.0
"""How long a connection stays open between requests: longer than proxies keep theirs."""
STREAMS = 16
"""Requests at once over one connection of HTTP/2."""
HEADERS_BYTES = 64 * 1024
"""How long the headers of a request may be."""

_RESERVED = 512
"""Descriptors that stay free for files, databases and outgoing calls."""
_TICK_SECONDS = 0.25
_TICKS = 4
"""New connections are counted each tick; every so many ticks each connection is looked at."""
_YOUNG_SECONDS = 2.0
_MIB = 1024 * 1024
_HELD_PER_ADDRESS, _HELD = 64 * _MIB, 256 * _MIB
"""How many bytes of unfinished bodies and messages one address, and all, may have in memory."""
_LOG_SECONDS = 60.0

log = structlog.get_logger("muniment.connections")


class _Use(NamedTuple):
    """A connection with what goes on over it; of one that a proxy shares among callers, the part of one request."""

    connection: "_Connection"
    exchanges: tuple[Exchange, ...]
    shared: bool = False


@dataclass(slots=True)
class _Connection:
    descriptor: int
    peer: Peer
    owner: Hashable | None
    """Whose it is; None of a trusted proxy's."""
    opened: float
    closed: bool = False
    """Whether it was shut down; the server has yet to let it go."""
    flow: Flow | None = None
    pending: tuple[float, int] | None = None
    """Since when bytes wait to be taken, and how many had been taken by then."""
    idle: tuple[float, int | None] | None = None
    """Since when it is idle, and how many bytes had come a look later."""
    begun: float | None = None
    """When the first byte of the next request came."""
    messages: dict[Exchange, tuple[int, int]] = field(default_factory=dict)
    """Of a WebSocket: how many messages were delivered, and how many bytes had come by then."""


class ConnectionGuard:
    """Watches the connections to one port. `exchanges(app)` is what the server is to call instead of `app`."""

    def __init__(
        self, port: int, *, most: int, most_per_address: int, message_bytes: int, proxies: TrustedProxies
    ) -> None:
        self._port, self._proxies = port, proxies
        self._most_per_address = most_per_address
        self._message_bytes = message_bytes
        self._descriptors = tcp.raise_descriptor_limit()
        self.most = max(16, min(most, self._descriptors - _RESERVED))
        """How many connections may be open."""
        if self.most < most:
            log.warning("connections.fewer_than_set", count=self.most)  # the limit on open files allows no more
        self._connections: dict[int, _Connection] = {}
        self._others: set[int] = set()
        self._exchanges: Exchanges | None = None
        self._closed: Counter[str] = Counter()
        self._logged = 0.0
        self.on_closed: Callable[[str], None] = lambda _reason: None
        """Called with the reason for each connection that is closed."""

    def exchanges(self, app: ASGIApp) -> ASGIApp:
        """Return `app` with its requests followed."""
        self._exchanges = Exchanges(app, self._proxies)
        return self._exchanges

    def size(self) -> int:
        """Return how many connections are open."""
        return len(self._connections)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch in a thread of its own for as long as the block runs."""
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,), name="connections", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=5)

    def _watch(self, over: threading.Event) -> None:
        tick = 0
        while not over.wait(_TICK_SECONDS):
            tick += 1
            try:
                self.look(every=tick % _TICKS == 0)
            except Exception:  # it goes on: without it a stranger could hold every connection
                log.exception("connections.not_looked_at")

    def look(self, *, every: bool = True) -> None:
        """Close what does not get on, and what is too much. Without `every` only new connections are looked at."""
        now = time.monotonic()
        present = tcp.open_descriptors()
        for descriptor in self._connections.keys() - present:
            del self._connections[descriptor]
        self._others &= present
        self._inspect(present if every else present - self._connections.keys() - self._others, now)
        if every:
            for connection in self._open():
                self._look_at(connection, now)
            if self._exchanges is not None:
                self._exchanges.forget_except({each.peer for each in self._connections.values()})
        self._end_floods()
        self._share(now, len(present) - len(self._connections))
        if every:
            self._share_memory()
            self._report(now)

    def _inspect(self, descriptors: set[int], now: float) -> None:
        for descriptor in descriptors:
            found = tcp.inspect(descriptor, self._port)
            known = self._connections.get(descriptor)
            if found is None:
                self._connections.pop(descriptor, None)
                self._others.add(descriptor)
                continue
            self._others.discard(descriptor)
            if known is None or known.peer != found[0]:
                owner = None if self._proxies.trusts(found[0][0]) else owner_of(found[0][0])
                known = self._connections[descriptor] = _Connection(descriptor, found[0], owner, now)
            known.flow = found[1]

    def _open(self) -> list[_Connection]:
        return [each for each in self._connections.values() if not each.closed]

    def _activity(self, connection: _Connection) -> Activity | None:
        return None if self._exchanges is None else self._exchanges.of(connection.peer)

    def _uses(self) -> Iterator[tuple[Hashable, _Use]]:
        """Each connection with its owner: of a trusted proxy's that is the caller for whom it is in use."""
        for connection in self._open():
            activity = self._activity(connection)
            exchanges = tuple(activity.exchanges) if activity is not None else ()
            if connection.owner is not None:
                yield connection.owner, _Use(connection, exchanges)
            elif not exchanges:
                yield PROXIES, _Use(connection, ())
            else:
                shared = len(exchanges) > 1
                for exchange in exchanges:
                    yield exchange.owner, _Use(connection, (exchange,), shared)

    def _look_at(self, connection: _Connection, now: float) -> None:
        """Close it if it does not get on."""
        activity = self._activity(connection)
        exchanges = tuple(activity.exchanges) if activity is not None else ()
        shared = connection.owner is None and len(exchanges) > 1
        reason = _unread(connection, now)
        if reason is None and not exchanges:
            connection.messages.clear()
            reason = _idle_fault(connection, activity, now)
        if reason is not None:
            self._close(_Use(connection, exchanges), reason)
            return
        for exchange in exchanges:
            connection.idle = connection.begun = None
            reason = exchange.fault(now)
            if reason is None and _undelivered(connection, exchange) > self._message_bytes + _MIB:
                reason = "large_message"
            if reason is not None:
                self._close(_Use(connection, (exchange,), shared), reason)

    def _end_floods(self) -> None:
        """Close connections over which requests were refused."""
        flooding = self._exchanges.flooding if self._exchanges is not None else set()
        if flooding:
            for connection in self._open():
                if connection.peer in flooding:
                    self._close(_Use(connection, ()), "too_many_streams")
            flooding.clear()

    def _share(self, now: float, others: int) -> None:
        """Close connections of the addresses that have more than their share."""
        by_owner: defaultdict[Hashable, list[_Use]] = defaultdict(list)
        for owner, use in self._uses():
            by_owner[owner].append(use)
        most = min(self.most, max(16, self._descriptors - _RESERVED // 2 - others))
        share = fair_share([len(each) for each in by_owner.values()], most)
        for owner, uses in by_owner.items():
            uses.sort(key=lambda use: self._worth(use, now))
            for use in uses[: max(0, len(uses) - share)]:
                self._close(use, "share_of_address")
            if owner != PROXIES:
                settled = [use for use in uses[max(0, len(uses) - share) :] if not self._worth(use, now)[0]]
                for use in settled[: max(0, min(len(uses), share) - self._most_per_address)]:
                    self._close(use, "share_of_address")

    def _share_memory(self) -> None:
        """Close connections of the addresses whose unfinished bodies and messages take more than their share."""
        held: defaultdict[Hashable, list[tuple[int, _Use]]] = defaultdict(list)
        for owner, use in self._uses():
            if size := sum(each.held + _undelivered(use.connection, each) for each in use.exchanges):
                held[owner].append((size, use))
        sums = [sum(size for size, _ in each) for each in held.values()]
        share = min(fair_share(sums, _HELD), _HELD_PER_ADDRESS)
        for owned, total in zip(held.values(), sums, strict=True):
            excess = total - share
            for size, use in sorted(owned, key=lambda each: each[1].connection.opened):
                if excess <= 0:
                    break
                self._close(use, "memory_of_address")
                excess -= size

    def _worth(self, use: _Use, now: float) -> tuple[bool, int, float]:
        """Sort first what is closed first: idle, then what waits for its client, then work; the oldest of each."""
        connection, exchanges, _ = use
        if exchanges:
            since = min(each.begun for each in exchanges)
            waits = connection.pending is not None or all(each.waits for each in exchanges)
            return now - since < _YOUNG_SECONDS, 1 if waits else 2, since
        activity = self._activity(connection)
        since = connection.opened if activity is None else activity.ended
        return now - since < _YOUNG_SECONDS, 0, since

    def _close(self, use: _Use, reason: str) -> None:
        connection, exchanges, shared = use
        if shared:
            for exchange in exchanges:
                exchange.cancel()
        elif not tcp.close(connection.descriptor, connection.peer, self._port, reset=reason != "idle"):
            return
        else:
            connection.closed = True
        self._closed[reason] += 1
        self.on_closed(reason)

    def _report(self, now: float) -> None:
        if self._closed and now - self._logged > _LOG_SECONDS:
            for reason, count in self._closed.items():
                log.warning("connections.closed", reason=reason, count=count)
            self._closed.clear()
            self._logged = now


def _idle_fault(connection: _Connection, activity: Activity | None, now: float) -> str | None:
    """Return a reason to close a connection without a request under way, if it has been so for too long."""
    if activity is None:
        return "no_request" if now - connection.opened > REQUEST_SECONDS else None
    if connection.idle is None or connection.idle[0] < activity.ended or connection.pending is not None:
        connection.idle, connection.begun = (now, None), None
        return None
    received = connection.flow.received if connection.flow else 0
    since, before = connection.idle
    if before is None:  # what was counted at the last look may have come before the last request ended
        connection.idle = (since, received)
    elif received > before and connection.begun is None and not activity.multiplexed:
        connection.begun = now
    if connection.begun is not None and now - connection.begun > REQUEST_SECONDS:
        return "no_request"
    return "idle" if now - since > IDLE_SECONDS else None


def _unread(connection: _Connection, now: float) -> str | None:
    """Return a reason to close it if what was sent is not taken, or too slowly."""
    flow = connection.flow
    if flow is None or not flow.pending:
        connection.pending = None
    elif connection.pending is None:
        connection.pending = (now, flow.acknowledged)
    elif now - connection.pending[0] >= WINDOW_SECONDS:
        if flow.acknowledged - connection.pending[1] < LEAST_RATE * WINDOW_SECONDS:
            return "unread_response"
        connection.pending = (now, flow.acknowledged)
    return None


def _undelivered(connection: _Connection, exchange: Exchange) -> int:
    """Return how many bytes of a WebSocket came since its last message: those of a message that is not whole."""
    if connection.flow is None or exchange.scope["type"] != "websocket":
        return 0
    known = connection.messages.get(exchange)
    if known is None or known[0] != exchange.deliveries:
        known = connection.messages[exchange] = (exchange.deliveries, connection.flow.received)
    return connection.flow.received - known[1]
