"""Connections that are held: whoever holds them, others are served beside them, and they do not stay."""

import asyncio
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from muniment import certificates, connections, exchanges, tcp
from muniment.connections import ConnectionGuard
from muniment.proxies import TrustedProxies
from muniment.shares import fair_share, owner_of
from tests.faults.connections import HELD, OVER_HTTP2, Probe, Target, holding
from tests.faults.servers import PATIENCE, Server, serving, wait_for

pytestmark = pytest.mark.one_database("sqlite", reason="ends before the database")

MANY = 200
"""More than granian took by itself (128), and than one address may have here."""
LIMITS = {"connections": 400, "connections_per_address": 64, "worker": False}


def prepared(server: Server) -> Target:
    """A contributor with a file to fetch and one to send, and another one."""
    ann = server.api.register("ann")
    project = server.api.project(ann)
    asset = server.api.asset(ann, project, b"z" * 3_000_000)
    target = Target(server.port, ann.token, content=server.api.content_url(ann, asset))
    target.beside = server.api.register("ben").token
    target.upload = server.api.announce(ann, project, 1000)[1]
    return target


def served_beside(target: Target, sends: bytes, **how: Any) -> None:
    """Others are served while the connections are held, each time."""
    probe = Probe(target)
    with holding(target, MANY, sends, **how), probe.asking():
        wait_for(lambda: len(probe.taken) + len(probe.failed) >= 6)
    assert (probe.statuses, probe.failed) == ({200}, [])


def test_others_are_served_beside_connections_that_are_held(home: Path, database_url: str) -> None:
    """In each way to hold one; there are never more than one address may have, and none are left at the end."""
    with serving(home, database_url, **LIMITS) as server:
        target = prepared(server)
        for name, sends in HELD.items():
            served_beside(target, sends(target))
            assert server.process is not None, name
        wait_for(lambda: accepted(server) < 8)
        assert "not_looked_at" not in server.log.read_text()


def accepted(server: Server) -> int:
    """How many connections the server has, as the kernel says."""
    sockets = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
               if int(line.split()[1].split(":")[1], 16) == server.port and line.split()[3] != "0A"}  # fmt: skip
    links = []
    for descriptor in Path(f"/proc/{server.pid}/fd").iterdir():
        with suppress(OSError):
            links.append(str(descriptor.readlink()))
    return sum(f"socket:[{number}]" in links for number in sockets)


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, Path, ssl.SSLContext]:
    """A certificate with its key, and who trusts it."""
    certificate, key = certificates.local(tmp_path / "tls", "127.0.0.1")
    return certificate, key, ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")


@contextmanager
def serving_tls(
    home: Path, database_url: str, certified: tuple[Path, Path, ssl.SSLContext]
) -> Iterator[tuple[Server, Target]]:
    """A server that ends TLS itself, and a contributor there."""
    certificate, key, context = certified
    server = Server(home, database_url, tls_cert=certificate, tls_key=key, **LIMITS)
    server.api.client.close()
    server.api.client = httpx2.Client(base_url=f"https://127.0.0.1:{server.port}", verify=context, timeout=PATIENCE)  # type: ignore[assignment]
    try:
        server.start()
        target = prepared(server)
        target.context = context
        yield server, target
    finally:
        server.close()


def test_others_are_served_over_tls_and_http_2(
    home: Path, database_url: str, certified: tuple[Path, Path, ssl.SSLContext]
) -> None:
    """Handshakes that do not end, floods of frames, streams that are not read: nobody else waits for them."""
    with serving_tls(home, database_url, certified) as (server, target):
        for handshake in (False, True):
            served_beside(target, b"", handshake=handshake)
        for name in ("half a header", "half a body", "an event stream", "an unread response"):
            served_beside(target, HELD[name](target))
        for sends in OVER_HTTP2.values():
            served_beside(target, sends, http2=True)
        wait_for(lambda: accepted(server) < 8)


class Accepting:
    """A port with a guard over it: connections are accepted here, and nothing answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self.listener.getsockname()[1]
        given = {"most": 1000, "most_per_address": 1000, "message_bytes": 1000, "proxies": TrustedProxies()}
        self.guard = ConnectionGuard(self.port, **{**given, **limits})  # type: ignore[arg-type]
        self.application = self.guard.exchanges(self._app)
        self.accepted: list[socket.socket] = []
        self.callers: list[socket.socket] = []
        self._passed = 0.0
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + self._passed)

    def close(self) -> None:
        """Close the port and what was accepted."""
        for each in (self.listener, *self.accepted, *self.callers):
            each.close()

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Connect, from that address of this machine; return the caller's side."""
        caller = socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(source, 0))
        self.accepted.append(self.listener.accept()[0])
        self.callers.append(caller)
        self.guard.look(every=False)
        return caller

    def wait(self, seconds: float) -> None:
        """Let so much time pass, and look."""
        self._passed += seconds
        self.guard.look()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.body"})

    async def begin(self, caller: socket.socket, **scope: Any) -> "Request":
        """A request on that connection, which waits for its body."""
        host, port = caller.getsockname()
        given = {"type": "http", "client": (host, str(port)), "http_version": "1.1", "path": "/graphql", **scope}
        request = Request()
        request.task = asyncio.create_task(self.application(given, request.receive, request.send))
        await asyncio.sleep(0)
        self.guard.look(every=False)
        return request


