"""A whole client of the API: GraphQL over HTTP, subscriptions over WebSocket, bytes up and down.

Read it as an example: it imports nothing of Muniment's own, and everything that it does is in the public contract.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

Progress = Callable[[int], None]
"""Is told how many more bytes have gone over the wire."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_CHUNK = 64 * 1024
_NEWS_SECONDS = 180
"""How long a subscription may say nothing before it counts as broken: a model may have to be loaded first."""


class Refused(Exception):
    """The server answered, with an error: `code` is for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class NoAnswer(Exception):
    """Nobody answers at the address, or the connection broke."""


class NotUnderstood(Exception):
    """An answer came that this API does not give."""


@dataclass(frozen=True)
class Client:
    """One caller of the server at `url`. Without a token: nobody in particular."""

    url: str
    http: httpx2.Client
    token: str | None = None

    @classmethod
    @contextmanager
    def at(cls, url: str) -> Iterator["Client"]:
        """A client that is not signed in. Calls to this machine never take the way over a proxy."""
        outside = urlsplit(url).hostname not in _LOOPBACK
        with httpx2.Client(timeout=60, trust_env=outside) as http:
            yield cls(url.rstrip("/"), http)

    def signed_in(self, token: str) -> "Client":
        """The same connection with somebody's session token, or an API key."""
        return Client(self.url, self.http, token)

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Run a query or mutation; answers its `data`. Raises Refused, NoAnswer, NotUnderstood."""
        asked = {"query": document, "variables": variables}
        answer = self._send("POST", "/graphql", json=asked, headers=self._headers)
        return _data(_parsed(answer.content))

    def follow(self, document: str, **variables: Any) -> Iterator[dict[str, Any]]:
        """Subscribe; yields the `data` of each event until the server says that it was the last.

        The protocol is graphql-transport-ws. Raises Refused, NoAnswer, NotUnderstood.
        """
        address = f"ws{self.url.removeprefix('http')}/graphql"
        proxy: Any = True if urlsplit(self.url).hostname not in _LOOPBACK else None
        try:
            with connect(address, subprotocols=["graphql-transport-ws"], proxy=proxy) as socket:  # type: ignore[list-item]
                socket.send(json.dumps({"type": "connection_init", "payload": self._headers}))
                subscribe = {"id": "1", "type": "subscribe", "payload": {"query": document, "variables": variables}}
                while True:
                    message = _parsed(socket.recv(timeout=_NEWS_SECONDS))
                    match message.get("type"):
                        case "connection_ack":
                            socket.send(json.dumps(subscribe))
                        case "next":
                            yield _data(message.get("payload"))
                        case "error":
                            _data({"errors": message.get("payload")})
                        case "ping":
                            socket.send(json.dumps({"type": "pong"}))
                        case "complete":
                            return
        except TimeoutError:
            raise NoAnswer(f"The subscription said nothing for {_NEWS_SECONDS} seconds.") from None
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code in (4401, 4403):
                raise Refused("UNAUTHENTICATED", "The server does not take this token.") from None
            raise NoAnswer("The WebSocket was closed in the middle.") from None
        except (WebSocketException, OSError) as error:
            raise NoAnswer(f"The WebSocket could not be used ({type(error).__name__}).") from None

    def upload(self, link: str, content: bytes, progress: Progress) -> None:
        """PUT a file's bytes to the place that `createAsset` named. Raises Refused, NoAnswer, NotUnderstood."""

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(content), _CHUNK):
                piece = content[start : start + _CHUNK]
                yield piece
                progress(len(piece))

        self._send("PUT", link, content=pieces(), headers={"content-length": str(len(content))})

    def download(self, link: str, progress: Progress = lambda _: None) -> bytes:
        """GET the bytes behind a link that the API handed out. Raises Refused, NoAnswer, NotUnderstood."""
        content = bytearray()
        try:
            with self.http.stream("GET", urljoin(self.url, link)) as answer:
                for piece in answer.iter_bytes():
                    content += piece
                    progress(len(piece))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoAnswer(f"{self.url} does not answer ({type(error).__name__}).") from None
        if not answer.is_success:
            _refuse(answer.status_code, bytes(content))
        return bytes(content)

    def is_answered(self) -> bool:
        """Whether anybody at all answers at the address."""
        try:
            self.http.get(self.url)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False
        return True

    def read(self, path: str) -> str:
        """One of the plain-text pages beside GraphQL, as `/ledger/vkey`. Raises Refused, NoAnswer, NotUnderstood."""
        return self._send("GET", path).text.strip()

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def _send(self, method: str, link: str, **request: Any) -> httpx2.Response:
        try:
            answer = self.http.request(method, urljoin(self.url, link), **request)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoAnswer(f"{self.url} does not answer ({type(error).__name__}).") from None
        if not answer.is_success:
            _refuse(answer.status_code, answer.content)
        return answer


def _parsed(body: str | bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        raise NotUnderstood("What came back is not JSON.") from None
    if not isinstance(answer, dict):
        raise NotUnderstood("What came back is not a JSON object.")
    return answer


def _refuse(status: int, body: bytes) -> None:
    """Raise what an answer without success says; one that carries no coded error was not given by this API."""
    try:
        _data(_parsed(body))
    except NotUnderstood:
        raise NotUnderstood(f"The answer was HTTP {status} without a coded error.") from None


def _data(answer: Any) -> dict[str, Any]:
    """The `data` of a GraphQL answer. Raises the first of its errors: an answer is taken whole or not at all."""
    try:
        if answer.get("errors"):
            error = answer["errors"][0]
            raise Refused(error["extensions"]["code"], error["message"])
        data: dict[str, Any] = answer["data"]
        data.keys()
    except (AttributeError, LookupError, TypeError):
        raise NotUnderstood("What came back is not a GraphQL answer with `data` or coded `errors`.") from None
    return data
