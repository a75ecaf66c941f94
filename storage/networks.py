"""Networks that somebody was seen in: as much of an address as tells one place from another, and no more.

Of IPv4 the first 24 bits, of IPv6 the first 48: what a household, an office or a data centre has. They are kept sealed,
with the account or key that they belong to, and go with it.
"""

import ipaddress
from collections.abc import Sequence

MOST = 30
"""So many are remembered. Of those who sign in the one that was seen longest ago goes; a key that was in so many places
is one that moves, and where it is says nothing any more."""

_BITS = {4: 24, 6: 48}


def network_of(address: str | None) -> str | None:
    """The network of an address; None where there is none, or what came is no address."""
    if address is None:
        return None
    try:
        found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address)
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ipaddress.ip_network(f"{found}/{_BITS[found.version]}", strict=False))


def with_seen(known: Sequence[str], network: str) -> list[str]:
    """Those that are known from here on, the last to be seen last."""
    return [*(each for each in known if each != network), network][-MOST:]


def blocks_of(address: str | None) -> tuple[str, ...]:
    """What one caller has to themselves, and wider blocks that one caller may have: an IPv4 address; IPv6 /64 and /48.

    A caller without an address is one with all others who have none.
    """
    try:
        found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address or "")
    except ValueError:
        return ("none",)
    found = getattr(found, "ipv4_mapped", None) or found
    if isinstance(found, ipaddress.IPv4Address):
        return (str(found),)
    return tuple(str(ipaddress.ip_network((int(found), bits), strict=False)) for bits in (64, 48))
