"""Requests straight to the application, in an event loop of the caller's, where Starlette's test client hops eight times.

For the thousands of operations that tests ask for only to read what is answered. Uploads, downloads, streams and
whatever HTTP itself is in question for go through the test client.
"""

import asyncio
import atexit
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.testclient import TestClient

_ALWAYS = {"host": "testserver", "user-agent": "testclient", "content-type": "application/json"}


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def post(client: TestClient, path: str, body: object, headers: Mapping[str, str]) -> Response:
    """POST `body` as JSON. `client` was entered: its lifespan is the application's."""
    content = json.dumps(body).encode()
    told = {**_ALWAYS, "content-length": str(len(content)), **headers}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        "client": ("testclient", 50000),
        "server": ("testserver", 80),
        "extensions": {},
        "state": client.app_state.copy(),
    }
    sent: list[Any] = []
    asked = [{"type": "http.request", "body": content}]

    async def receive() -> Any:
        return asked.pop() if asked else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        try:
            await client.app(scope, receive, send)
        except Exception:  # as a server has it: the answer has gone out, or there is none
            if not sent:
                raise

    assert client.portal is not None, "the client was not entered"
    if threading.current_thread() is threading.main_thread() and asyncio._get_running_loop() is None:
        _loop().run_until_complete(run())
    else:
        client.portal.call(run)
    start, *parts = sent
    return Response(start["status"], b"".join(part.get("body", b"") for part in parts).decode())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The main thread's own: to wake the thread of the application's for each request takes as long as the request.

    Operations run in a thread of their own in any case.
    """
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
