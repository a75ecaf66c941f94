"""Find the address of a caller behind proxies that the operator has named (MUNIMENT_TRUSTED_PROXIES).

Only `X-Forwarded-For` is read, and only from a peer that is such a proxy. Each proxy appends the address that it was
called from, so the list is read from the right: the first address that is no trusted proxy is the caller. What stands
left of it is the caller's own claim. Scheme and host come from MUNIMENT_PUBLIC_URL, never from a header.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from muniment.addresses import plain

_MOST_NETWORKS = 1000
_MOST_HOPS = 32
"""How many entries are read: a longer chain is nobody's deployment."""
_WIDEST = {4: 8, 6: 32}
"""The shortest prefix that production trusts, by IP version: a larger network has strangers in it."""
_UNIQUE_LOCAL = ipaddress.IPv6Network("fc00::/7")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxiesRefused(ValueError):
    """The setting cannot be used; the message says why."""


class TrustedProxies:
    """The networks of proxies whose `X-Forwarded-For` is believed."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Raises `ProxiesRefused` for an entry that is no network."""
        self.networks = _collapsed([_network(each) for each in networks])
        self._ranges = {
            version: sorted(
                (int(each.network_address), int(each.broadcast_address))
                for each in self.networks
                if each.version == version
            )
            for version in (4, 6)
        }

    def require_narrow(self) -> None:
        """Raises `ProxiesRefused` if strangers could be within a network."""
        for each in self.networks:
            local = isinstance(each, ipaddress.IPv6Network) and each.subnet_of(_UNIQUE_LOCAL)
            if each.prefixlen < _WIDEST[each.version] and not local:
                raise ProxiesRefused(f"{each} has room for strangers: name the addresses of your proxies")

    def trusts(self, host: str) -> bool:
        """Return whether `host` is the address of such a proxy."""
        address = plain(host)
        if address is None:
            return False
        ranges, number = self._ranges[address.version], int(address)
        index = bisect_right(ranges, (number, 1 << 128)) - 1
        return index >= 0 and number <= ranges[index][1]

    def caller(self, peer: str, forwarded: list[bytes]) -> str:
        """Return the caller's address, given the peer and the values of all `X-Forwarded-For` headers in order.

        Where a trusted proxy reported no address (an entry that is none, an empty header), that proxy is the caller.
        """
        if not self.trusts(peer):
            return peer
        nearest = peer
        for entry in reversed(b",".join(forwarded).decode("latin-1").rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            said = entry.strip(" \t")
            if not said:
                continue
            address = plain(_host(said))
            if address is None:
                return nearest
            nearest = str(address)
            if not self.trusts(nearest):
                return nearest
        return nearest

    def client(self, scope: Scope) -> tuple[str, int]:
        """Return the caller's address and port for an ASGI scope; the port is 0 if a proxy reported the address."""
        host, port = scope["client"]
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        return (self.caller(host, forwarded), 0) if self.trusts(host) else (host, port)


def is_forwarded(scope: Scope) -> bool:
    """Return whether a request says that a proxy has forwarded it."""
    return any(name in (b"x-forwarded-for", b"forwarded") for name, _ in scope.get("headers", ()))


class ForwardedAddress:
    """Sets the caller's address of each connection to the one that trusted proxies report."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self.app = app
        self.proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("client"):
            scope["client"] = self.proxies.client(scope)
        await self.app(scope, receive, send)


def _network(text: str) -> Network:
    if text == "unix":
        raise ProxiesRefused("this server listens on no Unix socket: name addresses, as 10.0.0.5 or 10.0.0.0/24")
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ProxiesRefused(f"{text[:60]!r} is no address or network: {str(error)[:120]}") from None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        return ipaddress.IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _collapsed(networks: list[Network]) -> list[Network]:
    if len(networks) > _MOST_NETWORKS:
        raise ProxiesRefused(f"at most {_MOST_NETWORKS} networks")
    fours = [each for each in networks if isinstance(each, ipaddress.IPv4Network)]
    sixes = [each for each in networks if isinstance(each, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(fours), *ipaddress.collapse_addresses(sixes)]


def _host(said: str) -> str:
    """Return the address in an entry, which may come with a port: `192.0.2.1:8080`, `[2001:db8::1]:8080`."""
    if said.startswith("["):
        host, bracket, port = said[1:].partition("]")
        return host if bracket and _is_port(port) else ""
    if said.count(":") == 1:
        host, _, port = said.partition(":")
        return host if _is_port(f":{port}") else ""
    return said


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isascii() and text[1:].isdigit() and len(text) <= 6)