class Request:
    """A request whose body comes, and whose response is taken, when the test says so."""

    task: "asyncio.Task[None]"

    def __init__(self) -> None:
        self.body: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.taken = asyncio.Event()

    async def receive(self) -> Any:
        return await self.body.get()

    async def send(self, message: Any) -> None:
        await self.taken.wait()

    async def bring(self, size: int, *, more: bool = True) -> None:
        """Let so much of the body come."""
        await self.body.put({"type": "http.request", "body": b"x" * size, "more_body": more})
        for _ in range(3):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Let the whole body come, and the response be taken."""
        self.taken.set()
        await self.bring(0, more=False)
        await self.task


def is_closed(caller: socket.socket) -> bool:
    """Whether the other side has closed it."""
    caller.settimeout(0.05)
    try:
        return caller.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.fixture
def accept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Accepting]]:
    """Makes guarded ports with these limits, and closes them."""
    with ExitStack() as stack:
        yield lambda **limits: stack.enter_context(closing(Accepting(monkeypatch, **limits)))


@pytest.fixture
def accepting(accept: Callable[..., Accepting]) -> Accepting:
    """A guarded port without narrow limits."""
    return accept()


@pytest.fixture
def anyio_backend() -> str:
    """Granian calls applications from asyncio."""
    return "asyncio"


def test_a_connection_without_a_request_is_closed_and_nothing_else_is(accepting: Accepting) -> None:
    """Neither the caller's own side of it, which is in this process too, nor another port's, nor the listener."""
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_connection(other.getsockname()) as elsewhere:
        caller = accepting.connect()
        accepting.wait(connections.REQUEST_SECONDS - 2)
        assert not is_closed(caller)
        accepting.wait(4)
        assert is_closed(caller)
        accepting.accepted[0].close()
        accepting.wait(0)
        assert accepting.guard.size() == 0
        assert not is_closed(elsewhere)
        assert not is_closed(accepting.connect())


@pytest.mark.anyio
async def test_a_connection_may_idle_between_requests_but_not_dawdle_over_the_next(accepting: Accepting) -> None:
    """Proxies keep connections for a minute; half a header is given as long as a first one."""
    idle, dawdling = accepting.connect(), accepting.connect()
    for caller in (idle, dawdling):
        await (await accepting.begin(caller)).end()
    accepting.wait(0)
    accepting.wait(1)
    dawdling.sendall(b"GET / HT")
    for each in accepting.accepted:
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.recv(100)
    accepting.wait(1)
    accepting.wait(connections.REQUEST_SECONDS + 1)
    assert (is_closed(idle), is_closed(dawdling)) == (False, True)
    accepting.wait(connections.IDLE_SECONDS)
    assert is_closed(idle)


@pytest.mark.anyio
async def test_a_body_that_drips_is_ended_and_a_steady_one_is_not(accepting: Accepting) -> None:
    """The rate is looked at in each window: what came fast at first buys no time. Work that waits for us is let be."""
    dripping, steady, working = (accepting.connect() for _ in range(3))
    drips, runs = await accepting.begin(dripping), await accepting.begin(steady)
    works = await accepting.begin(working)
    await works.bring(10, more=False)
    await drips.bring(500_000)
    for _ in range(4):
        await runs.bring(20_000)
        await runs.bring(20_000)
        await drips.bring(1)
        accepting.wait(exchanges.WINDOW_SECONDS + 1)
        await runs.bring(1)
    assert is_closed(dripping)
    assert not is_closed(steady)
    assert is_closed(working)  # its response was not taken for a minute
    for each in (drips, runs):
        await each.end()


@pytest.mark.anyio
async def test_a_response_that_is_not_read_is_ended_by_what_the_kernel_says(accepting: Accepting) -> None:
    """Also where the application has long sent it all; a caller who reads slowly but steadily is served."""
    lazy, slow = accepting.connect(), accepting.connect()
    for caller, side in zip((lazy, slow), accepting.accepted, strict=True):
        await (await accepting.begin(caller)).end()
        side.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                side.send(b"x" * 65536)
    accepting.wait(0)
    for _ in range(3):
        slow.recv(300_000, socket.MSG_WAITALL)
        accepting.wait(exchanges.WINDOW_SECONDS + 1)
    with pytest.raises(BrokenPipeError):
        accepting.accepted[0].send(b"x")
    with suppress(BlockingIOError):
        accepting.accepted[1].send(b"x")


@pytest.mark.anyio
async def test_a_websocket_may_be_silent_but_not_send_more_than_a_message_is(accepting: Accepting) -> None:
    """The server reads a message whole before the application sees any of it: 64 MiB, unless somebody counts."""
    quiet, loud = accepting.connect(), accepting.connect()
    talks = [await accepting.begin(caller, type="websocket") for caller in (quiet, loud)]
    accepting.wait(1)
    for _ in range(20):
        sender = asyncio.to_thread(loud.sendall, b"x" * 100_000)
        reader = asyncio.to_thread(_read, accepting.accepted[1], 100_000)
        await asyncio.gather(sender, reader)
    accepting.wait(3600)
    assert (is_closed(quiet), is_closed(loud)) == (False, True)
    for each in talks:
        await each.end()


def _read(connection: socket.socket, size: int) -> None:
    while size:
        size -= len(connection.recv(size))


def test_one_address_gets_its_share_and_the_newest_are_kept(accept: Callable[..., Accepting]) -> None:
    """Nobody else's is closed for it; a burst is let be for two seconds, so that a request within it is served."""
    accepting = accept(most_per_address=10)
    greedy = [accepting.connect() for _ in range(20)]
    modest = accepting.connect("127.0.0.2")
    accepting.wait(0)
    assert not any(map(is_closed, greedy))
    accepting.wait(3)
    last = accepting.connect()
    accepting.wait(0)
    assert [is_closed(each) for each in greedy] == [True] * 11 + [False] * 9
    assert not is_closed(modest)
    assert not is_closed(last)


