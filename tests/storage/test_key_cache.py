"""The cache of unwrapped keys: bounded, short-lived, and never behind a destruction in its own process."""

import time

import pytest

from storage.keys import cache as cache_module
from storage.keys.cache import KeyCache
from storage.keys.keysets import Key
from storage.keys.names import KeysetName
from tests.faults.servers import wait_for
from tests.world import World

NAMES = [KeysetName("project", str(number)) for number in range(4)]


def put(cache: KeyCache, name: KeysetName) -> Key:
    """Put a key in as if it had been read just now."""
    key = Key()
    cache.put(name, key, time.monotonic(), cache.generation)
    return key


def test_a_key_is_found_while_it_is_fresh() -> None:
    """And then no longer, reckoned from when it was read, not from when it was put in."""
    cache = KeyCache(seconds=60)
    key = put(cache, NAMES[0])
    assert cache.get(NAMES[0]) is key
    cache.put(NAMES[1], key, time.monotonic() - 61, cache.generation)
    assert cache.get(NAMES[1]) is None


def test_the_key_that_was_not_used_for_longest_makes_room() -> None:
    """The cache is bounded; use keeps a key in."""
    cache = KeyCache(seconds=60, size=2)
    for name in NAMES[:2]:
        put(cache, name)
    cache.get(NAMES[0])
    put(cache, NAMES[2])
    assert [cache.get(name) is not None for name in NAMES[:3]] == [True, False, True]


@pytest.mark.parametrize("forget", [lambda cache: cache.drop([NAMES[0]]), lambda cache: cache.clear()])
def test_a_key_that_was_being_read_while_keys_were_destroyed_is_not_kept(forget: object) -> None:
    """Another thread may have read it just before it was destroyed, and comes too late with it."""
    assert callable(forget)
    cache = KeyCache(seconds=60)
    put(cache, NAMES[0])
    generation, read_at = cache.generation, time.monotonic()
    forget(cache)
    cache.put(NAMES[0], Key(), read_at, generation)
    assert cache.get(NAMES[0]) is None


def stale(cache: KeyCache, name: KeysetName) -> None:
    """A key whose time was up a second ago."""
    cache._entries[name] = (time.monotonic() - 1, Key())


def test_a_key_whose_time_is_up_is_gone_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of somebody who does not come back nobody asks: the key must not stay in memory for as long as the process does."""
    monkeypatch.setattr(cache_module, "SWEPT_EVERY_SECONDS", 0.01)
    cache = KeyCache(seconds=60)
    kept = put(cache, NAMES[0])
    stale(cache, NAMES[1])
    with cache.swept():
        wait_for(lambda: NAMES[1] not in cache._entries)
    assert cache.get(NAMES[0]) is kept


def test_where_nobody_sweeps_a_load_does_and_not_each() -> None:
    """A command has no thread for it. To look through two thousand takes longer than to load one."""
    cache = KeyCache(seconds=60)
    put(cache, NAMES[0])
    stale(cache, NAMES[1])
    put(cache, NAMES[2])
    assert [*cache._entries] == NAMES[:3]
    cache._swept_at -= cache_module.SWEPT_EVERY_SECONDS
    put(cache, NAMES[3])
    assert [*cache._entries] == [NAMES[0], *NAMES[2:]]


@pytest.mark.one_database("sqlite", reason="a thread of its own, whatever the database tells")
def test_whoever_serves_sweeps(world: World) -> None:
    """In every process that serves, on either database."""
    world.register("ada")
    cache = world.house.store.keyring._cache
    assert cache._entries
    for name, (_, key) in list(cache._entries.items()):
        cache._entries[name] = (time.monotonic() - 1, key)
    wait_for(lambda: not cache._entries)
