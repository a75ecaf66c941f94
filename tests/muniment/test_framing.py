"""Bytes that are no request, at a real server: each is refused by its framing, and a control query is answered as ever."""

import base64
import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from muniment import requests
from muniment.requests import NotJson, read_body
from tests.faults.servers import Server, serving
from tests.world import World

pytestmark = pytest.mark.one_database("sqlite", reason="ends before the database")

QUERY = b'{"query": "{ viewer { kind } }"}'


def posted(body: bytes, *headers: bytes, framed: bool = True) -> bytes:
    given = [b"host: x", b"content-type: application/json", b"connection: close", *headers]
    if framed:
        given.append(b"content-length: %d" % len(body))
    return b"POST /graphql HTTP/1.1\r\n" + b"\r\n".join(given) + b"\r\n\r\n" + body


def got(path: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return (
        method
        + b" "
        + path
        + b" HTTP/1.1\r\nconnection: close\r\n"
        + b"\r\n".join([*headers, b"host: x"])
        + b"\r\n\r\n"
    )


CHUNKED = b"transfer-encoding: chunked"
ASKED = {
    "a control query": (posted(QUERY), 200),
    "a chunk of no length": (posted(b"zz\r\nabc\r\n", CHUNKED, framed=False), 400),
    "two lengths": (posted(QUERY, b"content-length: 3"), 400),
    "a length below nothing": (posted(b"", b"content-length: -5", framed=False), 400),
    "a second request behind chunks and a length": (
        posted(b"0\r\n\r\nGET /health/live HTTP/1.1\r\n\r\n", CHUNKED, b"content-length: 5", framed=False),
        400,
    ),
    "5,000 headers": (posted(QUERY, *(b"x-%d: y" % number for number in range(5000))), 431),
    "a token of 50 kB": (posted(QUERY, b"authorization: Bearer " + b"a" * 50_000), 401),
    "a number that is none": (posted(b'{"query": "{ viewer { kind } }", "variables": {"n": NaN}}'), 400),
    "half a surrogate": (posted(b'{"query": "{ viewer { kind } }", "variables": {"n": "\\ud800"}}'), 400),
    "4,000 variables": (
        posted(
            json.dumps({"query": "{ viewer { kind } }", "variables": dict.fromkeys(map(str, range(4_000)))}).encode()
        ),
        200,
    ),
    "60,000 variables": (
        posted(
            json.dumps({"query": "{ viewer { kind } }", "variables": dict.fromkeys(map(str, range(60_000)))}).encode()
        ),
        400,
    ),
    "an operation that is not there": (got(b"/graphql?query=query%20A{viewer{kind}}&operationName=B"), 400),
    "a mutation by GET": (got(b"/graphql?query=mutation{signOut{auditEventId}}"), 405),
    "a method of another protocol": (got(b"/graphql", method=b"TRACE"), 405),
    "a host to be sent to": (got(b"/graphql/", b"host: evil.example"), 404),
    "a slash too many": (got(b"/graphql/"), 404),
    "a place outside": (got(b"/../../etc/passwd"), 404),
    "a stream from nowhere": (posted(QUERY, b"accept: text/event-stream", b"last-event-id: '--"), 200),
}
"""What is sent, and the status that it has."""


def status_of(port: int, raw: bytes) -> tuple[int, bytes]:
    """The answer, and its status. Asked again where a reset was faster than the answer.

    A server that refuses what it has not read to its end, and closes, resets the connection (RFC 9112, 9.6).
    """
    for attempt in range(5):
        parts: list[bytes] = []
        with closing(socket.create_connection(("127.0.0.1", port), timeout=100)) as connection:
            try:
                connection.sendall(raw)
                while part := connection.recv(65536):
                    parts.append(part)
            except ConnectionError:
                if not parts and attempt < 4:
                    continue
        answer = b"".join(parts)
        return int(answer.split(b" ")[1]), answer
    raise AssertionError


def frame(operation: int, data: bytes, *, final: bool = True, masked: bool = True, length: int | None = None) -> bytes:
    """A frame of RFC 6455, 5.2; `length` is what it says of itself."""
    size, mask = len(data) if length is None else length, 0x80 if masked else 0
    head = bytes([final << 7 | operation])
    head += bytes([mask | size]) if size < 126 else bytes([mask | 127]) + struct.pack(">Q", size)
    return head + (bytes(4) if masked else b"") + data


def said(**message: Any) -> bytes:
    return frame(1, json.dumps(message).encode())


HELLO = said(type="connection_init")
FRAMES = {
    "no frame at all": [b"\xff" * 300],
    "no mask": [frame(1, b"{}", masked=False)],
    "an unknown operation": [frame(5, b"x")],
    "a long ping": [frame(9, b"x" * 200)],
    "the end of nothing": [frame(0, b"x")],
    "an exabyte": [frame(1, b"", length=2**62)],
    "less than nothing": [frame(1, b"", length=2**63)],
    "no UTF-8": [frame(1, b"\xff\xfe")],
    "bytes for text": [frame(2, b'{"type": "connection_init"}')],
    "half a close": [frame(8, b"x")],
    "a list": [frame(1, b"[]")],
    "a long type": [said(type="\u00e9" * 500)],
    "a type that is a list": [said(type=["a" * 400])],
    "no greeting": [said(type="subscribe", id="1", payload={"query": "{ viewer { kind } }"})],
    "a token that is an object": [said(type="connection_init", payload={"authorization": {"a": 1}})],
    "a second greeting": [HELLO, HELLO],
    "no payload": [HELLO, said(type="subscribe", id="1")],
    "an id that is none": [HELLO, said(type="subscribe", id={}, payload={"query": "{ viewer { kind } }"})],
    "an answer": [HELLO, said(type="next", id="1", payload={})],
    "two megabytes": [HELLO, said(type="ping", payload={"a": "x" * 2_000_000})],
}
"""What is sent on a WebSocket: each ends it."""


def closing_of(port: int, frames: list[bytes]) -> bytes:
    """What the server says on its way out."""
    key = base64.b64encode(os.urandom(16))
    hello = got(b"/graphql", b"upgrade: websocket", b"sec-websocket-version: 13", b"sec-websocket-key: " + key,
                b"sec-websocket-protocol: graphql-transport-ws").replace(b"connection: close", b"connection: upgrade")  # fmt: skip
    with closing(socket.create_connection(("127.0.0.1", port), timeout=100)) as connection:
        connection.sendall(hello)
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += connection.recv(4096)
        assert heard.startswith(b"HTTP/1.1 101 ")
        heard = heard.partition(b"\r\n\r\n")[2]
        try:
            for each in frames:
                connection.sendall(each)
            heard += b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:  # it had closed before all was sent
            pass
        return heard


@contextmanager
def undisturbed(server: Server) -> Iterator[None]:
    """A control query is answered before, during and after."""
    over, answers = threading.Event(), []

    def asking() -> None:
        answers.append(status_of(server.port, posted(QUERY)))
        while not over.wait(0.05):
            answers.append(status_of(server.port, posted(QUERY)))

    assert status_of(server.port, posted(QUERY))[0] == 200
    thread = threading.Thread(target=asking)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=100)
    assert status_of(server.port, posted(QUERY))[0] == 200
    assert answers
    assert all(status == 200 and b"ANONYMOUS" in answer for status, answer in answers)


