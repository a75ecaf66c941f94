"""Unwrapped keys, kept for a short, published time, so that the KMS is asked once per keyset and not per operation.

Most of them nobody asks for again once their time is up: so they are swept out, and do not wait for somebody to ask.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from storage.keys.keysets import Key
from storage.keys.names import KeysetName

SWEPT_EVERY_SECONDS = 1.0


class KeyCache:
    """At most `size` keys, none older than `seconds`. Safe between threads."""

    def __init__(self, seconds: float, size: int = 2048) -> None:
        self._seconds = seconds
        self._size = size
        self._lock = threading.Lock()
        self._entries: OrderedDict[KeysetName, tuple[float, Key]] = OrderedDict()
        self._generation = 0
        self._swept_at = 0.0

    @property
    def generation(self) -> int:
        """Goes up with each `drop`. Read it before loading a key, and hand it to `put`."""
        return self._generation

    def get(self, name: KeysetName) -> Key | None:
        """The key, if it is here and fresh."""
        # Without the lock: this is asked for each field, and a look-up is one step of the interpreter.
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry[0] < time.monotonic():
            with self._lock:
                if self._entries.get(name) is entry:
                    del self._entries[name]
            return None
        if len(self._entries) * 2 > self._size:  # only then does it matter which goes first
            with self._lock:
                if name in self._entries:
                    self._entries.move_to_end(name)
        return entry[1]

    def put(self, name: KeysetName, key: Key, loaded_at: float, generation: int) -> None:
        """Keep `key`, read from the key store at `loaded_at` (monotonic), unless something was dropped since."""
        with self._lock:
            if generation != self._generation:
                return  # the key may be one that has just been destroyed
            self._entries[name] = (loaded_at + self._seconds, key)
            self._entries.move_to_end(name)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        if time.monotonic() > self._swept_at + SWEPT_EVERY_SECONDS:  # where nobody sweeps: in a command
            self.sweep()

    def sweep(self) -> None:
        """Forget the keys whose time is up."""
        with self._lock:
            self._swept_at = moment = time.monotonic()
            for name in [name for name, (until, _) in self._entries.items() if until < moment]:
                del self._entries[name]

    @contextmanager
    def swept(self) -> Iterator[None]:
        """Forget each key as its time is up, while the block runs."""
        ended = threading.Event()

        def sweep() -> None:
            while not ended.wait(SWEPT_EVERY_SECONDS):
                self.sweep()

        thread = threading.Thread(target=sweep, name="keys", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=30)

    def drop(self, names: Iterable[KeysetName]) -> None:
        """Forget these keys at once."""
        with self._lock:
            self._generation += 1
            for name in names:
                self._entries.pop(name, None)

    def clear(self) -> None:
        """Forget every key."""
        with self._lock:
            self._generation += 1
            self._entries.clear()
