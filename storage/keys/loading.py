"""Loading keysets out of the key store: all that are asked for by one statement, each unwrapped and kept in memory."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row

from storage.keys import keysets, rows
from storage.keys.cache import KeyCache
from storage.keys.keysets import Key, Wrapper
from storage.keys.names import KeysetName
from storage.keys.stores import KeyStore


def load(
    store: KeyStore, cache: KeyCache, wrapper: Callable[[Row[Any]], Wrapper], names: Sequence[KeysetName]
) -> list[Key]:
    """Those of these keysets that are there, unwrapped; `wrapper` answers what a row is wrapped by.

    None is kept that was read before something was destroyed. Raises KeysetDamaged, KeyStoreUnavailable.
    """
    if not names:
        return []
    generation, read_at = cache.generation, time.monotonic()
    with store.begin(read_only=True) as session:
        found = rows.find_all(session, names)
    keys = []
    for row in found:
        name = KeysetName(row.kind, row.id)
        key = keysets.unwrap(name, row.owner, row.version, row.wrapped, wrapper(row))
        cache.put(name, key, read_at, generation)
        keys.append(key)
    return keys
