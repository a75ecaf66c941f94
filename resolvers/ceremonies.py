"""The ceremonies of passkeys (Web Authentication, level 3): what an authenticator answered, taken apart and compared.

fido2 reads CBOR and COSE and checks signatures. What a relying party compares stands here, in numbered steps, each with
a reason of its own for the trail. Knows no database. Every size and type is looked at before anything is made of it.
"""

import base64
import hashlib
import hmac
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2 import cbor
from fido2.webauthn import AttestedCredentialData, AuthenticatorData

from resolvers.errors import BadInput
from storage.ledger.events import SignInRefusal

_RS256 = -257
ALGORITHMS = (-8, -7, _RS256)
"""EdDSA, ES256 and, for Windows Hello, RS256 (COSE)."""
_RSA_BYTES = range(256, 513)
"""What is shorter can be broken (NIST SP 800-131A), and what is longer has a caller choose how long checking takes."""
LONGEST = 16_384
"""Characters of an answer. Those that bring a manufacturer's certificates along are the longest, and half of it."""
_LONGEST_ID = 1023
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_MALFORMED = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, struct.error,
)  # fmt: skip
"""What reading JSON, CBOR and keys that others made ends with."""

TOLD = {
    SignInRefusal.COPIED_PASSKEY: "This passkey counts fewer signatures than before: there is a copy of it. It is not "
    "good any more. Use another second factor, remove this passkey, and tell whoever runs the server.",
    SignInRefusal.UNKNOWN_CHALLENGE: "This challenge was not asked of you here, was used, or is too old. Begin again.",
    SignInRefusal.UNKNOWN_PASSKEY: "This passkey is not one of the account's (any more).",
    SignInRefusal.UNVERIFIED_USER: "The passkey has not asked who you are: use its finger, face or PIN.",
    SignInRefusal.WRONG_ORIGIN: "This passkey was asked for by a page that is not of this server. Look at its address.",
    SignInRefusal.WRONG_SIGNATURE: "This signature is not the passkey's.",
    SignInRefusal.WRONG_SITE: "This passkey is kept for another server.",
}
"""What somebody is told of a passkey that proves nothing: each sentence says what to do, where there is something."""

T = TypeVar("T")


