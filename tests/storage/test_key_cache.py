"""The cache of unwrapped keys: bounded, short-lived, and never behind a destruction in its own process."""

import time

import pytest

from storage.keys.cache import KeyCache
from storage.keys.keysets import Key
from storage.keys.names import KeysetName

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