def test_bytes_that_are_no_request_are_refused_and_disturb_nobody(home: Path, database_url: str) -> None:
    """Every status is its own, and none says that we broke; a close frame is never longer than one may be."""
    with serving(home, database_url, worker=False) as server, undisturbed(server):
        for name, (raw, status) in ASKED.items():
            found, answer = status_of(server.port, raw)
            assert (name, found) == (name, status)
            assert b"INTERNAL_SERVER_ERROR" not in answer
            assert b"evil.example" not in answer
        for name, frames in FRAMES.items():
            heard = closing_of(server.port, frames)
            last = heard.rfind(b"\x88")
            assert not heard or (last >= 0 and heard[last + 1] <= 125), name
        assert "error" not in server.log.read_text()


async def _read(*messages: dict[str, Any], forever: bool = False) -> bytes:
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop(0)
        assert forever
        import anyio

        await anyio.sleep_forever()
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": []}
    return await read_body(Request(scope, receive), 1000)


@pytest.mark.anyio
async def test_a_body_that_breaks_off_or_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 400, and in bounded time, however slowly it drips; a whole one is what it was."""
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert await _read(part, {"type": "http.request", "body": b"}"}) == b"{}"
    with pytest.raises(NotJson, match="breaks off"):
        await _read(part, {"type": "http.disconnect"})
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.05)
    with pytest.raises(NotJson, match="not whole within"):
        await _read(part, forever=True)


def test_the_first_page_repeats_no_markup_of_a_host(world: World) -> None:
    """Whatever a request calls this server, the page shows it as text."""
    answer = world.client.get("/", headers={"host": 'x"><script>alert(1)</script>'})
    assert answer.status_code in (200, 400)
    assert "<script>" not in answer.text


def test_a_refused_websocket_gets_our_own_headers(home: Path, database_url: str) -> None:
    """It is refused with 403 and the same headers as any page, and the server does not name its program."""
    origin = b"origin: https://evil.example"
    hello = got(b"/graphql", origin, b"upgrade: websocket", b"sec-websocket-version: 13",
                b"sec-websocket-key: " + base64.b64encode(os.urandom(16)),
                b"sec-websocket-protocol: graphql-transport-ws").replace(b"connection: close", b"connection: upgrade")  # fmt: skip
    with serving(home, database_url, worker=False) as server:
        status, answer = status_of(server.port, hello.replace(b"connection: upgrade", b"connection: upgrade, close"))
    assert status == 403
    assert b"server: muniment" in answer
    assert b"granian" not in answer
    assert b"x-content-type-options: nosniff" in answer
