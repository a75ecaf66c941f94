"""Posting outward: only to where the operator meant, whatever names and answers say."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agents import deadlines, outward
from agents.outward import AddressRefused, NoAnswer, is_public, post

INSIDE = (
    "127.0.0.1", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "169.254.169.254",  # noqa: S104 - nothing binds to them
    "fd00:ec2::254", "fe80::1%eth0", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "192.0.2.1",
    "::ffff:169.254.169.254", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "198.18.0.1", "2001:db8::1",
)  # fmt: skip
OUTSIDE = ("93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@dataclass
class Receiver:
    """A web server that notes what it got. `status` is what it answers; `endless` never ends its answer."""

    port: int = 0
    status: int = 204
    endless: bool = False
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One on loopback."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(found.status)
            self.send_header("location", f"http://127.0.0.1:{found.port}/elsewhere")
            self.end_headers()
            try:
                while found.endless:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name lead to these addresses; answers the names that were looked up."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def found(host: str, port: int, *rest: Any, **named: Any) -> Any:
        if host in addresses:
            return real(host, port, *rest, **named)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(deadlines.socket, "getaddrinfo", found)
    return asked


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_of_a_network_are_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Loopback, private, link-local with the clouds' metadata, carrier's, multicast, reserved; IPv4 inside IPv6 too."""
    assert not is_public(address)
    resolving(monkeypatch, "93.184.216.34", address)
    with pytest.raises(AddressRefused):
        post("https://hooks.example/x", b"{}", {})


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_of_the_internet_are_not(address: str) -> None:
    """Else nothing would ever be delivered."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/", "ftp://hooks.example/", "file:///etc/passwd", "https://", "https://u:p@hooks.example/"],
)
def test_addresses_that_are_no_plain_https_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Before anything is looked up."""
    asked = resolving(monkeypatch, "93.184.216.34")
    with pytest.raises(AddressRefused):
        post(url, b"{}", {})
    assert asked == []


def test_the_address_that_was_examined_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """The name is looked up once (no rebinding), and stands in Host."""
    asked = resolving(monkeypatch, "127.0.0.1")
    url = f"http://hooks.example:{receiver.port}/trail?x=1"
    assert post(url, b"body", {"webhook-id": "7"}, inside_too=True) == 204
    assert asked == ["hooks.example"]
    path, headers, body = receiver.got[0]
    assert (path, headers["host"], headers["webhook-id"], body) == (
        "/trail?x=1", f"hooks.example:{receiver.port}", "7", b"body",
    )  # fmt: skip


def test_no_redirect_is_followed(receiver: Receiver) -> None:
    """A receiver can't send us on to where we would not go ourselves."""
    receiver.status = 307
    assert post(f"http://127.0.0.1:{receiver.port}/", b"{}", {}, inside_too=True) == 307
    assert [path for path, _, _ in receiver.got] == ["/"]


def test_an_answer_without_end_is_broken_off(receiver: Receiver) -> None:
    """Its size is bounded, and it counts as no answer."""
    receiver.status, receiver.endless = 200, True
    with pytest.raises(NoAnswer):
        post(f"http://127.0.0.1:{receiver.port}/", b"{}", {}, inside_too=True)


def test_nobody_there_is_no_answer(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """A closed port, and a name that nobody knows."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NoAnswer):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, inside_too=True)

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(deadlines.socket, "getaddrinfo", unknown)
    with pytest.raises(NoAnswer):
        post("https://hooks.example/", b"{}", {})


def test_a_server_that_drips_holds_nobody_for_longer_than_is_allowed() -> None:
    """A byte of the answer's head now and then: each read is short enough, and all of them together are not."""
    ended = threading.Event()

    def drip(taken: socket.socket) -> None:
        with taken:
            for byte in b"HTTP/1.1 204 No Content\r\nx-a: " + b"y" * 5_000:
                try:
                    taken.sendall(bytes([byte]))
                except OSError:
                    break
                if ended.wait(0.05):
                    break
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=lambda: drip(listening.accept()[0]), daemon=True).start()
        with pytest.raises(NoAnswer):
            outward.exchange(f"http://127.0.0.1:{listening.getsockname()[1]}/", b"", {}, inside_too=True, seconds=1.0)
    assert ended.wait(60), "the connection was broken off, and long before the answer was over"
