"""Servers asked for the same page, turn by turn: how long one caller waits, and how many pages a second there are."""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTIONS = 2
"""As many as keep one process busy without a pause, and leave the rest of a small machine to whoever asks."""


@dataclass(frozen=True)
class Asked:
    """One page: of whom, by which query, and what its text holds how often if it is the right one."""

    url: str
    query: str
    headers: Mapping[str, str] = field(default_factory=dict)
    holds: tuple[str, int] = ("", 0)


class NotThePage(Exception):
    """A server answered something else, and there is nothing to measure."""


class _Connection:
    """One that is kept; the least that a client can do, so that it is the server that is measured."""

    def __init__(self, name: str, asked: Asked) -> None:
        where = urlsplit(asked.url)
        self._name, self._asked, self._path = name, asked, where.path or "/"
        self._kept = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        self._body = json.dumps({"query": asked.query}).encode()
        self._headers = {"content-type": "application/json", "accept": "application/json", **asked.headers}

    def ask(self) -> float:
        """Seconds until the page is there. Raises NotThePage."""
        began = time.perf_counter()
        self._kept.request("POST", self._path, self._body, self._headers)
        answer = self._kept.getresponse()
        text = answer.read()
        took = time.perf_counter() - began
        what, often = self._asked.holds
        if answer.status != 200 or text.count(what.encode()) != often:
            raise NotThePage(f"{self._name} did not answer the page: {answer.status} {text[:300]!r}")
        return took

    def close(self) -> None:
        self._kept.close()


def alone(contestants: Mapping[str, Asked], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each page where one caller asks at a time."""
    connections = {name: _Connection(name, asked) for name, asked in contestants.items()}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 5):
        for name, connection in connections.items():
            took = connection.ask()
            if turn >= 5:
                times[name].append(took * 1000)
    for connection in connections.values():
        connection.close()
    return times


def busy(contestants: Mapping[str, Asked], turns: int, pages: int) -> dict[str, list[float]]:
    """Pages a second, for each turn of `pages` over each of `CONNECTIONS`, with a server that is never idle."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, asked in contestants.items():
            connections = [_Connection(name, asked) for _ in range(CONNECTIONS)]
            rate = CONNECTIONS * pages / _together(connections, pages)
            if turn:
                rates[name].append(rate)
    return rates


def _together(connections: Sequence[_Connection], pages: int) -> float:
    """Seconds until all have their pages. Raises what any of them raises."""

    def asked(connection: _Connection) -> None:
        for _ in range(pages):
            connection.ask()

    with ThreadPoolExecutor(len(connections)) as pool:
        began = time.perf_counter()
        list(pool.map(asked, connections))
        took = time.perf_counter() - began
    for each in connections:
        each.close()
    return took


def ratios(measured: Mapping[str, Sequence[float]]) -> list[float]:
    """How many times the second one's rate the first one's is, turn by turn."""
    mine, theirs = measured.values()
    return [own / other for own, other in zip(mine, theirs, strict=True)]