def test_when_there_are_too_many_those_with_most_have_fewer(accept: Callable[..., Accepting]) -> None:
    """At once, however new they are: the next caller has to find room."""
    accepting = accept(most=30)
    greedy = [accepting.connect(f"127.0.0.{2 + number % 2}") for number in range(60)]
    modest = [accepting.connect(f"127.0.1.{number}") for number in range(1, 11)]
    assert sum(not is_closed(each) for each in greedy) == 20
    assert not any(map(is_closed, modest))


@pytest.mark.anyio
async def test_of_a_proxy_callers_are_counted_and_not_the_proxy(accept: Callable[..., Accepting]) -> None:
    """Idle connections of a trusted proxy are nobody's; those in use are the caller's whom it names."""
    accepting = accept(most_per_address=5, proxies=TrustedProxies(["127.0.0.9"]))
    idle = [accepting.connect("127.0.0.9") for _ in range(12)]
    used = [accepting.connect("127.0.0.9") for _ in range(10)]
    requests = [
        await accepting.begin(each, headers=[(b"x-forwarded-for", b"192.0.2.1" if number < 8 else b"192.0.2.2")])
        for number, each in enumerate(used)
    ]
    for request in requests:
        await request.bring(1)
    accepting.wait(3)
    assert not any(map(is_closed, idle))
    assert [is_closed(each) for each in used] == [True] * 3 + [False] * 7
    for request in requests:
        await request.end()


@pytest.mark.anyio
async def test_a_proxy_that_is_not_named_is_logged_once(accepting: Accepting) -> None:
    """A request that says it was forwarded comes from it, and counts as the proxy's own."""
    with capture_logs() as lines:
        for header in (b"accept", b"x-forwarded-for", b"forwarded"):
            request = await accepting.begin(accepting.connect(), headers=[(header, b"192.0.2.1")])
            await request.end()
    assert [each["event"] for each in lines] == ["proxy.not_trusted"]
    assert lines[0]["code"] == "MUNIMENT_TRUSTED_PROXIES"


