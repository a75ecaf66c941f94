"""Share a limit fairly among addresses."""

from collections.abc import Hashable
from ipaddress import IPv6Address

from muniment.addresses import plain


def owner_of(host: str) -> Hashable:
    """Return what counts as one address: of IPv6 a network that is handed out whole (/64)."""
    address = plain(host)
    return int(address) >> 64 if isinstance(address, IPv6Address) else str(address)


def fair_share(amounts: list[int], limit: int) -> int:
    """Return how much each may have at most so that all together have `limit`: those with less keep what they have."""
    left, rest = limit, len(amounts)
    for amount in sorted(amounts):
        if amount > left // rest:
            return left // rest
        left, rest = left - amount, rest - 1
    return max(amounts, default=limit)
