"""The public keys of an OpenID provider: fetched in the background, and served from what is kept meanwhile.

A request whose key is kept never waits. One with an unknown key starts a fetch, if none was made of late, and waits for
it a second at most, counted from the fetch's start; only two requests wait at a time. So a provider that does not
respond holds nobody up, and a flood of made-up keys costs it one request in half a minute.
"""

import base64
import json
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from agents.outward import AddressRefused, NoAnswer, fetch
from resolvers.errors import Unavailable

FRESH = 600.0
"""Seconds for which keys are not fetched again."""
STALE = 3600.0
"""Seconds for which they still serve while the provider does not respond."""
BETWEEN = 30.0
"""Seconds between two fetches while there are keys, whatever comes in meanwhile."""
PAUSES = (2.0, 5.0, 10.0)
"""Seconds between two fetches while there are none: after the first failure, the second, and each one after that."""
WAIT = 1.0
"""Seconds after the start of a fetch for which requests wait for it."""
_WAITING = 2
_SECONDS = 5.0
"""How long each of the two requests of a fetch may take as a whole."""
_MOST_KEYS = 50
_LEAST_BYTES = 256
"""2048 bits: the shortest modulus of an RSA key that is taken."""

_log = structlog.get_logger(__name__)
Key = RSAKey | ECKey


@dataclass(frozen=True)
class _Keys:
    """What the provider served, and when (monotonic)."""

    by_id: dict[str | None, Key]
    fetched: float

    def named(self, wanted: str | None) -> Key | None:
        """The key with this id; where there is one alone, a token may name none."""
        if wanted is None:
            return next(iter(self.by_id.values())) if len(self.by_id) == 1 else None
        return self.by_id.get(wanted)


class ProviderKeys:
    """The keys of one provider. Safe to share between threads."""

    def __init__(self, url: str, *, inside_too: bool = False) -> None:
        self._url = url
        self._inside_too = inside_too
        self._kept: _Keys | None = None
        self._changed = threading.Condition()
        self._began: float | None = None
        """When the fetch under way began; None while there is none."""
        self._ended: float | None = None
        """When the last fetch ended."""
        self._failures = 0
        """Fetches that have failed since the last one that did not."""
        self._waiting = 0

    def refresh(self) -> None:
        """Fetch the keys in the background, unless that is under way or was done of late."""
        with self._changed:
            self._start(time.monotonic())

    def find(self, wanted: str | None) -> Key | None:
        """The key with this id; None where the provider serves none, as far as it was asked of late.

        Raises `Unavailable` where that can't be said: there are no keys, or the last fetch failed or goes on.
        """
        with self._changed:
            moment = time.monotonic()
            found = self._usable(moment)
            if found is not None and (key := found.named(wanted)) is not None:
                if moment - found.fetched >= FRESH:
                    self._start(moment)
                return key
            self._start(moment)
            self._wait()
            moment = time.monotonic()
            found = self._usable(moment)
            key = None if found is None else found.named(wanted)
            if key is None and (found is None or self._failures or self._began is not None):
                raise Unavailable(
                    "The provider of these tokens can't be reached. Try again later.",
                    retry_after=max(1, math.ceil(self._next(moment) - moment)) if self._began is None else 2,
                )
            return key

    def _usable(self, moment: float) -> _Keys | None:
        return self._kept if self._kept is not None and moment - self._kept.fetched < STALE else None

    def _wait(self) -> None:
        if self._waiting >= _WAITING:
            return
        self._waiting += 1
        try:
            while self._began is not None and (left := self._began + WAIT - time.monotonic()) > 0:
                self._changed.wait(left)
        finally:
            self._waiting -= 1

    def _start(self, moment: float) -> None:
        if self._began is None and moment >= self._next(moment):
            self._began = moment
            threading.Thread(target=self._fetch, name="provider-keys", daemon=True).start()

    def _next(self, moment: float) -> float:
        """The moment before which nothing is fetched."""
        if self._ended is None:
            return moment
        no_keys = self._failures and self._usable(moment) is None
        return self._ended + (PAUSES[min(self._failures, len(PAUSES)) - 1] if no_keys else BETWEEN)

    def _fetch(self) -> None:
        served: dict[str | None, Key] | None = None
        try:
            served = self._served()
        except (AddressRefused, NoAnswer, JoseError, ValueError, RecursionError) as cause:
            _log.warning("provider_keys.unavailable", reason=type(cause).__name__, count=self._failures + 1)
        except Exception:
            _log.exception("provider_keys.failed")
        with self._changed:
            moment = time.monotonic()
            if served is not None:
                self._kept, self._failures = _Keys(served, moment), 0
            else:
                self._failures += 1
            self._began, self._ended = None, moment
            self._changed.notify_all()

    def _served(self) -> dict[str | None, Key]:
        found = self._document(f"{self._url.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._url:
            raise ValueError("the discovery document is another issuer's")
        served = self._document(str(found.get("jwks_uri"))).get("keys")
        if not isinstance(served, list):
            raise ValueError("no keys")
        usable = ((each.get("kid"), _usable(each)) for each in served[:_MOST_KEYS] if isinstance(each, dict))
        return {kid: key for kid, key in usable if key is not None}

    def _document(self, url: str) -> dict[str, Any]:
        answer = fetch(url, inside_too=self._inside_too, seconds=_SECONDS)
        found = json.loads(answer.body) if answer.status == 200 else None
        if not isinstance(found, dict):
            raise ValueError("no document")
        return found


def _usable(served: dict[str, Any]) -> Key | None:
    """A public key for signatures of a kind and length that is taken; None for any other, which harms none."""
    if served.get("use") not in (None, "sig"):
        return None
    if served.get("kty") not in ("RSA", "EC") or not isinstance(served.get("kid"), str | None):
        return None
    public = {name: value for name, value in served.items() if name in ("alg", "crv", "e", "kid", "kty", "n", "x", "y")}
    try:
        if served["kty"] == "RSA" and len(decoded(str(served.get("n")))) < _LEAST_BYTES:
            return None
        key = JWKRegistry.import_key(public)
        if isinstance(key, RSAKey):
            return key
        return key if isinstance(key, ECKey) and key.curve_name == "P-256" else None
    except (JoseError, TypeError, ValueError, KeyError):
        return None


def decoded(text: str) -> bytes:
    """What base64url stands for. Raises ValueError (`binascii.Error`) for what is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
