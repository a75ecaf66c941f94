"""Rotation inside the key store: keysets get a new key, lose the old ones, or come to lie under another key.

A keyset's new key is added first and used later, for other processes hold what they unwrapped for a while: `introduce`
lets them know it, `promote` lets them use it, and `retire` takes the old ones away once nothing needs them. Whoever
calls these waits in between, and sees to it that nothing is left under the old keys (`storage.rotations`).

Every step changes one row if it is still as it was read, so that a step may be repeated, or race with another process
or an erasure, and harms nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update

from storage.clock import now
from storage.keys import keysets, rows, signers
from storage.keys.cache import KeyCache
from storage.keys.errors import KeyDestroyed
from storage.keys.keks import Keks
from storage.keys.keysets import AeadKey, Wrapper
from storage.keys.names import CREDENTIALS, HASHES, LEDGER, SESSIONS, SIGNING, KeysetName
from storage.keys.stores import KeyStore
from storage.keys.tables import keysets as table
from storage.keys.tables import layout

INTRODUCED, PROMOTED = "introduced", "promoted"

SEALING = or_(
    table.c.kind.in_(("contributor", "project")),
    and_(table.c.kind == "platform", table.c.id.in_((CREDENTIALS.id, LEDGER.id))),
)
"""The keysets that seal fields. A blob's own seals one file, once: it does not age, only what wraps it does."""

LOOKUPS = or_(table.c.kind == "search", and_(table.c.kind == "platform", table.c.id == HASHES.id))
"""The keysets by which something is found for as long as it is there: accounts by e-mail, texts by their words."""

PASSING = and_(table.c.kind == "platform", table.c.id == SESSIONS.id)
"""The keyset of what ends by itself."""

SIGNERS = and_(table.c.kind == "platform", table.c.id == SIGNING.id)
"""The keyset that signs."""

Change = Callable[[Any], None]


class Rotation:
    """What the keyring hands out for rotating. It shares the keyring's key store, keys and cache."""

    def __init__(
        self, store: KeyStore, keks: Keks, cache: KeyCache, parent_key: Callable[[KeysetName], AeadKey]
    ) -> None:
        self._store = store
        self._keks = keks
        self._cache = cache
        self._parent_key = parent_key

    def begun(self, kinds: ColumnElement[bool]) -> datetime | None:
        """When a rotation began that was not brought to its end; None if there is none."""
        with self._store.begin(read_only=True) as session:
            found: datetime | None = session.scalar(select(func.min(table.c.stage_at)).where(kinds))
            return found

    def due(self, begun: datetime, kinds: ColumnElement[bool]) -> list[KeysetName]:
        """Keysets whose newest key is from before `begun`, or that are on their way."""
        old = or_(table.c.stage.is_not(None), func.coalesce(table.c.keyed_at, table.c.created_at) < begun)
        with self._store.begin(read_only=True) as session:
            return rows.named(session, kinds, old)

    def introduce(self, name: KeysetName, begun: datetime) -> None:
        """Add a new key, by which this keyset is not yet used. Does nothing where that was done."""
        self._change(name, None, {"stage": INTRODUCED, "stage_at": begun}, keysets.add_key(name))

    def promote(self, name: KeysetName) -> None:
        """From now on the newest key is the one used. Does nothing where that was done."""
        self._change(name, INTRODUCED, {"stage": PROMOTED, "keyed_at": now()}, keysets.use_newest)

    def retire(self, name: KeysetName) -> None:
        """Destroy every key but the newest. Does nothing where that was done, or was not yet to be done."""
        self._change(name, PROMOTED, {"stage": None, "stage_at": None}, keysets.keep_newest)

    def promoted_at(self, name: KeysetName) -> datetime | None:
        """Since when the newest key of a keyset that is on its way is in use; None where it is not (yet)."""
        row = self._find(name)
        return row.keyed_at if row is not None and row.stage == PROMOTED else None

    def remember_signer(self, public_key: bytes, note: str) -> None:
        """Keep a public key, and what is said about it, for ever. Does nothing where that was done."""
        with self._store.begin() as session:
            signers.enter(session, public_key, note)

    def children(self, name: KeysetName) -> list[KeysetName]:
        """The keysets that this one wraps with another key than its newest; none where it wraps nothing."""
        if name.kind not in ("contributor", "project"):
            return []
        primary = self._parent_key(name).primary
        with self._store.begin(read_only=True) as session:
            found = rows.wrapped_by(session, name)
        return [child for child, wrapped in found if keysets.wrapping_key(wrapped) != primary]

    def rewrap(self, name: KeysetName, kek: str | None) -> bool:
        """Wrap a keyset anew: by its parent's newest key, or for one without a parent under `kek`.

        False if it was changed meanwhile.
        """
        row = self._find(name)
        if row is None:
            return True
        target: Wrapper = self._keks.get(kek) if row.parent_kind is None else self._parent(row)
        labels = {"kek": kek} if row.parent_kind is None else {}
        wrapped = keysets.changed(name, row.owner, row.version, row.wrapped, self._wrapper(row), target, None)
        return self._replace(name, row, {"wrapped": wrapped, "wrapped_at": now(), **labels})

    def wrap_with(self, kek: str) -> None:
        """From now on every process wraps new keysets under `kek`, or makes none where its settings don't name it."""
        with self._store.begin() as session:
            session.execute(update(layout).values(kek=kek))

    def outside(self, kek: str, since: datetime) -> list[KeysetName]:
        """The keysets without a parent that do not lie under `kek`, or have lain there since before `since`."""
        elsewhere = or_(table.c.kek.is_(None), table.c.kek != kek, table.c.wrapped_at < since)
        with self._store.begin(read_only=True) as session:
            return rows.named(session, table.c.parent_kind.is_(None), elsewhere)

    def make_final(self) -> None:
        """Leave nothing of what was replaced in SQLite's files. Raises KeyStoreUnavailable."""
        self._store.make_final()

    def _change(self, name: KeysetName, stage: str | None, values: dict[str, Any], change: Change) -> None:
        while True:
            row = self._find(name)
            if row is None or row.stage != stage:
                return
            try:
                wrapper = self._wrapper(row)
            except KeyDestroyed:
                return  # erased since it was read, with what wraps it
            version = row.version + 1
            wrapped = keysets.changed(name, row.owner, row.version, row.wrapped, wrapper, wrapper, change)
            if self._replace(name, row, {"wrapped": wrapped, "version": version, **values}):
                return

    def _find(self, name: KeysetName) -> Row[Any] | None:
        with self._store.begin(read_only=True) as session:
            return rows.find(session, name)

    def _replace(self, name: KeysetName, row: Row[Any], values: dict[str, Any]) -> bool:
        same = and_(table.c.kind == name.kind, table.c.id == name.id, table.c.wrapped == row.wrapped)
        with self._store.begin() as session:
            replaced = session.execute(update(table).where(same).values(values)).rowcount == 1  # type: ignore[attr-defined]
        self._cache.drop([name])
        return bool(replaced)

    def _wrapper(self, row: Row[Any]) -> Wrapper:
        return self._keks.get(row.kek) if row.parent_kind is None else self._parent(row)

    def _parent(self, row: Row[Any]) -> Wrapper:
        return self._parent_key(KeysetName(row.parent_kind, row.parent_id))
