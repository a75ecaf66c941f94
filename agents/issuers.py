"""Tokens of the configured issuer (OpenID Connect): whether they are good, of which kind, and what they say.

(1) What a token says of its own key decides nothing: no `jwk`, `jku` or `x5c` of a header is looked at, algorithms are
those of a short list without symmetric ones, and the key is one that the issuer serves (`agents.provider_keys`). (2)
Issuer, audience and times are checked, and that it lasts no longer than a day. (3) It is an ID token, or an access
token (RFC 9068) where the operator takes those: a logout token, a token that is bound to a key, or one that was issued
to another client is neither. The log names why a token was refused; the caller is told the same words each time.
"""

import binascii
import enum
import json
import re
from typing import Any

import structlog
from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError, MissingClaimError

from agents.provider_keys import Key, ProviderKeys, decoded
from policies.principals import Scope
from resolvers.errors import Unauthenticated
from resolvers.issuers import Verified
from storage.clock import now

ALGORITHMS = ("RS256", "PS256", "ES256")
MULTIPLE_FACTORS = frozenset({"hwk", "mfa", "otp", "swk"})
"""Values of `amr` (RFC 8176) by which an issuer says that it was not a password alone."""
SCOPES = {name: scope for scope in (Scope.READ, Scope.WRITE) for name in (scope.value, f"muniment:{scope.value}")}
"""Scopes of access tokens, as API keys have them. Exporting needs a fresh proof, which no access token is."""

