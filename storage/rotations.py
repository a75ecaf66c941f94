"""Rotating keys while everything goes on: nothing fails to open, nothing fails to be written, at any moment.

A keyset: 1. a new key is added, 2. everybody comes to know it, 3. it is used, 4. nobody uses the old one any more, 5.
what the old one sealed is sealed anew, until a whole pass finds nothing, 6. the old one is destroyed. Killed anywhere,
the next run goes on with the step that each keyset has reached.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from storage.clock import now
from storage.database import settle
from storage.keys.errors import KeyDestroyed
from storage.keys.names import KeysetName
from storage.keys.rotation import SEALING, Rotation
from storage.resealing import reseal
from storage.truncation import truncate_wal
from storage.work import SEALED_WITHIN, Store

_MARGIN = 1.0
"""Seconds beyond the lifetime of what is cached, for a read that had begun."""

_TICK = 0.5
"""Seconds between two looks at whether to go on waiting."""

PATIENCE = SEALED_WITHIN + _MARGIN
"""Seconds until whoever sealed with a key that is no longer in use has committed it, or been refused."""

Told = Callable[[str, int, int], None]
"""Is told the step, and how much of it is done, out of how much."""


@dataclass(frozen=True)
class Rotated:
    """What a rotation did. `held` are keysets that keep their old keys, for they have values that do not open."""

    keysets: int
    values: int
    held: int = 0


def overdue(store: Store, moment: datetime) -> bool:
    """Whether there are keysets whose newest key is from before `moment`, or that were left half way."""
    return bool(store.keyring.rotation().due(moment, SEALING))


def rotate_keysets(store: Store, told: Told, *, older_than: datetime | None = None) -> Rotated:
    """A new key for every keyset that seals fields, and the old ones destroyed.

    Only keysets from before `older_than`, where that is given, and those that were left half way. Raises
    KeyStoreUnavailable and DatabaseUnreachable; then some keysets are half way, and doing it again brings them on.
    """
    rotation = store.keyring.rotation()
    begun = rotation.begun(SEALING) or now()
    names = rotation.due(min(begun, older_than or begun), SEALING)
    _each("new keys", names, lambda name: rotation.introduce(name, begun), told)
    _wait("known everywhere", store.keyring.cache_seconds + _MARGIN, told)
    _each("in use", names, rotation.promote, told)
    _wait("the old ones unused", store.keyring.cache_seconds + PATIENCE, told)
    values, damaged = _reseal(store, told)
    going = [name for name in names if name not in damaged]
    _each("old keys destroyed", going, lambda name: _retire(rotation, name), told)
    _finish(store, rotation)
    return Rotated(len(going), values, len(names) - len(going))


def rotate_kek(store: Store, kek: str, told: Told) -> Rotated:
    """Every keyset under `kek`, one of those that the settings name; again where it lies there already.

    Raises KeyStoreUnavailable; then some lie under one key and some under the other, and all of them open.
    """
    rotation, since = store.keyring.rotation(), now()
    rotation.wrap_with(kek)
    moved = 0
    while names := rotation.outside(kek, since):
        _each("wrapped anew", names, lambda name: _rewrap(rotation, name, kek), told)
        moved += len(names)
    _finish(store, rotation)
    return Rotated(moved, 0)


def _reseal(store: Store, told: Told) -> tuple[int, set[KeysetName]]:
    renewed = 0
    while True:
        settle(store.engine)
        found = reseal(store.engine, store.keyring, lambda done, total: told("sealed anew", done, total))
        renewed += found.renewed
        if found.renewed == 0:
            return renewed, found.damaged


def _retire(rotation: Rotation, name: KeysetName) -> None:
    try:
        while children := rotation.children(name):
            for child in children:
                _rewrap(rotation, child, None)
        rotation.retire(name)
    except KeyDestroyed:
        return  # erased meanwhile, with all that it wrapped


def _rewrap(rotation: Rotation, name: KeysetName, kek: str | None) -> None:
    try:
        while not rotation.rewrap(name, kek):
            continue
    except KeyDestroyed:
        return


def _each(step: str, names: list[KeysetName], do: Callable[[KeysetName], None], told: Told) -> None:
    for done, name in enumerate(names, 1):
        do(name)
        told(step, done, len(names))


def _wait(step: str, seconds: float, told: Told) -> None:
    ticks = max(1, round(seconds / _TICK))
    for tick in range(ticks):
        told(step, tick, ticks)
        time.sleep(seconds / ticks)
    told(step, ticks, ticks)


def _finish(store: Store, rotation: Rotation) -> None:
    rotation.make_final()
    truncate_wal(store.engine)
