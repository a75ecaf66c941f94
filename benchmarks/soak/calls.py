"""A caller as a good client is: who is cut off sends the same again, to the other process; and what they noted."""

import json
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from benchmarks.soak.processes import Process

_TRIES_SECONDS = 120
_ANSWER_SECONDS = 60
_SAID = 40
_AVOIDED_SECONDS = 3


class Refused(Exception):
    """The server answered with a coded error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass
class Notes:
    """What all callers noted: how long what took, who was cut off where and when, what was limited, what went wrong."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cut_off: list[tuple[str, Process, float]] = field(default_factory=list)
    limited: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Note how long the block took, unless the caller was cut off in it, or it raised."""
        before, began = self.cuts(), time.monotonic()
        yield
        with self._lock:
            if self.cuts() == before:
                self.took[what].append(time.monotonic() - began)

    def cuts(self) -> int:
        """How often this thread was cut off."""
        name = threading.current_thread().name
        return sum(who == name for who, _, _ in self.cut_off)

    def cut(self, where: Process) -> None:
        """A connection broke, or none came about."""
        with self._lock:
            self.cut_off.append((threading.current_thread().name, where, time.monotonic()))

    def problem(self, what: str) -> None:
        """Something that no caller should meet."""
        told = f"{datetime.now(UTC):%H:%M:%S} {threading.current_thread().name}: {what}"
        with self._lock:
            self.problems.append(told)
            said = len(self.problems) <= _SAID
        if said:
            sys.stderr.write(f"{told}\n")


@dataclass
class Caller:
    """One person's connections to all API processes, used in turn."""

    servers: list[Process]
    notes: Notes
    turn: int
    token: str | None = None

    def __post_init__(self) -> None:
        self._cut_off: dict[str, float] = {}
        self._clients = {each.name: httpx2.Client(timeout=_ANSWER_SECONDS, trust_env=False) for each in self.servers}

    def close(self) -> None:
        for each in self._clients.values():
            each.close()

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """One operation's data. A mutation is sent again under the same key. Raises Refused."""
        key = {"idempotency-key": str(uuid.uuid4())} if document.startswith("mutation") else {}
        body = {"query": document, "variables": variables}
        while True:
            answer = self.send("POST", "/graphql", json=body, headers=self._headers | key).json()
            if not answer.get("errors"):
                return dict(answer["data"])
            error = answer["errors"][0]
            code = error["extensions"]["code"]
            if code != "RATE_LIMITED":
                raise Refused(code, error["message"])
            self.notes.limited[document.partition("(")[0].partition("{")[0].strip() or "query"] += 1
            time.sleep(2)

    def do(self, name: str, /, wants: str = "auditEventId", **given: Any) -> dict[str, Any]:
        """One mutation with its input."""
        kind = name[0].upper() + name[1:] + "Input"
        answered = self.ask(f"mutation($input: {kind}!) {{ it: {name}(input: $input) {{ {wants} }} }}", input=given)
        return dict(answered["it"])

    def send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """One request, to the next process; where that breaks, to the one after it, until somebody answers."""
        deadline = time.monotonic() + _TRIES_SECONDS
        while True:
            server = self._next()
            try:
                return self._clients[server.name].request(method, server.url + path, **request)
            except httpx2.TransportError as error:
                self._cut(server, error, deadline)

    def follow(self, document: str, **variables: Any) -> dict[str, Any]:
        """Follow a subscription over WebSocket to its end, however often it breaks; answers the last that it told."""
        last: dict[str, Any] = {}
        deadline, cursor = time.monotonic() + 600, None
        while True:
            server = self._next()
            try:
                for said in self._told(server, document, {**variables, "after": cursor}):
                    if said.get("errors"):
                        raise Refused(said["errors"][0]["extensions"]["code"], said["errors"][0]["message"])
                    last, cursor = said["data"]["it"], said["extensions"]["cursor"]
            except (ConnectionClosed, WebSocketException, OSError) as error:
                self._cut(server, error, deadline)
            else:
                return last

    def _told(self, server: Process, document: str, variables: dict[str, Any]) -> Iterator[dict[str, Any]]:
        address = f"ws{server.url.removeprefix('http')}/graphql"
        with connect(address, subprotocols=["graphql-transport-ws"], proxy=None) as socket:  # type: ignore[list-item]
            socket.send(json.dumps({"type": "connection_init", "payload": self._headers}))
            asked = {"query": document, "variables": variables}
            while True:
                message = json.loads(socket.recv(timeout=_TRIES_SECONDS))
                match message["type"]:
                    case "connection_ack":
                        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
                    case "next":
                        yield message["payload"]
                    case "error":
                        yield {"errors": message["payload"]}
                    case "ping":
                        socket.send(json.dumps({"type": "pong"}))
                    case "complete":
                        return

    def _cut(self, server: Process, error: Exception, deadline: float) -> None:
        """Note it, and wait a little. Raises `error` where nobody has answered for long."""
        self.notes.cut(server)
        self._cut_off[server.name] = time.monotonic()
        if isinstance(error, httpx2.TimeoutException | TimeoutError):
            self.notes.problem(f"{server.name} was silent: {type(error).__name__}")
        if time.monotonic() > deadline:
            raise error
        time.sleep(0.2)

    def _next(self) -> Process:
        """The next in turn, but for one that has just cut us off where there is another."""
        for _ in self.servers:
            self.turn += 1
            found = self.servers[self.turn % len(self.servers)]
            if time.monotonic() - self._cut_off.get(found.name, 0.0) > _AVOIDED_SECONDS:
                break
        return found

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}
