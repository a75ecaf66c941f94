"""What an issuer of tokens (OpenID Connect) is asked, and what it answers. `agents.issuers` asks real ones."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Verified:
    """Whom a token is about, once its signature, issuer, audience and times were found right."""

    issuer: str
    subject: str
    mfa: bool
    """Whether the issuer says that it asked for more than a password."""


class Issuer(Protocol):
    """Whoever checks the tokens of one issuer."""

    def verified(self, token: str) -> Verified:
        """Whom the token is about. Raises `Unauthenticated`, and `Unavailable` while its keys can't be had."""
