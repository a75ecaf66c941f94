"""Rotating keys while everything goes on: nothing fails to open, nothing fails to be written, at any moment.

A keyset: 1. a new key is added, 2. everybody comes to know it, 3. it is used, 4. nobody uses the old one any more, 5.
what the old one made is made anew, or has ended by itself, 6. the old one is destroyed. Killed anywhere, the next run
goes on with the step that each keyset has reached. Step 5 is what kinds of keys differ in: values are sealed anew until
a whole pass finds nothing; look-ups are hashed anew; sessions end; for a while both sign.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement

from storage import accounts
from storage.clock import now
from storage.database import settle, transaction
from storage.keys.errors import KeyDestroyed
from storage.keys.names import SESSIONS, SIGNING, KeysetName
from storage.keys.rotation import LOOKUPS, PASSING, SEALING, SIGNERS, Rotation
from storage.ledger import signing
from storage.privileges import require_rotation_rights
from storage.rehashing import rehash
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
    until: datetime | None = None
    """When the old key can go, where that is not yet: what it vouched for ends by itself. Rotate again then."""


@dataclass(frozen=True)
class _Renewed:
    """What step 5 did: how many values, which keysets are to keep their old keys, and until when."""

    values: int = 0
    held: set[KeysetName] = field(default_factory=set)
    until: datetime | None = None


_Renew = Callable[[list[KeysetName]], _Renewed]


def overdue(store: Store, moment: datetime, kinds: ColumnElement[bool] = SEALING) -> bool:
    """Whether there are keysets whose newest key is from before `moment`, or that were left half way."""
    return bool(store.keyring.rotation().due(moment, kinds))


def is_passing(store: Store, name: KeysetName, longest: timedelta) -> bool:
    """Whether a keyset has a new key in use, and keeps the old one because not all that it made can have ended."""
    since = store.keyring.rotation().promoted_at(name)
    return since is not None and now() < since + longest


def rotate_keysets(store: Store, told: Told, *, older_than: datetime | None = None) -> Rotated:
    """A new key for every keyset that seals fields, and the old ones destroyed.

    Only keysets from before `older_than`, where that is given, and those that were left half way. Raises
    KeyStoreUnavailable and DatabaseUnreachable; then some keysets are half way, and doing it again brings them on.
    Raises RotationRefused before anything is begun.
    """
    require_rotation_rights(store.engine)
    return _rotate(store, told, SEALING, older_than, lambda _names: _reseal(store, told))


def rotate_lookups(store: Store, told: Told, *, older_than: datetime | None = None) -> Rotated:
    """The same for what accounts are found by, and words of sealed texts: hashed anew. Raises as `rotate_keysets`."""

    def renew(names: list[KeysetName]) -> _Renewed:
        settle(store.engine)
        found = rehash(store, names, lambda done, total: told("hashed anew", done, total))
        return _Renewed(found.renewed, found.damaged)

    require_rotation_rights(store.engine)
    return _rotate(store, told, LOOKUPS, older_than, renew)


def rotate_sessions(store: Store, told: Told, longest: timedelta, *, older_than: datetime | None = None) -> Rotated:
    """The same for what sessions, tickets and repeated requests are known by: they end by themselves.

    `longest` is how long any of them may live. The old key goes with the first rotation after the last has ended.
    """

    def renew(names: list[KeysetName]) -> _Renewed:
        begins = _all_know(store, SESSIONS)
        with transaction(store.engine, read_only=True) as session:
            last = accounts.last_session_end(session, begins)
        return _passed(told, SESSIONS, begins, max(begins + longest, last or begins))

    return _rotate(store, told, PASSING, older_than, renew)


def rotate_signing(store: Store, told: Told, overlap: timedelta, *, older_than: datetime | None = None) -> Rotated:
    """The same for what signs checkpoints, manifests and certificates: for `overlap` both sign.

    The new key is named in a note that both sign, and every public key is kept, so that what was signed stays good.
    """
    rotation = store.keyring.rotation()

    def name_them() -> None:
        for signer in store.keyring.signers():  # the one in use first: that is the older one, until it is promoted
            statement = signing.statement(store.origin, signer.public_key)
            rotation.remember_signer(signer.public_key, signing.signed(statement, store.origin, store.keyring))

    def renew(_names: list[KeysetName]) -> _Renewed:
        begins = _all_know(store, SIGNING)
        return _passed(told, SIGNING, begins, begins + overlap)

    return _rotate(store, told, SIGNERS, older_than, renew, introduced=name_them)


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


def _rotate(
    store: Store,
    told: Told,
    kinds: ColumnElement[bool],
    older_than: datetime | None,
    renew: _Renew,
    *,
    introduced: Callable[[], None] = lambda: None,
) -> Rotated:
    rotation = store.keyring.rotation()
    begun = rotation.begun(kinds) or now()
    names = rotation.due(min(begun, older_than or begun), kinds)
    if not names:
        return Rotated(0, 0)
    _each("new keys", names, lambda name: rotation.introduce(name, begun), told)  # (1)
    introduced()
    _wait("known everywhere", store.keyring.cache_seconds + _MARGIN, told)  # (2)
    _each("in use", names, rotation.promote, told)  # (3)
    _wait("the old ones unused", store.keyring.cache_seconds + PATIENCE, told)  # (4)
    found = renew(names)  # (5)
    going = [name for name in names if name not in found.held]
    _each("old keys destroyed", going, lambda name: _retire(rotation, name), told)  # (6)
    _finish(store, rotation)
    held = 0 if found.until else len(names) - len(going)
    return Rotated(len(going), found.values, held, found.until)


def _reseal(store: Store, told: Told) -> _Renewed:
    renewed = 0
    while True:
        settle(store.engine)
        found = reseal(store.engine, store.keyring, lambda done, total: told("sealed anew", done, total))
        renewed += found.renewed
        if found.renewed == 0:
            return _Renewed(renewed, found.damaged)


def _all_know(store: Store, name: KeysetName) -> datetime:
    """From when on nothing more was made with the old key of a keyset."""
    since = store.keyring.rotation().promoted_at(name) or now()
    return since + timedelta(seconds=store.keyring.cache_seconds + PATIENCE)


def _passed(told: Told, name: KeysetName, begins: datetime, ends: datetime) -> _Renewed:
    """Whether what an old key made from before `begins` has ended; it has at `ends`."""
    total = max(1, round((ends - begins).total_seconds()))
    gone = round((now() - begins).total_seconds())
    told("what the old one made has ended", min(max(gone, 0), total), total)
    return _Renewed() if now() >= ends else _Renewed(held={name}, until=ends)


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
