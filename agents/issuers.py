"""The configured issuer of OpenID Connect tokens: its keys, fetched and kept for a while, and what its tokens say.

(1) What a token says of its own key decides nothing: no `jwk`, `jku` or `x5c` of a header is looked at, algorithms are
those of a short list without symmetric ones, and the key is one that the issuer serves. (2) Issuer, audience and times
are checked, and that it lasts no longer than a day. (3) Keys come from where the issuer's own discovery document says,
by the same guarded way as webhooks go out, within bounds. (4) A key that is not known makes them be fetched again, so
often and no more: a flood of made-up keys costs one request in half a minute.
"""

import base64
import binascii
import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from agents.outward import AddressRefused, NoAnswer, fetch
from resolvers.errors import Unauthenticated, Unavailable
from resolvers.issuers import Verified
from storage.clock import now

ALGORITHMS = ("RS256", "PS256", "ES256")
MULTIPLE_FACTORS = frozenset({"hwk", "mfa", "otp", "swk"})
"""Values of `amr` (RFC 8176) by which an issuer says that it was not a password alone."""

FRESH = 600.0
"""Seconds for which keys are not asked for again."""
STALE = 3600.0
"""Seconds for which they still serve while the issuer does not answer."""
BETWEEN = 30.0
"""Seconds between two requests for keys, whatever comes in meanwhile."""
_LEEWAY = 30
_LONGEST = 24 * 3600
_MOST_BYTES = 8192
_MOST_KEYS = 50
_LEAST_BYTES = 256
"""2048 bits: the shortest modulus of an RSA key that is taken."""
_SECONDS = 5.0
_OWN_KEYS = ("crit", "jku", "jwk", "x5c", "x5u")

_log = structlog.get_logger(__name__)
_Key = RSAKey | ECKey


class _Refused(Exception):
    """Why a token is none, for the log alone."""


@dataclass(frozen=True)
class _Keys:
    """What the issuer served, and when (monotonic)."""

    by_id: dict[str | None, _Key]
    fetched: float


class Issuer:
    """One issuer. Safe to share between threads."""

    def __init__(self, url: str, audience: str, *, inside_too: bool = False) -> None:
        self.url = url
        self._audience = audience
        self._inside_too = inside_too
        self._keys: _Keys | None = None
        self._tried: float | None = None
        self._lock = threading.Lock()

    def verified(self, token: str) -> Verified:
        """Whom the token is about. Raises `Unauthenticated`, in the same words whatever is wrong, and `Unavailable`."""
        try:
            header = _header(token)
            key = self._key(header)
            claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
            return self._checked(claims)
        except (JoseError, _Refused, ValueError) as cause:
            _log.info("token.refused", reason=str(cause) if isinstance(cause, _Refused) else type(cause).__name__)
            raise Unauthenticated("This token is not good here: sign in anew with whoever issued it.") from None

    def _checked(self, claims: dict[str, Any]) -> Verified:
        registry = jwt.JWTClaimsRegistry(
            now=int(now().timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.url},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        registry.validate(claims)
        subject, begins, ends = claims["sub"], claims["iat"], claims["exp"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise _Refused("sub is no name")
        if ends - begins > _LONGEST:
            raise _Refused("lasts for more than a day")
        methods = claims.get("amr")
        named = {each for each in methods if isinstance(each, str)} if isinstance(methods, list) else set()
        return Verified(self.url, subject, mfa=bool(named & MULTIPLE_FACTORS))

    def _key(self, header: dict[str, Any]) -> _Key:
        """The issuer's key that the header names; where it serves one alone, a header may name none."""
        wanted, held = header.get("kid"), self._held()
        key = _named(held, wanted)
        if key is None:
            key = _named(self._held(newer_than=held.fetched), wanted)
        if key is None:
            raise _Refused("no such key")
        if key.get("alg") not in (None, header["alg"]):
            raise _Refused("the key is for another algorithm")
        return key

    def _held(self, *, newer_than: float | None = None) -> _Keys:
        """The issuer's keys: what is kept while it is fresh, what it serves now otherwise; one asks at a time."""
        with self._lock:
            kept, moment = self._keys, time.monotonic()
            fresh = kept is not None and moment - kept.fetched < FRESH and kept.fetched != newer_than
            waits = self._tried is not None and moment - self._tried < BETWEEN
            if kept is not None and (fresh or waits) and moment - kept.fetched < STALE:
                return kept
            if not waits:
                self._tried = moment
                try:
                    self._keys = kept = _Keys(self._served(), moment)
                except (AddressRefused, NoAnswer, JoseError, ValueError) as cause:
                    _log.warning("issuer.unavailable", reason=type(cause).__name__)
            if kept is None or moment - kept.fetched >= STALE:
                raise Unavailable("Whoever issues these tokens does not answer. Try again, or sign in with a password.")
            return kept

    def _served(self) -> dict[str | None, _Key]:
        found = self._document(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.url:
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


def _named(keys: _Keys, wanted: str | None) -> _Key | None:
    if wanted is None:
        return next(iter(keys.by_id.values())) if len(keys.by_id) == 1 else None
    return keys.by_id.get(wanted)


def _usable(served: dict[str, Any]) -> _Key | None:
    """A public key for signatures of a kind and length that is taken; None for any other, which harms none."""
    if served.get("use") not in (None, "sig"):
        return None
    if served.get("kty") not in ("RSA", "EC") or not isinstance(served.get("kid"), str | None):
        return None
    public = {name: value for name, value in served.items() if name in ("alg", "crv", "e", "kid", "kty", "n", "x", "y")}
    try:
        if served["kty"] == "RSA" and len(_bytes(str(served.get("n")))) < _LEAST_BYTES:
            return None
        key = JWKRegistry.import_key(public)
        if isinstance(key, RSAKey):
            return key
        return key if isinstance(key, ECKey) and key.curve_name == "P-256" else None
    except (JoseError, TypeError, ValueError, KeyError):
        return None


def _header(token: str) -> dict[str, Any]:
    """The header, which nobody vouches for yet: enough of it to find the key."""
    if len(token) > _MOST_BYTES:
        raise _Refused("too long")
    try:
        found = json.loads(_bytes(token.partition(".")[0]))
    except (binascii.Error, ValueError, RecursionError):
        raise _Refused("no header") from None
    if not isinstance(found, dict) or found.get("alg") not in ALGORITHMS:
        raise _Refused("an algorithm that is not taken")
    if set(found) & set(_OWN_KEYS):
        raise _Refused("a header that brings its own key")
    if not isinstance(found.get("kid"), str | None):
        raise _Refused("kid is no name")
    return found


def _bytes(text: str) -> bytes:
    """What base64url stands for. Raises ValueError (`binascii.Error`) for what is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
