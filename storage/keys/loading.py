"""Keys in memory: each is fetched out of the key store and unwrapped when it is asked for, and kept for a while."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Row

from storage.keys import keysets, rows
from storage.keys.cache import KeyCache
from storage.keys.errors import KeyDestroyed, KeyStoreError
from storage.keys.keks import Keks
from storage.keys.keysets import AeadKey, Key, Wrapper
from storage.keys.names import KeysetName
from storage.keys.stores import KeyStore

_Kind = TypeVar("_Kind", bound=Key)


class LoadedKeys:
    """The keys that one process holds. Safe between threads."""

    def __init__(self, store: KeyStore, keks: Keks, cache: KeyCache) -> None:
        self._store = store
        self._keks = keks
        self._cache = cache
        self.loads = 0
        """How often a key was fetched to be unwrapped."""

    def get(self, name: KeysetName, kind: type[_Kind]) -> _Kind:
        """The key `name`. Raises KeyDestroyed when it isn't there, KeysetDamaged, KeyStoreError for another kind."""
        key = self._cache.get(name) or self._one(name)
        if not isinstance(key, kind):
            raise KeyStoreError(f"the {name.kind} keyset {name.id!r} is not made for this use")
        return key

    def warm(self, names: Iterable[KeysetName]) -> None:
        """Load these by one statement, for whoever is about to use each; one that is gone says so then."""
        self._load([name for name in names if self._cache.get(name) is None])

    def missing(self, names: Sequence[KeysetName]) -> list[KeysetName]:
        """Those of these that are not in the key store now. The others open, or it raises as `get` does."""
        found = self._load(names)
        return [name for name in names if name not in found]

    def demand(self, name: KeysetName) -> None:
        """Return if `name` is in the key store now, and opens. Raises as `get` does."""
        self._one(name)

    def _one(self, name: KeysetName) -> Key:
        found = self._load([name])
        if not found:
            raise KeyDestroyed(f"this {name.kind} keyset was destroyed, or never made")
        return found[name]

    def _load(self, names: Sequence[KeysetName]) -> dict[KeysetName, Key]:
        """Those that are there. None is kept that was read before something was destroyed."""
        if not names:
            return {}
        self.loads += len(names)
        generation, read_at = self._cache.generation, time.monotonic()
        with self._store.begin(read_only=True) as session:
            found = rows.find_all(session, names)
        keys = {}
        for row in found:
            name = KeysetName(row.kind, row.id)
            key = keysets.unwrap(name, row.owner, row.version, row.wrapped, self._wrapper(row))
            self._cache.put(name, key, read_at, generation)
            keys[name] = key
        return keys

    def _wrapper(self, row: Row[Any]) -> Wrapper:
        if row.parent_kind:
            return self.get(KeysetName(row.parent_kind, row.parent_id), AeadKey)
        return self._keks.get(row.kek)
