"""Send a request to the application in this process or over a socket, and judge what comes back."""

import asyncio
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from tests.fuzz.requests import Request

SECONDS = 20.0
"""How long a response may take at most: these machines are shared."""
_ALLOWED = (b'"code":"UNAVAILABLE"', b'"code":"LOCKED_DOWN"')
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass
class Response:
    """What came back; status 0: the connection was closed without a response."""

    status: int
    body: bytes
    seconds: float

    @property
    def fault(self) -> str | None:
        """What is wrong about it; None: nothing."""
        if self.status >= 500 and not (self.status == 503 and any(each in self.body for each in _ALLOWED)):
            return f"status {self.status}: {self.body[:300]!r}"
        if b'"code":"INTERNAL_SERVER_ERROR"' in self.body:
            return f"an internal error: {self.body[:600]!r}"
        if self.seconds > SECONDS:
            return f"{self.seconds:.1f} seconds"
        return None


class InProcess:
    """The application of a test client that was entered, in an event loop of its own."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        self._loop.close()

    def send(self, request: Request) -> Response:
        return self._loop.run_until_complete(self._send(request))

    async def _send(self, request: Request) -> Response:
        headers = [(b"host", b"testserver"), *request.headers]
        if request.body:
            headers.append((b"content-length", str(len(request.body)).encode()))
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method.decode(),
            "path": request.path,
            "raw_path": request.target.partition(b"?")[0],
            "query_string": request.query,
            "root_path": "",
            "scheme": "http",
            "headers": headers,
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
            "extensions": {},
            "state": self._client.app_state.copy(),
        }
        sent: list[Any] = []
        coming = [{"type": "http.request", "body": request.body}]
        gone = asyncio.Event()

        async def receive() -> Any:
            if coming:
                return coming.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if (
                message.get("more_body")
                and (b"content-type", b"text/event-stream; charset=utf-8") in sent[0]["headers"]
            ):
                self._loop.call_later(0.05, gone.set)  # an event stream may go on for ever

        began = time.perf_counter()
        with suppress(Exception):  # as a server has it: what is missing is a response
            await self._client.app(scope, receive, send)
        seconds = time.perf_counter() - began
        if not sent:
            return Response(500, b"no response", seconds)
        return Response(sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), seconds)


class OverSocket:
    """A server on loopback. Each request has a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    def send(self, request: Request) -> Response:
        target = request.target.replace(b" ", b"%20")
        lines = [b"%s %s HTTP/1.1" % (request.method, target), b"host: localhost", b"connection: close"]
        lines += [b"%s: %s" % header for header in request.headers]
        if request.body or request.method in (b"POST", b"PUT", b"PATCH"):
            lines.append(b"content-length: %d" % len(request.body))
        return self.send_bytes(b"\r\n".join(lines) + b"\r\n\r\n" + request.body)

    def send_bytes(self, said: bytes) -> Response:
        """Anything at all; what comes back is read until the server closes, or an event stream has begun."""
        began = time.perf_counter()
        parts = [b""]
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS + 10) as connection:
            with suppress(OSError):  # the server may refuse before it has read everything
                connection.sendall(said)
            while part := connection.recv(65_536):
                parts.append(part)
                if b"text/event-stream" in parts[1]:
                    break
        whole = b"".join(parts)
        status = _STATUS.match(whole)
        return Response(int(status[1]) if status else 0, whole.partition(b"\r\n\r\n")[2], time.perf_counter() - began)