_LEEWAY = 30
_LONGEST = 24 * 3600
_MOST_BYTES = 8192
_OWN_KEYS = ("crit", "jku", "jwk", "x5c", "x5u")
_KNOWN_ALGORITHMS = frozenset(
    f"{family}{bits}" for family in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA", "Ed25519", "ES256K", "none", "dir"}  # fmt: skip
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID_TOKEN_KINDS = (None, "JWT")
_ACCESS_TOKEN_KIND = "AT+JWT"  # noqa: S105 - a media type

_log = structlog.get_logger(__name__)


class Reason(enum.StrEnum):
    """Why a token was refused, for the log alone."""

    ACCESS_TOKENS_NOT_TAKEN = "ACCESS_TOKENS_NOT_TAKEN"
    ALGORITHM = "ALGORITHM"
    BOUND_TO_A_KEY = "BOUND_TO_A_KEY"
    CLAIM_MISSING = "CLAIM_MISSING"
    CLAIM_WRONG = "CLAIM_WRONG"
    EXPIRED = "EXPIRED"
    HEADER = "HEADER"
    KEY_ALGORITHM = "KEY_ALGORITHM"
    KEY_IN_HEADER = "KEY_IN_HEADER"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KIND = "KIND"
    LIFETIME = "LIFETIME"
    MALFORMED = "MALFORMED"
    OTHER_CLIENT = "OTHER_CLIENT"
    SIGNATURE = "SIGNATURE"
    TOO_LONG = "TOO_LONG"


class _Refused(Exception):
    """Why a token is not good, and which claim or part of the header says so."""

    def __init__(self, reason: Reason, claim: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason, self.claim = reason, claim


class Issuer:
    """One issuer. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        audience: str,
        *,
        inside_too: bool = False,
        access_audience: str | None = None,
        clients: tuple[str, ...] = (),
    ) -> None:
        """`audience` is what ID tokens are for, `access_audience` what access tokens are: None takes none.

        `clients` are those to whom tokens may have been issued, beside the one that is the audience of ID tokens.
        """
        self.url = url
        self._audience = audience
        self._access_audience = access_audience
        self._clients = frozenset({audience, *clients})
        self._keys = ProviderKeys(url, inside_too=inside_too)

    def refresh(self) -> None:
        """Fetch the issuer's keys in the background."""
        self._keys.refresh()

    def verified(self, token: str) -> Verified:
        """Whom the token is about. Raises `Unauthenticated`, in the same words whatever is wrong, and `Unavailable`."""
        header: dict[str, Any] = {}
        try:
            header |= _header(token)
            key = self._key(header)
            claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
            return self._checked(header, claims)
        except _Refused as cause:
            self._log(header or _claimed_header(token), cause.reason, cause.claim)
        except ClaimError as cause:
            reason = Reason.CLAIM_MISSING if isinstance(cause, MissingClaimError) else Reason.CLAIM_WRONG
            self._log(header, Reason.EXPIRED if isinstance(cause, ExpiredTokenError) else reason, cause.claim)
        except BadSignatureError:
            self._log(header, Reason.SIGNATURE, None)
        except (JoseError, ValueError, TypeError, OverflowError, RecursionError):
            self._log(header, Reason.MALFORMED, None)
        raise Unauthenticated("This token is not good here: sign in again with whoever issued it.")

    def _log(self, header: dict[str, Any], reason: Reason, claim: str | None) -> None:
        algorithm, key_id = header.get("alg"), header.get("kid")
        _log.info(
            "token.refused",
            reason=reason,
            claim=claim,
            algorithm=algorithm if algorithm in _KNOWN_ALGORITHMS else None if algorithm is None else "other",
            key_id=_shown(key_id),
        )

    def _checked(self, header: dict[str, Any], claims: dict[str, Any]) -> Verified:
        scopes = self._kind(header, claims)
        registry = jwt.JWTClaimsRegistry(
            now=int(now().timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.url},
            aud={"essential": True, "value": self._audience if scopes is None else self._access_audience or ""},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        registry.validate(claims)
        self._check_client(claims, is_access_token=scopes is not None)
        subject, begins, ends, authenticated = claims["sub"], claims["iat"], claims["exp"], claims.get("auth_time")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise _Refused(Reason.CLAIM_WRONG, "sub")
        if isinstance(authenticated, bool) or not isinstance(authenticated, int | float | None):
            raise _Refused(Reason.CLAIM_WRONG, "auth_time")
        if not ends - begins <= _LONGEST:
            raise _Refused(Reason.LIFETIME, "exp")
        methods = claims.get("amr")
        named = {each for each in methods if isinstance(each, str)} if isinstance(methods, list) else set()
        mfa = bool(named & MULTIPLE_FACTORS)
        return Verified(self.url, subject, mfa, issued_at=begins, authenticated_at=authenticated, scopes=scopes)

    def _kind(self, header: dict[str, Any], claims: dict[str, Any]) -> frozenset[str] | None:
        """The scopes of an access token; None for an ID token. Raises _Refused for any other kind."""
        kind, said = _media_type(header), claims.get("typ")
        for claim, reason in (("events", Reason.KIND), ("cnf", Reason.BOUND_TO_A_KEY)):
            if claim in claims:
                raise _Refused(reason, claim)
        access = kind == _ACCESS_TOKEN_KIND
        if not access and kind not in _ID_TOKEN_KINDS:
            raise _Refused(Reason.KIND, "typ")
        # Providers from before RFC 9068 say in a claim which kind it is (Keycloak, Cognito), or give scopes alone.
        if said not in (None, "ID", "Bearer") or claims.get("token_use") not in (None, "id", "access"):
            raise _Refused(Reason.KIND, "typ" if said not in (None, "ID", "Bearer") else "token_use")
        scopes = claims.get("scope", claims.get("scp"))
        access = access or said == "Bearer" or claims.get("token_use") == "access" or scopes is not None
        if not access:
            return None
        if self._access_audience is None:
            raise _Refused(Reason.ACCESS_TOKENS_NOT_TAKEN, "typ")
        named = scopes.split(" ") if isinstance(scopes, str) else scopes if isinstance(scopes, list) else []
        return frozenset(SCOPES[each].value for each in named if isinstance(each, str) and each in SCOPES)

    def _check_client(self, claims: dict[str, Any], *, is_access_token: bool) -> None:
        """Raises _Refused unless the token was issued to a client that is listed (OpenID Connect Core, 3.1.3.7)."""
        for claim in ("azp", "client_id"):
            if claim in claims and (not isinstance(claims[claim], str) or claims[claim] not in self._clients):
                raise _Refused(Reason.OTHER_CLIENT, claim)
        named = "azp" in claims or "client_id" in claims
        audience = claims["aud"]
        others = isinstance(audience, list) and any(each not in self._clients for each in audience)
        if not named and (is_access_token or others):
            raise _Refused(Reason.OTHER_CLIENT, "client_id" if is_access_token else "azp")

    def _key(self, header: dict[str, Any]) -> Key:
        """The issuer's key that the header names; where it serves one alone, a header may name none."""
        key = self._keys.find(header.get("kid"))
        if key is None:
            raise _Refused(Reason.KEY_UNKNOWN, "kid")
        if key.get("alg") not in (None, header["alg"]):
            raise _Refused(Reason.KEY_ALGORITHM, "alg")
        return key


def _media_type(header: dict[str, Any]) -> str | None:
    """The header's `typ` in capitals, without `application/` (RFC 7515, 4.1.9). Raises _Refused for no text."""
    kind = header.get("typ")
    if kind is None:
        return None
    if not isinstance(kind, str):
        raise _Refused(Reason.KIND, "typ")
    return kind.upper().removeprefix("APPLICATION/")


def _shown(key_id: Any) -> str | None:
    """A key's id as the log takes it: the caller has chosen it, so nothing that looks like a token of ours is shown."""
    if key_id is None:
        return None
    good = isinstance(key_id, str) and _KEY_ID.fullmatch(key_id) and "mun_" not in key_id and "eyJ" not in key_id
    return str(key_id) if good else "unprintable"


def _claimed_header(token: str) -> dict[str, Any]:
    """The header of a token that was refused for it, as far as it can be read."""
    if len(token) > _MOST_BYTES:
        return {}
    try:
        found = json.loads(decoded(token.partition(".")[0]))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return (
        found if isinstance(found, dict) and all(isinstance(found.get(each), str | None) for each in ("alg",)) else {}
    )


def _header(token: str) -> dict[str, Any]:
    """The header, which nobody vouches for yet: enough of it to find the key."""
    if len(token) > _MOST_BYTES:
        raise _Refused(Reason.TOO_LONG)
    try:
        found = json.loads(decoded(token.partition(".")[0]))
    except (binascii.Error, ValueError, RecursionError):
        raise _Refused(Reason.HEADER) from None
    if not isinstance(found, dict) or found.get("alg") not in ALGORITHMS:
        raise _Refused(Reason.ALGORITHM, "alg")
    if set(found) & set(_OWN_KEYS):
        raise _Refused(Reason.KEY_IN_HEADER, min(set(found) & set(_OWN_KEYS)))
    if not isinstance(found.get("kid"), str | None):
        raise _Refused(Reason.HEADER, "kid")
    return found
