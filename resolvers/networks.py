"""Where somebody is: whether their account, or a key of theirs, was seen in that network before."""

from storage import networks
from storage.contributors import Contributor
from storage.sessions import ApiKey
from storage.work import UnitOfWork


def known(work: UnitOfWork, row: Contributor | ApiKey) -> list[str]:
    """The networks that are remembered of an account or a key; none of one from before they were."""
    found: list[str] | None = work.vault.open_as_system(row, "networks", reason="a new place")
    return found or []


def is_new(work: UnitOfWork, row: Contributor | ApiKey, address: str | None) -> bool:
    """Whether this is a network that it was never seen in; from here on it was.

    Where nothing is remembered yet nothing is new: the first one is where it begins.
    """
    network = networks.network_of(address)
    if network is None:
        return False
    before = known(work, row)
    after = networks.with_seen(before, network)
    if after != before:
        work.vault.seal(row, networks=after)
    return bool(before) and network not in before
