"""Callers who hold connections and do nothing useful with them, and one who wants to be served beside them."""

import base64
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

PAGE = b'{"query": "{ viewer { contributor { displayName } } projects(first: 5) { totalCount } }"}'
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\nsec-websocket-key: "
)


@dataclass
class Target:
    """A server, and a contributor who is signed in there."""

    port: int
    token: str = ""
    upload: str = ""
    """The path of an upload that may begin."""
    content: str = ""
    """The path of a file that may be fetched."""
    context: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    beside: str = ""
    """The token of another contributor, who asks meanwhile."""

    def connect(
        self,
        *,
        handshake: bool = True,
        seconds: float = 30,
        protocols: tuple[str, ...] = ("http/1.1",),
        source: str = "127.0.0.1",
    ) -> socket.socket:
        """Return a connection, over TLS where the server ends it."""
        connection = socket.create_connection((self.host, self.port), timeout=seconds, source_address=(source, 0))
        if self.context is None or not handshake:
            return connection
        self.context.set_alpn_protocols(protocols)
        return self.context.wrap_socket(connection, server_hostname="localhost")

    def request(self, method: str, path: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
        """Return the bytes of a request; `length` is what it says of its body."""
        said = len(body) if length is None else length
        authorization = [f"authorization: Bearer {self.token}"] if self.token else []
        lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {said}", *authorization, *headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _websocket() -> bytes:
    return UPGRADE + base64.b64encode(os.urandom(16)) + b"\r\n\r\n"


def _frame(text: bytes, length: int | None = None) -> bytes:
    size = len(text) if length is None else length
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFF]) + size.to_bytes(8, "big")
    return head + bytes(4) + text


SUBSCRIBE = json.dumps({"query": "subscription { noticeAdded { id } }"}).encode()
JSON = "content-type: application/json"
HELD: dict[str, Callable[[Target], bytes]] = {
    "silent": lambda _: b"",
    "half a header": lambda _: b"GET /health/live HTTP/1.1\r\nhos",
    "kept alive": lambda _: b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n",
    "half a body": lambda to: to.request("POST", "/graphql", b'{"query"', JSON, length=1000),
    "a chunk that does not end": lambda _: (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"
    ),
    "half an upload": lambda to: to.request("PUT", to.upload or "/uploads/none", b"x" * 100, length=1000),
    "half an append": lambda to: to.request(
        "PATCH", to.upload or "/uploads/none", b"x", "upload-offset: 0", "tus-resumable: 1.0.0",
        "content-type: application/offset+octet-stream", length=1000,
    ),
    "an unread response": lambda to: to.request("GET", to.content or "/schema.graphql"),
    "an event stream": lambda to: to.request("POST", "/graphql", SUBSCRIBE, JSON, "accept: text/event-stream"),
    "a socket without a greeting": lambda _: _websocket(),
    "a socket that reads no ping": lambda to: (
        _websocket()
        + _frame(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {to.token}"}}).encode())
    ),
    "a socket with half a message": lambda _: _websocket() + _frame(b'{"type', length=100_000),
}  # fmt: skip
"""What each connection sends before it falls silent."""


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame2(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return a frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _asked2(path: bytes, stream: int, *, ends: bool = True, method: bytes = b"\x82") -> bytes:
    """Return the headers of a request over HTTP/2, from HPACK's static table and literals."""
    block = method + b"\x87\x41\x01x\x04" + bytes([len(path)]) + path
    return frame2(1, 0x5 if ends else 0x4, stream, block)


NO_WINDOW = PREFACE + frame2(4, 0, 0, b"\x00\x04\x00\x00\x00\x00")  # SETTINGS_INITIAL_WINDOW_SIZE 0
BEGUN2 = PREFACE + frame2(4, 0, 0, b"")
STREAMS = [2 * number + 1 for number in range(100)]
OVER_HTTP2: dict[str, bytes] = {
    "no request": BEGUN2,
    "half a preface": PREFACE[:10],
    "streams that are not read": NO_WINDOW + b"".join(_asked2(b"/schema.graphql", each) for each in STREAMS),
    "bodies that do not come": BEGUN2
    + b"".join(_asked2(b"/graphql", each, ends=False, method=b"\x83") for each in STREAMS),
    "streams that are reset": BEGUN2
    + b"".join(_asked2(b"/health/live", each) + frame2(3, 0, each, b"\0\0\0\x08") for each in STREAMS * 20),
    "headers that do not end": BEGUN2
    + frame2(1, 0, 1, b"\x82")
    + b"".join(frame2(9, 0, 1, b"\x40\x01a\x7f\x81\x7e" + b"b" * 254) for _ in range(2000)),
    "pings": BEGUN2 + frame2(6, 0, 0, bytes(8)) * 20_000,
    "settings": BEGUN2 + frame2(4, 0, 0, b"") * 20_000,
    "empty frames": BEGUN2 + _asked2(b"/graphql", 1, ends=False, method=b"\x83") + frame2(0, 0, 1, b"") * 20_000,
}
"""What each connection over HTTP/2 sends before it falls silent."""


@contextmanager
def holding(
    target: Target,
    count: int,
    sends: bytes,
    *,
    handshake: bool = True,
    http2: bool = False,
    source: str = "127.0.0.1",
) -> Iterator[list[socket.socket]]:
    """Hold so many connections, each with `sends` sent and nothing read."""
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            with suppress(OSError, ssl.SSLError):  # it may have been closed already
                connect = partial(target.connect, protocols=("h2",)) if http2 else target.connect
                connection = connect(handshake=handshake, seconds=5, source=source)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                held.append(connection)
                connection.sendall(sends)
        yield held
    finally:
        for connection in held:
            connection.close()


def ask(target: Target, sends: bytes) -> tuple[float, int]:
    """Return how long a request on a connection of its own took, and its status."""
    begun = time.monotonic()
    with target.connect() as connection:
        connection.sendall(sends.replace(b"host: x", b"host: x\r\nconnection: close", 1))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return time.monotonic() - begun, int(answer.split(b" ")[1])


@dataclass
class Probe:
    """Asks for /health/live and a page of somebody signed in, again and again."""

    target: Target
    taken: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator["Probe"]:
        """Ask while the block runs."""
        over = threading.Event()
        thread = threading.Thread(target=self._ask, args=(over,))
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join(timeout=60)

    def _ask(self, over: threading.Event) -> None:
        live = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
        asking = replace(self.target, token=self.target.beside or self.target.token)
        while not over.wait(0.1):
            for sends in (live, asking.request("POST", "/graphql", PAGE, JSON)):
                try:
                    taken, status = ask(self.target, sends)
                except (OSError, IndexError, ValueError) as error:
                    self.failed.append(repr(error))
                else:
                    self.taken.append(taken)
                    self.statuses.add(status)