@pytest.mark.anyio
async def test_bodies_that_are_not_whole_have_a_share_of_memory(
    accepting: Accepting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest of the address that has most of it are closed, and of nobody else."""
    monkeypatch.setattr(connections, "_HELD_PER_ADDRESS", 250_000)
    greedy = [accepting.connect() for _ in range(4)]
    modest = accepting.connect("127.0.0.2")
    requests = [await accepting.begin(each) for each in (*greedy, modest)]
    for request in requests:
        await request.bring(100_000)
    accepting.wait(0)
    assert [is_closed(each) for each in greedy] == [True, True, False, False]
    assert not is_closed(modest)
    for request in requests:
        await request.end()


@pytest.mark.anyio
async def test_a_large_body_is_sent_in_pieces(accepting: Accepting) -> None:
    """The same bytes, and the last says that it is the last; small ones in one."""
    for version, most in (("2", 16 * 1024), ("1.1", 64 * 1024), ("1.0", 64 * 1024)):
        for size in (0, 1, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 64 * 1024 + 1, 300_000):
            body, sent = bytes(size), list[Any]()

            async def send(message: Any, sent: list[Any] = sent) -> None:
                sent.append(message)

            exchange = exchanges.Exchange(
                {"type": "http", "http_version": version}, Request().receive, send, "", extra=False
            )
            await exchange.send({"type": "http.response.body", "body": body, "more_body": False})
            assert b"".join(each["body"] for each in sent) == body
            assert [each["more_body"] for each in sent] == [True] * (len(sent) - 1) + [False]
            assert max(len(each["body"]) for each in sent) <= most
            assert len(sent) == max(1, -(-size // most))


@pytest.mark.anyio
async def test_a_body_counts_as_held_until_its_response_begins(accepting: Accepting) -> None:
    """While it waits for a thread as well; then the response does, until it is read."""
    request = await accepting.begin(accepting.connect())
    await request.bring(70_000)
    await request.bring(0, more=False)
    activity = accepting.guard._exchanges
    assert activity is not None
    exchange = next(iter(next(iter(activity._by_peer.values())).exchanges))
    assert (exchange.complete, exchange.held) == (True, 0)  # the response has begun
    exchange._started = None
    assert exchange.held == 70_000
    await request.end()


@pytest.mark.anyio
async def test_responses_that_are_not_read_have_a_share_of_memory_and_an_end(
    accepting: Accepting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest of the address with most go; one that is read at a trickle goes after five minutes."""
    monkeypatch.setattr(connections, "_HELD_PER_ADDRESS", 25_000)

    async def large(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.body", "body": bytes(10_000)})

    accepting.application = accepting.guard.exchanges(large)
    greedy = [accepting.connect() for _ in range(4)]
    modest = accepting.connect("127.0.0.2")
    requests = [await accepting.begin(each) for each in (*greedy, modest)]
    for request in requests:
        await request.bring(1, more=False)
    accepting.wait(1)
    assert not any(map(is_closed, (*greedy, modest)))
    accepting.wait(3)
    assert [is_closed(each) for each in (*greedy, modest)] == [True, True, False, False, False]
    for request in requests:
        request.taken.set()
        await request.task
    trickle = exchanges.Exchange(
        {"type": "http", "http_version": "1.1"}, Request().receive, Request().send, "", extra=False
    )
    sending = asyncio.create_task(trickle.send({"type": "http.response.body", "body": bytes(200_000)}))
    await asyncio.sleep(0)
    begun = time.monotonic()
    trickle._sending_since = begun + exchanges.DELIVERY_SECONDS - 1  # a piece was taken a moment ago
    assert trickle.fault(begun + exchanges.DELIVERY_SECONDS - 2) is None
    assert trickle.fault(begun + exchanges.DELIVERY_SECONDS + 2) == "unread_response"
    sending.cancel()


def test_a_low_limit_on_open_files_lowers_that_on_connections(
    accept: Callable[..., Accepting], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There must be some left for the databases; the log says how many connections may be open."""
    monkeypatch.setattr(tcp, "raise_descriptor_limit", lambda: 1024)
    with capture_logs() as lines:
        assert accept(most=4096).guard.most == 512
    assert [line["count"] for line in lines if line["event"] == "connections.fewer_than_set"] == [512]


def test_the_limit_on_open_files_is_raised_as_far_as_it_may() -> None:
    """Many systems begin a process with 1,024 of a possible half million."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (900, before[1]))
        raised = tcp.raise_descriptor_limit()
        assert raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(before[1], 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_shares_are_fair() -> None:
    """Whoever has little keeps it; what is left is split evenly among the others."""
    assert fair_share([], 10) == 10
    assert fair_share([3, 4], 10) == 4
    assert fair_share([100], 10) == 10
    assert fair_share([1, 1, 100, 100], 12) == 5
    assert fair_share([5] * 10, 10) == 1
    assert fair_share([5] * 10, 9) == 0


def test_a_network_of_ipv6_is_one_address() -> None:
    """A caller is handed 2^64 of them; IPv4 within IPv6 is IPv4."""
    assert owner_of("2001:db8::1") == owner_of("2001:db8::ffff:1") != owner_of("2001:db8:0:1::1")
    assert owner_of("::ffff:192.0.2.1") == owner_of("192.0.2.1") != owner_of("192.0.2.2")
