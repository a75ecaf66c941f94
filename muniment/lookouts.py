"""What the lookout of a process tries: each part of the platform, in the way in which it would be used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from agents.models.gateway import Gateway
from agents.outages import Check, Lookout, agents_are_there, detection_works, log_goes_on
from muniment import probes
from muniment.settings import Settings
from resolvers.house import House
from storage.keys.names import SIGNING
from storage.outages import Component


def of_agents(house: House, settings: Settings, models: Gateway) -> Lookout:
    """Of a process with agents: everything."""
    place = settings.blob_dir if settings.blob_dir.is_dir() else settings.blob_dir.parent  # made when first needed
    checks: dict[Component, Check] = {
        Component.AGENTS: partial(agents_are_there, house.store),
        Component.DETECTION: partial(detection_works, house.store),
        Component.FILES: partial(_files_answer, house, place),
        Component.KEYS: partial(_keys_answer, house, settings),
        Component.LEDGER: partial(log_goes_on, house.store),
        Component.MODEL: models.reachable,
    }
    return Lookout(house.store, house.policy_version, checks, attends=True)


@contextmanager
def beside_agents(house: House) -> Iterator[None]:
    """Of a server without agents, while the block runs: whether they are there, who could not tell that themselves."""
    checks: dict[Component, Check] = {
        Component.AGENTS: partial(agents_are_there, house.store),
        Component.DETECTION: partial(detection_works, house.store),
    }
    lookout = Lookout(house.store, house.policy_version, checks, attends=False)
    lookout.start()
    try:
        yield
    finally:
        lookout.stop()


def _keys_answer(house: House, settings: Settings) -> bool:
    """Whether the key store answers and keeps what is written, and what wraps its keys unwraps a probe."""
    house.store.keyring.key_store.require_kept()
    if not house.store.keyring.exists(SIGNING):
        return False
    return all(probes.reach(uri, settings).good for uri in settings.kek_uris)


def _files_answer(house: House, place: Path) -> bool:
    """Whether files that are sent can be written, and where they lie once they are whole answers."""
    house.store.blobs.ask()
    return os.access(place, os.R_OK | os.W_OK | os.X_OK)
