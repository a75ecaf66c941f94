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
    issued_at: float = 0.0
    """When the issuer signed it, in seconds since 1970 by its own clock."""
    authenticated_at: float | None = None
    """When the person last proved to the issuer who they are; None where it does not say."""
    scopes: frozenset[str] | None = None
    """What an access token may be used for, as API keys have it; None for an ID token."""


class Issuer(Protocol):
    """Whoever checks the tokens of one issuer."""

    def verified(self, token: str) -> Verified:
        """Whom the token is about. Raises `Unauthenticated`, and `Unavailable` while its keys can't be had."""