class NotProven(Exception):
    """The answer proves nothing, and why."""

    def __init__(self, reason: SignInRefusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class RelyingParty:
    """Whose passkeys they are: the host for which authenticators keep them, and the pages that may ask for them."""

    id: str
    origins: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """What a page hands on of an authenticator: claims, until `registered` or `asserted` has compared them."""

    ceremony: str
    challenge: bytes
    origin: str
    embedded: bool
    """Whether a page of another origin had embedded the one that asked."""
    data: AuthenticatorData
    signed: bytes
    credential_id: bytes
    signature: bytes = b""


def registration(text: str, field: str) -> Answer:
    """What `navigator.credentials.create` answered, as JSON. Raises `BadInput`, which names `field`."""
    return _read(text, field, _registration)


def assertion(text: str, field: str) -> Answer:
    """What `navigator.credentials.get` answered, as JSON. Raises `BadInput`, which names `field`."""
    return _read(text, field, _assertion)


def registered(answer: Answer, challenge: bytes, site: RelyingParty) -> AttestedCredentialData:
    """The new passkey, once everything is as it must be (level 3, 7.1). Raises `NotProven`.

    Who made the authenticator is not asked: it would be told by a certificate that many send to nobody, and whoever
    registers has just proven who they are.
    """
    _compare(answer, "webauthn.create", challenge, site)
    made = answer.data.credential_data
    # (8) it is the key that was spoken of, of a kind that was asked for, and one with which something verifies
    if made is None or made.credential_id != answer.credential_id:
        raise NotProven(SignInRefusal.UNKNOWN_PASSKEY)
    if made.public_key.ALGORITHM not in ALGORITHMS or not _is_key(made):
        raise NotProven(SignInRefusal.WRONG_SIGNATURE)
    return made


def asserted(
    answer: Answer, challenge: bytes, site: RelyingParty, known: AttestedCredentialData, *, synced: bool
) -> int:
    """The count of signatures, once `known` has signed the challenge (level 3, 7.2). Raises `NotProven`.

    MUST still be asked by the caller: whose passkey it is, whether the challenge is used up, and whether the count
    went back.
    """
    _compare(answer, "webauthn.get", challenge, site)
    # (8) a passkey does not become one that may be copied, or cease to be (level 3, 7.2, step 20)
    if answer.credential_id != known.credential_id or answer.data.is_backup_eligible() != synced:
        raise NotProven(SignInRefusal.UNKNOWN_PASSKEY)
    # (9) signed by the key that only its authenticator has
    if not _verifies(known, answer.signed, answer.signature):
        raise NotProven(SignInRefusal.WRONG_SIGNATURE)
    return int(answer.data.counter)


def _compare(answer: Answer, ceremony: str, challenge: bytes, site: RelyingParty) -> None:
    # (1) signed for this challenge, which is ours and of this ceremony
    if answer.ceremony != ceremony or not hmac.compare_digest(answer.challenge, challenge):
        raise NotProven(SignInRefusal.UNKNOWN_CHALLENGE)
    # (2) asked for by a page of ours, letter for letter: this is what phishing fails at
    # (3) that stood by itself, and not in somebody else's
    if answer.origin not in site.origins or answer.embedded:
        raise NotProven(SignInRefusal.WRONG_ORIGIN)
    # (4) by a key that is kept for this host
    if not hmac.compare_digest(answer.data.rp_id_hash, hashlib.sha256(site.id.encode()).digest()):
        raise NotProven(SignInRefusal.WRONG_SITE)
    # (5) somebody was there, (6) and was recognised: by a finger, a face or a PIN
    if not answer.data.is_user_present() or not answer.data.is_user_verified():
        raise NotProven(SignInRefusal.UNVERIFIED_USER)
    # (7) what can't be copied was not
    if answer.data.is_backed_up() and not answer.data.is_backup_eligible():
        raise NotProven(SignInRefusal.UNKNOWN_PASSKEY)


def _verifies(known: AttestedCredentialData, signed: bytes, signature: bytes) -> bool:
    try:
        known.public_key.verify(signed, signature)
    except (InvalidSignature, UnsupportedAlgorithm, *_MALFORMED):
        return False
    return True


def _is_key(made: AttestedCredentialData) -> bool:
    """Whether a signature could be checked with it: a wrong one is found to be wrong, and nothing else goes amiss."""
    key = made.public_key
    try:
        if key.ALGORITHM == _RS256 and len(key[-1].lstrip(b"\0")) not in _RSA_BYTES:
            return False
        key.verify(b"", b"\0" * 64)
    except InvalidSignature:
        return True
    except (UnsupportedAlgorithm, *_MALFORMED):
        return False
    return False  # what takes any signature is no key


def _read(text: str, field: str, parts: Callable[[dict[str, Any]], Answer]) -> Answer:
    if len(text) > LONGEST:
        raise BadInput(f"{field} is at most {LONGEST} characters: send what the browser answered.", field=field)
    try:
        return parts(json.loads(text))
    except _MALFORMED:
        told = f"{field} is JSON.stringify of what navigator.credentials answered (docs/guides/passkeys.md)."
        raise BadInput(told, field=field) from None


def _registration(said: dict[str, Any]) -> Answer:
    made = cbor.decode(_bytes(said["response"]["attestationObject"]))
    return _answer(said, _typed(made, dict)["authData"])


def _assertion(said: dict[str, Any]) -> Answer:
    signature = _bytes(said["response"]["signature"])
    return replace(_answer(said, _bytes(said["response"]["authenticatorData"])), signature=signature)


def _answer(said: dict[str, Any], data: Any) -> Answer:
    """Types are looked at first: to the library a number in the place of bytes is so many of them."""
    client = _bytes(said["response"]["clientDataJSON"])
    claims = json.loads(client)
    raw_id = _bytes(said["rawId"])
    if said["type"] != "public-key" or not 0 < len(raw_id) <= _LONGEST_ID:
        raise ValueError
    return Answer(
        ceremony=_typed(claims["type"], str),
        challenge=_bytes(claims["challenge"]),
        origin=_typed(claims["origin"], str),
        embedded=claims.get("crossOrigin", False) is not False or "topOrigin" in claims,
        data=AuthenticatorData(_typed(data, bytes)),
        signed=data + hashlib.sha256(client).digest(),
        credential_id=raw_id,
    )


def _typed(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _bytes(text: Any) -> bytes:
    if not _BASE64URL.fullmatch(_typed(text, str)):
        raise ValueError
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
