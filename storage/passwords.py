"""Passwords: argon2id in the low-memory profile of RFC 9106, a few at a time."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# One hash takes 64 MiB: without a bound, a burst of sign-ins is a denial of service.
_at_once = threading.BoundedSemaphore(4)


def hash_password(password: str) -> str:
    """The encoded argon2id hash, with its salt and parameters."""
    with _at_once:
        return _hasher.hash(password)


def verify_password(encoded: str, password: str) -> bool:
    """Whether `password` is the one that was hashed. Takes the same time for either answer."""
    with _at_once:
        try:
            return _hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False


_nobodys_hash = "$argon2id$v=19$m=65536,t=3,p=4$q//Gy/fE10UlkbSuFOfd+w$Ra+aOTJ0Sg5M2fpKYvlw7++OTV8trsj97ebiJrb2nic"
"""Of nobody's password, at the cost of everybody's; making one would keep each start waiting."""


def verify_nobody(password: str) -> None:
    """Take as long as a real verification, so that an unknown e-mail can't be told from a wrong password by time."""
    verify_password(_nobodys_hash, password)
