"""P10: two API processes on one PostgreSQL, against one: how many pages a second eight callers are answered together.

`python -m benchmarks processes`; PROCESSES_SECONDS says how long a turn is (default 4). The page is that of `page`, 100
assets with 10 fields, asked for over connections that stay open; the callers do next to nothing but wait. Turn by turn:
all of them ask one process, then each half a process of its own. Callers, processes and PostgreSQL share the cores of
one machine, so that two processes can be no more than as many times faster as there are cores beyond those that one of
them and its database keep busy: told too is how many cores each turn kept busy, of all processes together.
"""

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import page
from benchmarks._figures import Figure, figure
from benchmarks._servers import serving_ours
from benchmarks._worlds import fill
from muniment import homes
from muniment.house import open_house
from muniment.variables import load
from tests.databases import PostgreSQL

CALLERS, ROUNDS = 8, 5
_TICKS = os.sysconf("SC_CLK_TCK")


def measure() -> Iterator[Figure]:
    """Pages a second from one process and from two, and their ratio."""
    seconds = float(os.environ.get("PROCESSES_SECONDS", "4"))
    with tempfile.TemporaryDirectory() as place, PostgreSQL.running(durable=True) as server, ExitStack() as stack:
        url = stack.enter_context(server.fresh_database())
        home = Path(place) / "home"
        settings = load(home=home, worker=False, database_url=url)
        homes.prepare(settings)
        with open_house(settings) as house:
            token = fill(house, owners=page.OWNERS, assets_each=page.EACH).token
        chosen = {
            "MUNIMENT_DATABASE_URL": url,
            "MUNIMENT_COST_PER_MINUTE": "1000000000",
            "MUNIMENT_REGISTRATIONS_PER_ADDRESS": "1000000",
        }  # one caller asks for all of it
        addresses = [stack.enter_context(serving_ours(home, **chosen)) for _ in range(2)]
        rates: tuple[list[float], list[float]] = [], []
        busy: tuple[list[float], list[float]] = [], []
        for turn in range(ROUNDS + 1):
            for number, asked in enumerate((addresses[:1], addresses)):
                rate, cores = _turn(asked, token, seconds)
                if turn:  # the first warms up
                    rates[number].append(rate)
                    busy[number].append(cores)
    for number, name in enumerate(("one process", "two processes")):
        yield figure("", f"{name}: pages for {CALLERS} callers", rates[number], "/s", digits=0)
        yield figure("", f"{name}: cores busy, of {os.cpu_count()}", busy[number], "cores")
    ratios = [two / one for one, two in zip(*rates, strict=True)]
    yield figure("P10", "two processes against one", ratios, "x", wanted="≥ 1.7 x, as the cores allow")


def _turn(addresses: Sequence[str], token: str, seconds: float) -> tuple[float, float]:
    """Pages a second, and how many cores were busy meanwhile."""
    ends = time.perf_counter() + seconds
    counts = [0] * CALLERS
    callers = [
        threading.Thread(target=_call, args=(addresses[n % len(addresses)], token, ends, counts, n))
        for n in range(CALLERS)
    ]
    began, before = time.perf_counter(), _busy()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    took = time.perf_counter() - began
    if not all(counts):
        raise SystemExit("A caller was not answered.")
    return sum(counts) / took, (_busy() - before) / took


def _call(address: str, token: str, ends: float, counts: list[int], number: int) -> None:
    """Ask for the page again and again over one connection, with the same bytes."""
    where = urlsplit(address)
    body = json.dumps({"query": page.QUERY}).encode()
    head = f"POST /graphql HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer {token}\r\n"
    asked = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=60) as connection:
        while time.perf_counter() < ends:
            connection.sendall(asked)
            answer = _answer(connection)
            if answer.count(b"picture-") != 100:
                raise SystemExit(f"The page was not answered: {answer[:200]!r}")
            counts[number] += 1


def _answer(connection: socket.socket) -> bytes:
    """One answer's body, whose length its head says."""
    found = b""
    while (end := found.find(b"\r\n\r\n")) < 0:
        found += _more(connection)
    length = int(found[:end].lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    parts = [found[end + 4 :]]
    missing = length - len(parts[0])
    while missing > 0:
        parts.append(_more(connection))
        missing -= len(parts[-1])
    return b"".join(parts)


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(1 << 18)
    if not received:
        raise SystemExit("The server closed the connection.")
    return received


def _busy() -> float:
    """Seconds of processor time that this machine has spent on anything at all."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / _TICKS
