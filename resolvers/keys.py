"""Rotating keys, on the command line or on schedule, by whoever runs the server."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from policies.principals import ANONYMOUS
from resolvers.context import Asking, Context
from resolvers.house import House
from storage import rotations
from storage.clock import now
from storage.keys.names import SESSIONS, SIGNING
from storage.keys.rotation import LOOKUPS, PASSING, SEALING, SIGNERS
from storage.ledger.events import Event, KeysRotated, KeysRotationStarted, RotatedKeys
from storage.rotations import Rotated, Told

SILENT: Told = lambda _step, _done, _total: None  # noqa: E731

KINDS = {
    RotatedKeys.KEYSETS: SEALING,
    RotatedKeys.LOOKUPS: LOOKUPS,
    RotatedKeys.SESSIONS: PASSING,
    RotatedKeys.SIGNING: SIGNERS,
}
"""What can be rotated here, in the order in which it is; key-encryption keys are rotated apart."""


def rotate(house: House, keys: RotatedKeys, told: Told = SILENT, *, older_than: datetime | None = None) -> Rotated:
    """New keys of one of KINDS, what the old ones made brought under them, the old ones destroyed; while all is in use.

    Only keysets older than `older_than`, where it is given. Raises KeyStoreUnavailable and DatabaseUnreachable; then
    the next rotation goes on where this one stopped.
    """
    store = house.store
    do: dict[RotatedKeys, Callable[[], Rotated]] = {
        RotatedKeys.KEYSETS: lambda: rotations.rotate_keysets(store, told, older_than=older_than),
        RotatedKeys.LOOKUPS: lambda: rotations.rotate_lookups(store, told, older_than=older_than),
        RotatedKeys.SESSIONS: lambda: rotations.rotate_sessions(store, told, _longest(house), older_than=older_than),
        RotatedKeys.SIGNING: lambda: rotations.rotate_signing(
            store, told, house.limits.signing_overlap, older_than=older_than
        ),
    }
    return _recorded(house, keys, do[keys])


def rotate_overdue(house: House, period: timedelta, told: Told = SILENT) -> Iterator[tuple[RotatedKeys, Rotated]]:
    """Rotate what is older than `period`, and with it what will be within a tenth of it; of each kind on its own.

    What was left half way is brought to its end first. Raises as `rotate` does.
    """
    soon = now() - period * 0.9
    for keys, kinds in KINDS.items():
        if rotations.overdue(house.store, now() - period, kinds) and not _waits(house, keys):
            yield keys, rotate(house, keys, told, older_than=soon)


def rotate_kek(house: House, kek: str, told: Told = SILENT) -> Rotated:
    """Every keyset under the key-encryption key `kek`, which the settings of every process must name already."""
    return _recorded(house, RotatedKeys.KEK, lambda: rotations.rotate_kek(house.store, kek, told))


def _waits(house: House, keys: RotatedKeys) -> bool:
    """Whether the new key is in use, and all there is to do is to wait until what the old one made has ended."""
    if keys is RotatedKeys.SESSIONS:
        return rotations.is_passing(house.store, SESSIONS, _longest(house))
    return keys is RotatedKeys.SIGNING and rotations.is_passing(house.store, SIGNING, house.limits.signing_overlap)


def _longest(house: House) -> timedelta:
    """How long anything may live that the key of sessions vouches for."""
    return house.limits.longest


def _recorded(house: House, keys: RotatedKeys, rotate: Callable[[], Rotated]) -> Rotated:
    _record(house, KeysRotationStarted(resource_id=None, subject_id=None, keys=keys))
    done = rotate()
    if done.until is not None:
        return done  # not at its end yet
    _record(
        house,
        KeysRotated(
            resource_id=None,
            subject_id=None,
            keys=keys,
            keyset_count=done.keysets,
            value_count=done.values,
            held_count=done.held,
        ),
    )
    return done


def _record(house: House, event: Event) -> None:
    context = Context(house, Asking(ANONYMOUS))
    with context.writing("rotate_keys"):
        context.work.record(event)
