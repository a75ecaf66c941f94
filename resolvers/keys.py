"""Rotating keys, on the command line or on schedule, by whoever runs the server."""

from collections.abc import Callable
from datetime import timedelta

from policies.principals import ANONYMOUS
from resolvers.context import Asking, Context
from resolvers.house import House
from storage import rotations
from storage.clock import now
from storage.ledger.events import Event, KeysRotated, KeysRotationStarted, RotatedKeys
from storage.rotations import Rotated, Told

SILENT: Told = lambda _step, _done, _total: None  # noqa: E731


def rotate_keysets(house: House, told: Told = SILENT) -> Rotated:
    """A new key for every keyset, everything sealed anew, the old keys destroyed; while all is in use.

    Raises KeyStoreUnavailable and DatabaseUnreachable; then the next rotation goes on where this one stopped.
    """
    return _recorded(house, RotatedKeys.KEYSETS, lambda: rotations.rotate_keysets(house.store, told))


def rotate_overdue(house: House, period: timedelta, told: Told = SILENT) -> Rotated | None:
    """Rotate keysets older than `period`, and those that will be within a tenth of it; None where none is older.

    What was left half way is brought to its end first. Raises as `rotate_keysets` does.
    """
    if not rotations.overdue(house.store, now() - period):
        return None
    soon = now() - period * 0.9
    return _recorded(house, RotatedKeys.KEYSETS, lambda: rotations.rotate_keysets(house.store, told, older_than=soon))


def rotate_kek(house: House, kek: str, told: Told = SILENT) -> Rotated:
    """Every keyset under the key-encryption key `kek`, which the settings of every process must name already."""
    return _recorded(house, RotatedKeys.KEK, lambda: rotations.rotate_kek(house.store, kek, told))


def _recorded(house: House, keys: RotatedKeys, rotate: Callable[[], Rotated]) -> Rotated:
    _record(house, KeysRotationStarted(resource_id=None, subject_id=None, keys=keys))
    done = rotate()
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
