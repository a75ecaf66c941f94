"""No input gets status 500, an internal error, a logged error or a long wait: over depth, width, numbers and encodings.

The requests are made from the schema and from a seed, so that a failure can be had again: FUZZ_SEED=… . FUZZ_SECONDS=…
goes on for so long in each test, with a seed of its own; `make fuzz` does that for an hour.
"""

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from schema.api import build
from storage.staff import StaffRole
from tests.faults.servers import serving
from tests.fuzz.operations import Known, Operations
from tests.fuzz.requests import BODIES, Request, Requests
from tests.fuzz.sending import InProcess, OverSocket, Response
from tests.world import Person, World, opened

_MANY = 700
"""How many requests a test sends, where FUZZ_SECONDS does not say how long."""
_REFRESH = 100
"""After how many requests those who ask are there again: they may have signed out, or used up what they may ask for."""


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The same in each run, unless it goes on for long or is named."""
    chosen = os.environ.get("FUZZ_SEED")
    found = int(chosen) if chosen else random.SystemRandom().randrange(10**9) if "FUZZ_SECONDS" in os.environ else 23
    request.node.add_report_section("setup", "seed", f"FUZZ_SEED={found}")
    return found


def rounds() -> Iterator[int]:
    """Numbers for as long as there is more to send."""
    seconds = os.environ.get("FUZZ_SECONDS")
    if seconds is None:
        yield from range(_MANY)
        return
    ends = time.monotonic() + float(seconds)
    for number in itertools.count():
        if time.monotonic() > ends:
            return
        yield number


class Sent:
    """What was sent, and what came of it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        self.faults: list[str] = []

    def judge(self, request: object, response: Response, logged: list[str]) -> None:
        self.statuses[response.status] += 1
        self.slowest = max(self.slowest, response.seconds)
        for fault in filter(None, (response.fault, *logged)):
            self.faults.append(f"FUZZ_SEED={self._seed}: {fault}\n  {request}")

    def check(self) -> None:
        total = sum(self.statuses.values())
        print(f"{total} requests, {dict(self.statuses)}, slowest {self.slowest:.2f} s")  # noqa: T201 - for those who run it by hand
        assert not self.faults, f"{len(self.faults)} of {total}:\n" + "\n".join(self.faults[:10])
        assert self.statuses[200] > total / 20, "hardly anything was valid: nothing was tried"


def people(world: World) -> tuple[list[Person], Known, list[bytes]]:
    """Contributors and, in this process, staff; what they have, and where it is uploaded to and read from."""
    ada, ben = world.register("ada"), world.register("ben")
    project, other = world.project(ada), world.project(ben)
    asset = world.asset(ada, project)
    waiting, upload = world.announce(ada, project)
    prompt = world.prompt(ada, project)
    world.step_up(ada)
    known = Known(ids=[ada.id, ben.id, project, other, asset, waiting, prompt])
    page = world.ask("{ assets { pageInfo { endCursor } } projects { pageInfo { startCursor } } }", ada).data
    known.cursors = [page["assets"]["pageInfo"]["endCursor"], page["projects"]["pageInfo"]["startCursor"]]
    staff = [world.employ(role) for role in StaffRole] if hasattr(world, "house") else []
    return [ada, ben, *staff], known, [upload.encode(), world.content_url(ada, asset).encode()]


def fuzz(seed: int, send: Callable[[Request], Response], world: World, logged: Callable[[], list[str]]) -> Sent:
    """Send one request after another; answers what came of it."""
    at = random.Random(seed)
    sent = Sent(seed)
    tokens: list[str] = []
    known = Known()
    requests = Requests(Operations(build()._schema, at, known), at, tokens)
    for number in rounds():
        if number % _REFRESH == 0:
            callers, fresh, requests.targets = people(world)
            tokens[:] = [each.token for each in callers]
            known.ids, known.cursors = fresh.ids, fresh.cursors
            logged()
        request = requests.next()
        sent.judge(request, send(request), logged())
    return sent


def test_in_process(home: Path, database_url: str, cheap_passwords: None, seed: int) -> None:
    """Through the whole application, on both databases, with every line that is logged looked at."""
    with (
        opened(home, database_url, cost_per_minute=10**9, registrations_per_address=10**6) as world,
        structlog.testing.capture_logs() as lines,
    ):
        application = InProcess(world.client)

        def logged() -> list[str]:
            found = [f"logged: {line}" for line in lines if line["log_level"] in ("error", "critical")]
            lines.clear()
            return found

        try:
            fuzz(seed, application.send, world, logged).check()
        finally:
            application.close()


@pytest.mark.one_database("sqlite", reason="what reads requests is the same before both")
def test_each_odd_body(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Each of the bodies that once were trouble, or could be: as a stranger, signed in, and under an Idempotency-Key."""
    with (
        opened(home, database_url, cost_per_minute=10**9, registrations_per_address=10**6) as world,
        structlog.testing.capture_logs() as lines,
    ):
        application, sent = InProcess(world.client), Sent(0)
        ada = world.register("ada")
        try:
            for number, body in enumerate(BODIES):
                for more in (
                    [],
                    [(b"authorization", f"Bearer {ada.token}".encode())],
                    [(b"idempotency-key", b"k%d" % number)],
                ):
                    for accept in (b"application/json", b"application/graphql-response+json", b"text/event-stream"):
                        headers = [(b"content-type", b"application/json"), (b"accept", accept), *more]
                        request = Request(headers=headers, body=body)
                        sent.judge(request, application.send(request), [])
        finally:
            application.close()
        errors = [line for line in lines if line["log_level"] in ("error", "critical")]
    assert not sent.faults, "\n".join(sent.faults[:10])
    assert not errors, errors[:10]


FRAMES = [
    b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 18446744073709551616\r\n\r\n{}",
    b"POST /graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"1\r\n{\r\n" * 400
    + b"0\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /%ff%00 HTTP/1.1\r\nhost: \xff\r\nconnection: close\r\n\r\n",
    b"GET /graphql?query=%ff&variables=%00 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 5_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 500_000 + b"\r\n\r\n",
    b"GET " + b"/a" * 50_000 + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /graphql HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\nsec-websocket-version: 99\r\n\r\n",
]


@pytest.mark.one_database("sqlite", reason="what reads requests is the same before both")
def test_over_a_socket(tmp_path: Path, home: Path, database_url: str, seed: int) -> None:
    """The same through the real server, with frames that are none; nothing is logged as an error."""
    with serving(home, database_url) as server:
        connection = OverSocket(server.port)
        place = 0

        def logged() -> list[str]:
            nonlocal place
            lines = server.log.read_bytes()[place:]
            place += len(lines)
            return [
                line.decode(errors="replace")
                for line in lines.splitlines()
                if b"[error" in line or b"Traceback" in line
            ]

        sent = fuzz(seed, connection.send, server.api, logged)
        for frame in FRAMES:
            sent.judge(frame[:200], connection.send_bytes(frame), logged())
        assert server.api.client.get("/health/live").status_code == 200
        sent.check()
