"""Where several processes count together: a Redis or Valkey server, asked by scripts that each run there as one step.

A process never waits for it long, and never does without a limit: what the server does not answer in time, the process
counts by itself in its own memory. For a while it then asks no more, and later one caller at a time, until there is an
answer again. What lies there are numbers under keyed hashes, which end by themselves; no id, no address, no content.
"""

import hashlib
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog

from resolvers.watching import Watch
from storage.bulkheads import Bulkhead, Busy
from storage.keys.errors import KeyStoreError
from storage.keys.keyring import Keyring

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

SECONDS = 0.5
"""How long the server is waited for, to connect and to answer."""
_WAITING = 4
"""Threads that wait for it at the same time; others count by themselves meanwhile."""
_AWAY_SECONDS = 2.0
"""How long nobody asks a server that did not answer."""
_TOLD_EVERY_SECONDS = 60.0
_RENEWED_EVERY_SECONDS = 60.0
_FIRST_WAITS_SECONDS = 0.05

log = structlog.get_logger("muniment.tallies")


class Tallies:
    """The server at `url`, and whether it answers at the moment. Safe between threads."""

    def __init__(self, url: str, keyring: Keyring, watch: Watch | None = None) -> None:
        self._server = _client(url)
        self._names = _Names(keyring)
        self._watch = watch or Watch()
        self._places = Bulkhead(_WAITING, patience=0.05, slow=0.1)
        self._lock = threading.Lock()
        self._away_until = 0.0
        """Nobody asks before this moment of the monotonic clock; 0 while it answers."""
        self._alone = 0
        """How often there was no answer since that was last told."""
        self._told_at: float | None = None

    def script(self, text: str) -> "Script":
        """A script that this server can be asked by. It is sent once; later its hash is enough."""
        return self._server.register_script(text)

    def ask(self, script: "Script", name: str, arguments: Sequence[str | int | float]) -> Any:
        """What `script` answers about whoever is called `name`; None where the server does not answer."""
        import redis

        if not self._may_ask():
            return self._unanswered(None)
        try:
            key = self._names.key_of(name)
            if key is None:
                return self._unanswered(None)
            with self._places.entered():
                answer = script(keys=[key], args=list(arguments))
        except Busy:
            return self._unanswered(None)
        except (redis.RedisError, KeyStoreError, OSError) as error:
            return self._unanswered(error)
        self._answered()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._server.close()

    def _may_ask(self) -> bool:
        with self._lock:
            moment = time.monotonic()
            if moment < self._away_until:
                return False
            if self._away_until:
                self._away_until = moment + _AWAY_SECONDS  # this one tries; the others wait for what comes of it
            return True

    def _unanswered(self, error: Exception | None) -> None:
        self._watch.counted_alone()
        with self._lock:
            self._alone += 1
            moment = time.monotonic()
            if error is not None:
                self._away_until = moment + _AWAY_SECONDS
            if error is None or (self._told_at is not None and moment - self._told_at < _TOLD_EVERY_SECONDS):
                return
            self._told_at, count, self._alone = moment, self._alone, 0
        code = type(error).__name__
        log.warning("the shared counts do not answer: this process counts by itself", code=code, count=count)

    def _answered(self) -> None:
        if not self._away_until:
            return
        with self._lock:
            self._away_until, count, self._alone = 0.0, self._alone, 0
            self._told_at = None
        log.warning("the shared counts answer again", count=count)


class _Names:
    """The keys that callers are counted under: hashes with a secret that all processes derive from the key store.

    Every request asks for one, so that no request waits for a key service here: the secret stays in memory, and a
    thread reads it again once a minute, since keys are rotated. Safe between threads.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._secret: bytes | None = None
        self._read_at = 0.0
        self._reading = threading.Lock()

    def key_of(self, name: str) -> str | None:
        """Return the key of `name`; None while another thread reads the first secret. Raises KeyStoreError there."""
        if self._secret is None:
            if not self._reading.acquire(timeout=_FIRST_WAITS_SECONDS):
                return None
            self._read()
        elif time.monotonic() - self._read_at > _RENEWED_EVERY_SECONDS and self._reading.acquire(blocking=False):
            threading.Thread(target=self._renew, name="tally-names", daemon=True).start()
        secret = self._secret
        return (
            None
            if secret is None
            else f"muniment:{hashlib.blake2b(name.encode(), key=secret, digest_size=32).hexdigest()}"
        )

    def _read(self) -> None:
        """Read the secret, and let go of the lock that the caller has taken."""
        try:
            self._secret = self._keyring.keyed_hash("tally", "names")
        finally:
            self._read_at = time.monotonic()
            self._reading.release()

    def _renew(self) -> None:
        try:
            self._read()
        except Exception as error:  # it is asked again in a minute, and the secret that is known goes on being used
            log.warning("tallies.names_not_renewed", code=type(error).__name__)


def demand(url: str) -> None:
    """Raises redis.RedisError where the server at `url` does not answer, or does not run scripts for us."""
    server = _client(url)
    try:
        server.register_script("return redis.call('TIME')")(keys=["muniment:doctor"])
    finally:
        server.close()


def _client(url: str) -> "Redis":
    import redis  # takes a moment, and most processes need none
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
        # Once more where a connection from the pool has ended meanwhile; never after waiting in vain.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
