"""Where this server is reached, as long as nobody says otherwise, and whether its own authority vouches for that."""

import ipaddress
from pathlib import Path
from typing import Any

_LONGEST = 64
"""Characters of the longest text that is an address, with a zone."""


def own_url(told: dict[str, Any]) -> str:
    """How clients on this machine reach it, from what else was set."""
    host = str(told["host"])
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    upstream = told["tls_terminated_upstream"]
    ours = needs_local_ca(told["env"], host, told["tls_cert"], upstream=upstream)
    return f"{'https' if told['tls_cert'] or ours else 'http'}://{shown}:{told['port']}"


def needs_local_ca(env: str, host: str, certificate: Path | None, *, upstream: bool) -> bool:
    """Whether this machine's own authority certifies it: others may reach it, and no certificate was brought."""
    return env != "production" and not is_loopback(host) and certificate is None and not upstream


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) can only be this machine."""
    address = read(host.strip("[]"))
    return host == "localhost" if address is None else address.is_loopback


def is_everywhere(host: str) -> bool:
    """Whether `host` means every address of this machine."""
    address = read(host.strip("[]"))
    return address is not None and address.is_unspecified


def reachable(host: str) -> list[str]:
    """The addresses by which others reach a server that listens on all of them (`0.0.0.0`, or `::` for both kinds)."""
    import psutil  # only a server that others may reach needs it

    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    given = [each.address for name, those in psutil.net_if_addrs().items() if name in up for each in those]
    found = [address for address in map(read, given) if address is not None]
    wanted = (4, 6) if ipaddress.ip_address(host).version == 6 else (4,)
    theirs = (each for each in found if each.version in wanted and not (each.is_loopback or each.is_link_local))
    return [str(each) for each in sorted(theirs, key=lambda each: (each.version, each.packed))]


def read(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `text` is; None for a name, and for the address of a network card."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address in `text` as it is counted: an IPv4 address within IPv6 as IPv4, without a zone; or None."""
    address = read(text) if len(text) <= _LONGEST else None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or (ipaddress.IPv6Address(int(address)) if address.scope_id else address)
    return address
