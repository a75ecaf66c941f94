"""Time-based one-time passwords (RFC 6238), as every authenticator app has them: six digits, 30 seconds, SHA-1."""

import secrets
from datetime import datetime

from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS = 6
STEP_SECONDS = 30
_DRIFT = 1
"""Steps by which a clock may be early or late (RFC 6238, 5.2)."""


def new_secret() -> bytes:
    """160 random bits (RFC 4226, 4)."""
    return secrets.token_bytes(20)


def step_at(moment: datetime) -> int:
    """The step that `moment` lies in."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(secret: bytes, step: int) -> str:
    """What an authenticator shows during `step`."""
    return HOTP(secret, DIGITS, SHA1()).generate(step).decode()  # noqa: S303 - the HMAC of RFC 4226, not a digest


def matching_step(secret: bytes, code: str, moment: datetime) -> int | None:
    """The step around `moment` whose code this is; None where there is none. Whether it was used is not asked here."""
    found, at = None, step_at(moment)
    for step in range(at - _DRIFT, at + _DRIFT + 1):  # all of them in any case, so that time tells nothing
        if constant_time.bytes_eq(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def uri(secret: bytes, account: str, issuer: str) -> str:
    """What an authenticator app takes in, typed or as a QR code (otpauth://totp/…)."""
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS).get_provisioning_uri(account, issuer)  # noqa: S303 - as above
