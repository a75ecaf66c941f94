"""Whoever opens the server to other machines gets TLS: HTTP/2 and 1.1, from this machine's own authority in development."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import time_machine
from cryptography import x509

from muniment import addresses, certificates, tls
from muniment.serve import welcome
from muniment.variables import SettingsError, load
from storage.clock import now
from tests.faults.servers import wait_for
from tests.world import ROOT

APPLICATION = """
import contextlib, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from muniment import logs, serve, variables

@contextlib.asynccontextmanager
async def lifespan(app):
    yield

logs.configure(production=True)
app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("sealed"))], lifespan=lifespan)
serve.serve(app, variables.load(home=sys.argv[1], host="0.0.0.0", port=int(sys.argv[2])))
"""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""How a client begins HTTP/2 (RFC 9113, 3.4): the words, and an empty SETTINGS frame."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server that other machines may reach, with no certificate brought to it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        chosen: int = probe.getsockname()[1]
    command = [sys.executable, "-c", APPLICATION, str(tmp_path), str(chosen)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(chosen) or process.poll() is not None)
        assert process.poll() is None
        yield chosen
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def connected(port: int, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=100), server_hostname=name)


def test_others_reach_it_over_tls_alone(tmp_path: Path, port: int) -> None:
    """HTTP/2 where the client speaks it, 1.1 where not, TLS 1.3, verified by `ca.pem`; plain HTTP has no answer."""
    context = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connected(port, context) as talk:
        assert (talk.version(), talk.selected_alpn_protocol()) == ("TLSv1.3", "h2")
        talk.sendall(PREFACE)
        assert talk.recv(9)[3] == 4  # the server's own SETTINGS come first
    context.set_alpn_protocols(["http/1.1"])
    for name in ("localhost", "127.0.0.1", socket.gethostname()):
        with connected(port, context, name) as talk:
            talk.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: talk.recv(4096), b""))
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"sealed")
    with socket.create_connection(("127.0.0.1", port), timeout=100) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with suppress(ConnectionResetError):
            assert b"HTTP/" not in plain.recv(4096)
    older = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        connected(port, older)
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(port, ssl.create_default_context())


def test_the_authority_signs_for_this_machine_alone_and_its_key_is_the_owners(tmp_path: Path) -> None:
    """Whoever trusts it trusts it for no other site; keys are nobody else's to read."""
    certificates.local(tmp_path / "tls", "0.0.0.0")  # noqa: S104
    authority = x509.load_pem_x509_certificate((tmp_path / "tls" / "ca.pem").read_bytes())
    allowed = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert allowed.critical
    names = {str(each.value) for each in allowed.value.permitted_subtrees or ()}
    assert {"localhost", "127.0.0.1/32", socket.gethostname().lower()} <= names
    for name in ("ca.key", "server.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "tls").glob("*.part"))


def test_what_is_good_is_kept_and_what_is_due_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    """Trust once given lasts; a month before its end, and under another name, the certificate is made anew."""
    folder = tmp_path / "tls"
    certificate, _ = certificates.local(folder, "0.0.0.0")  # noqa: S104
    authority, first = (folder / "ca.pem").read_bytes(), certificate.read_bytes()
    certificates.local(folder, "0.0.0.0")  # noqa: S104
    assert certificate.read_bytes() == first
    with time_machine.travel(now() + timedelta(days=70), tick=False):
        certificates.local(folder, "0.0.0.0")  # noqa: S104
    assert certificate.read_bytes() != first
    assert (folder / "ca.pem").read_bytes() == authority
    certificates.local(folder, "box.example.org")
    told = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = told.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "box.example.org" in names.get_values_for_type(x509.DNSName)


def test_a_server_on_every_address_is_certified_for_each_and_says_what_to_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for those of links, cards and interfaces that are down; an address that went keeps the authority."""

    def machine(**addresses: list[str]) -> None:
        given = {name: [SimpleNamespace(address=each) for each in those] for name, those in addresses.items()}
        monkeypatch.setattr(psutil, "net_if_addrs", lambda: given)
        monkeypatch.setattr(psutil, "net_if_stats", lambda: {n: SimpleNamespace(isup=n != "old0") for n in given})

    lan = ["192.0.2.7", "2001:db8::7", "fe80::7%lan0", "02:fc:00:00:00:01"]
    machine(lo=["127.0.0.1", "::1"], lan0=lan, vpn0=["198.51.100.9"], old0=["203.0.113.5"])
    everywhere, both = "0.0.0.0", "::"  # noqa: S104
    assert addresses.reachable(everywhere) == ["192.0.2.7", "198.51.100.9"]
    assert addresses.reachable(both) == ["192.0.2.7", "198.51.100.9", "2001:db8::7"]
    certificate, _ = certificates.local(tmp_path / "tls", everywhere)
    told = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = told.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    shown = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert shown == {"127.0.0.1", "::1", "192.0.2.7", "198.51.100.9"}
    settings = load(home=tmp_path, host=both, port=8123)
    said = welcome(settings)
    for name in (socket.gethostname(), "192.0.2.7", "198.51.100.9", "[2001:db8::7]"):
        assert f"https://{name}:8123/" in said
    assert "https://localhost:8123/graphql" in said
    assert "203.0.113.5" not in said
    [finding] = tls.findings(settings)
    assert "good for " in finding.text
    assert "2001:db8::7" in finding.text
    assert "elsewhere.example" in welcome(load(home=tmp_path, host=both, public_url="https://elsewhere.example"))
    authority = (tmp_path / "tls" / "ca.pem").read_bytes()
    machine(lo=["127.0.0.1", "::1"], lan0=["192.0.2.7"])
    certificates.local(tmp_path / "tls", everywhere)
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == authority
    machine(lo=["127.0.0.1", "::1"], lan0=["192.0.2.8"])
    certificates.local(tmp_path / "tls", everywhere)
    assert (tmp_path / "tls" / "ca.pem").read_bytes() != authority


def test_only_development_makes_its_own_and_a_brought_one_wins(tmp_path: Path) -> None:
    """On the loopback there is none; in production a server without a certificate is refused; a proxy may end TLS."""
    assert load(home=tmp_path, host="0.0.0.0").local_ca  # noqa: S104
    assert load(home=tmp_path, host="0.0.0.0").public_url.startswith("https://")  # noqa: S104
    assert not load(home=tmp_path).local_ca
    assert not load(home=tmp_path, host="0.0.0.0", tls_terminated_upstream=True).local_ca  # noqa: S104
    for name in ("server.pem", "server.key"):
        (tmp_path / name).touch()
    brought = load(home=tmp_path, host="0.0.0.0", tls_cert=tmp_path / "server.pem", tls_key=tmp_path / "server.key")  # noqa: S104
    assert (brought.local_ca, brought.tls) == (False, True)
    with pytest.raises(SettingsError, match="without encryption"):
        load(home=tmp_path, host="0.0.0.0", env="production")  # noqa: S104
    assert not os.path.lexists(tmp_path / "tls")
