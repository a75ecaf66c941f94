"""A key-encryption key in a key management service, asked over the network and never waited for beyond a bound.

Nothing is retried and nothing stands in for it: a service that is slow, gone, or refuses gives KeyStoreUnavailable
within the bound, and the next call asks it anew, with the credentials that the environment holds then. After a call
that had no answer one call at a time asks, and the others are refused at once, until there is an answer again.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import tink
from tink import aead

from storage.bulkheads import Bulkhead, Busy
from storage.keys.errors import KeysetDamaged, KeyStoreUnavailable
from storage.keys.wrapping import Kms

_AT_ONCE = 8
"""Calls on their way at the same time, those among them that nobody waits for any more."""
WAITING = 3
"""Threads that wait for the service at the same time. While it is slow, others get KeyStoreUnavailable at once."""
_SLOW_SECONDS = 1.0
"""A call that fails after longer had no answer."""


@dataclass(frozen=True)
class Service:
    """A kind of key management service: how to connect to one key in it, and how to read its refusals."""

    connect: Callable[[], aead.Aead]
    """Reads credentials from the environment, as the service's own library does. May be called again."""

    says_damaged: Callable[[Exception], bool]
    """Whether an error means that the ciphertext is not this key's, rather than that the key can't be used now."""

    code: Callable[[Exception], str]
    """The service's own short name for an error. Never its message, which may quote what was sent."""


class RemoteKms(Kms):
    """Wraps and unwraps by asking a service. Safe between threads."""

    insecure = False

    def __init__(self, service: Service, seconds: float) -> None:
        """`seconds` bounds each call as a whole: looking up the name, connecting, waiting, reading."""
        self._service = service
        self._seconds = seconds
        self._places = Bulkhead(WAITING)
        self._calls = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kms")
        self._lock = threading.Lock()
        self._connected: aead.Aead | None = None
        self._silent = False
        """Whether the call that ended last failed for want of an answer."""
        self._trying = threading.Lock()

    def __repr__(self) -> str:
        return "<RemoteKms>"

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        """Wrap `plaintext`, bound to `associated_data`. Raises KeyStoreUnavailable."""
        return self._ask(lambda key: key.encrypt(plaintext, associated_data))

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        """Unwrap `ciphertext`. Raises KeysetDamaged when it is not this key's, and KeyStoreUnavailable."""
        return self._ask(lambda key: key.decrypt(ciphertext, associated_data))

    def close(self) -> None:
        """Take no more calls. Those on their way end by themselves."""
        self._calls.shutdown(wait=False, cancel_futures=True)

    def _ask(self, call: Callable[[aead.Aead], bytes]) -> bytes:
        if self._silent:
            if not self._trying.acquire(blocking=False):
                raise KeyStoreUnavailable("the key management service does not answer, and one call waits for it")
            try:
                return self._entered(call)
            finally:
                self._trying.release()
        return self._entered(call)

    def _entered(self, call: Callable[[aead.Aead], bytes]) -> bytes:
        try:
            with self._places.entered():
                return self._asked(call)
        except Busy:
            raise KeyStoreUnavailable("the key management service is slow, and enough calls wait for it") from None

    def _asked(self, call: Callable[[aead.Aead], bytes]) -> bytes:
        begun = time.monotonic()
        try:
            answer = self._calls.submit(lambda: call(self._key()))
        except RuntimeError:
            raise KeyStoreUnavailable("the key management service is closed: this process is ending") from None
        try:
            found = answer.result(self._seconds)
            self._silent = False
            return found
        except TimeoutError:
            answer.cancel()
            problem: Exception = KeyStoreUnavailable(
                f"the key management service did not answer within {self._seconds:g} seconds"
            )
        except KeyStoreUnavailable as known:
            problem = known
        except Exception as error:
            problem = self._told(error)
        self._silent = isinstance(problem, KeyStoreUnavailable) and time.monotonic() - begun > _SLOW_SECONDS
        self._reconnect()
        # Raised out here, so that no exception that has seen what was sent hangs on to this one.
        raise problem

    def _key(self) -> aead.Aead:
        with self._lock:
            if self._connected is None:
                self._connected = self._service.connect()
            return self._connected

    def _reconnect(self) -> None:
        with self._lock:
            self._connected = None  # what it was connected with may be what was wrong: an address, expired credentials

    def _told(self, error: Exception) -> Exception:
        cause = error.args[0] if isinstance(error, tink.TinkError) and error.args else error
        if not isinstance(cause, Exception):  # Tink's own: what came back does not open, or is not what it sent
            return KeysetDamaged("a keyset does not open: wrapped by another key, changed, or moved")
        if self._service.says_damaged(cause):
            return KeysetDamaged("the key management service says that this keyset was wrapped by another key")
        return KeyStoreUnavailable(f"the key management service can't be used now ({self._service.code(cause)})")
