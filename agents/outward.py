"""Speaking to an address that an operator named, and led nowhere else (OWASP API7:2023, SSRF).

(1) https, except in development. (2) The name is resolved once; every address that it has must be public, except in
development: not private, loopback, link-local (where clouds keep their metadata), multicast or reserved. (3) That very
address is connected to, whatever the name says a moment later; certificate and Host are still the name's. (4) No
redirect is followed, no proxy of the environment used. (5) Size and time of the whole exchange are bounded.
"""

import ipaddress
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

from agents import deadlines

MOST_SECONDS = 15.0
MOST_BYTES = 64 * 1024
"""More than this much of an answer is not waited for: nobody says that much that we need."""


class AddressRefused(Exception):
    """The address leads where nothing may be sent. The message names the rule, never the address."""

    code = "ADDRESS_REFUSED"


class NoAnswer(Exception):
    """Nobody answered, or not in time, or far too much."""

    code = "NO_ANSWER"


@dataclass(frozen=True)
class Answer:
    """What came back: HTTP status, media type without its parameters, and the body, which nobody has checked."""

    status: int
    media_type: str
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], *, inside_too: bool = False) -> int:
    """POST `body`; answers the HTTP status, which is all that is kept of the answer. Raises what `exchange` raises."""
    return exchange(url, body, headers, inside_too=inside_too).status


def exchange(
    url: str, body: bytes, headers: Mapping[str, str], *, inside_too: bool = False, seconds: float = MOST_SECONDS
) -> Answer:
    """POST `body`; answers what came back. `inside_too` lets http and addresses of this network through: development.

    Raises AddressRefused, before a byte is sent, and NoAnswer.
    """
    return _sent("POST", url, body, headers, inside_too, seconds)


def fetch(url: str, *, inside_too: bool = False, seconds: float = MOST_SECONDS) -> Answer:
    """GET `url`; answers what came back, and raises as `exchange` does."""
    return _sent("GET", url, None, {"accept": "application/json"}, inside_too, seconds)


def remove(url: str, headers: Mapping[str, str], *, inside_too: bool = False, seconds: float = MOST_SECONDS) -> Answer:
    """DELETE `url`; answers what came back, and raises as `exchange` does."""
    return _sent("DELETE", url, None, {"accept": "application/json", **headers}, inside_too, seconds)


def _sent(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], inside_too: bool, seconds: float
) -> Answer:
    import httpcore2

    logging.getLogger("httpcore2").setLevel(logging.WARNING)  # at DEBUG it logs addresses and headers
    ends = time.monotonic() + seconds
    parts = _examined(url, inside_too)  # (1)
    host = parts.hostname or ""
    address = resolve(host, parts.port or (443 if parts.scheme == "https" else 80), inside_too, seconds)  # (2)
    pinned = parts._replace(netloc=_netloc(address, parts.port)).geturl()
    named = [*{"accept": "*/*", **headers, "host": _netloc(host, parts.port)}.items()]
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=trusted(), network_backend=deadlines.backend(ends)) as pool,  # (3) (5)
            pool.stream(method, pinned, headers=named, content=body, extensions={"sni_hostname": host}) as answer,
        ):
            found = b""
            for part in answer.iter_stream():
                found += part
                if len(found) > MOST_BYTES:
                    raise NoAnswer("the answer does not end")
            said = dict(answer.headers).get(b"content-type", b"").decode("latin-1")
            return Answer(int(answer.status), said.partition(";")[0].strip().lower(), found)
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError, ValueError) as cause:
        raise NoAnswer(type(cause).__name__) from None


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that vouch for other servers, read once: reading them takes longer than most messages."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


def resolve(host: str, port: int, inside_too: bool = False, seconds: float = MOST_SECONDS) -> str:
    """An address of `host` that may be connected to. Raises AddressRefused where any of its addresses may not."""
    try:
        found = {str(entry[4][0]) for entry in deadlines.look_up(host, port, seconds)}
    except OSError:
        raise NoAnswer("the name is not known") from None
    if not inside_too and not all(is_public(address) for address in found):
        raise AddressRefused("the name leads into this network, or to no host at all")
    return sorted(found, key=lambda address: (":" in address, address))[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the open Internet; an IPv6 address that carries an IPv4 one counts as that."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        carried = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if carried is None and found in _NAT64:
            carried = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if carried is not None:
            return carried.is_global and not carried.is_multicast
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


def _examined(url: str, inside_too: bool) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (inside_too and parts.scheme == "http"):
        raise AddressRefused("only https leaves this house")
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise AddressRefused("an address names a host, and neither user nor password")
    return parts


def _netloc(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
