"""The keys as an operator sees them: what there is and when it is due, and rotating it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.house import open_house
from muniment.settings import Settings
from resolvers import keys
from storage.clock import now
from storage.keys import inventory
from storage.keys.kms import kek_id
from storage.keys.names import CREDENTIALS, HASHES, LEDGER, SESSIONS, SIGNING
from storage.keys.stores import KeyStore
from storage.ledger.events import RotatedKeys
from storage.rotations import Rotated, Told

KIND_OF = {
    CREDENTIALS.id: RotatedKeys.KEYSETS,
    LEDGER.id: RotatedKeys.KEYSETS,
    "contributor": RotatedKeys.KEYSETS,
    "project": RotatedKeys.KEYSETS,
    HASHES.id: RotatedKeys.LOOKUPS,
    "search": RotatedKeys.LOOKUPS,
    SESSIONS.id: RotatedKeys.SESSIONS,
    SIGNING.id: RotatedKeys.SIGNING,
}
"""With what each keyset is rotated. A blob's own seals one file, once, and is not."""


@dataclass(frozen=True)
class Line:
    """One kind of key. `due` is when its oldest is to be rotated."""

    name: str
    count: int
    state: str
    since: datetime | None
    due: datetime | None
    rotating: int = 0
    left_behind: bool = False
    """Whether it is a key-encryption key under which keysets still lie, while new ones go under another."""

    @property
    def overdue(self) -> bool:
        """Whether that moment has passed."""
        return self.due is not None and self.due < now()


def status(settings: Settings) -> list[Line]:
    """Every kind of key, for a process that has the key store not open. Raises KeyStoreMissing, KeyStoreUnavailable."""
    with closing(KeyStore.open_existing(settings.key_store_url)) as key_store:
        return lines(settings, key_store)


def lines(settings: Settings, key_store: KeyStore) -> list[Line]:
    """Every kind of key, key-encryption keys first. Raises KeyStoreUnavailable."""
    found = inventory.read(key_store, kek_id(settings.kek_uri))
    period = timedelta(days=settings.key_rotation_days)

    def due(since: datetime | None) -> datetime | None:
        return None if since is None else since + period

    found_lines = []
    for kek in found.keks:
        state = "wraps new keysets" if kek.wraps else "being left"
        left = not kek.wraps and kek.count > 0
        found_lines.append(Line(kek.uri, kek.count, state, kek.wrapped_at, due(kek.wrapped_at), left_behind=left))
    for kind in found.keysets:
        state = f"rotating: {kind.rotating}" if kind.rotating else "in use"
        ages = kind.kind != "blob"  # a blob's own key seals one file, once
        ends = due(kind.keyed_at) if ages else None
        found_lines.append(Line(kind.kind, kind.count, state, kind.keyed_at, ends, rotating=kind.rotating))
    return found_lines


def how_to_rotate(line: Line) -> str:
    """What to do about an overdue key."""
    kind = KIND_OF.get(line.name)
    if kind is not None:
        return f": run `python -m muniment keys rotate --{kind.value}`"
    return ": rotate it in its service, then run `python -m muniment keys rotate --kek URI` with the same URI"


def as_json(lines: list[Line]) -> str:
    """The same for programs; moments in ISO 8601, UTC."""

    def told(moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

    rows = [
        {
            "name": line.name,
            "count": line.count,
            "state": line.state,
            "since": told(line.since),
            "due": told(line.due),
            "overdue": line.overdue,
        }
        for line in lines
    ]
    return json.dumps(rows, indent=2)


def as_table(lines: list[Line]) -> str:
    """The same for people."""
    head = ("key", "count", "state", "oldest since", "next due")
    rows = [
        (
            line.name,
            str(line.count),
            line.state,
            _day(line.since),
            _day(line.due) + (" OVERDUE" if line.overdue else ""),
        )
        for line in lines
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    )


def rotate(
    settings: Settings, *, kinds: Sequence[RotatedKeys], kek: str | None, say: Callable[[str], None]
) -> Iterator[int]:
    """Rotate one kind after the other; answers of each how many keysets keep old keys. `kek` is one of the settings'.

    Raises KeyStoreUnavailable and DatabaseUnreachable.
    """
    with open_house(settings) as house:
        if kek is not None:
            done = keys.rotate_kek(house, kek_id(kek), _teller(say))
            say(f"Key-encryption key: all {done.keysets} keysets lie under it now.")
            yield done.held
        for kind in kinds:
            done = keys.rotate(house, kind, _teller(say))
            say(_outcome(kind, done))
            yield done.held


def _outcome(kind: RotatedKeys, done: Rotated) -> str:
    name = kind.value.capitalize()
    if done.until is not None:
        return (
            f"{name}: the new key is in use, and both are accepted. The old one goes once what it made has ended, at"
            f" {done.until:%Y-%m-%d %H:%M} UTC: agents see to that, or this command when you run it again."
        )
    return f"{name}: {done.keysets} have new keys only; {done.values} values were made anew."


def _teller(say: Callable[[str], None]) -> Told:
    """Says each step when it begins, at every tenth of it, and when it ends."""
    last: list[tuple[str, int]] = [("", -1)]

    def told(step: str, done: int, total: int) -> None:
        tenths = 10 * done // total
        if (step, tenths) != last[0]:
            last[0] = (step, tenths)
            say(f"{step}: {10 * tenths} % ({done} of {total})")

    return told


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else moment.strftime("%Y-%m-%d")
