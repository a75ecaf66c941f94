"""Who acts, from where, in which request: what every event of one unit of work has in common."""

import re
import uuid
from dataclasses import dataclass

from storage.ledger.events.values import Identifier

_ACTOR_KIND = re.compile(r"[A-Z][A-Z_]{0,39}")
_ADDRESS_LENGTH = 64  # the longest IPv6 text with a zone fits
_AGENT_LENGTH = 512


@dataclass(frozen=True)
class AuditScope:
    """The actor and the circumstances, as identity or an agent's runtime established them.

    `component` is the part of the system that acts ("api", "agent:generation"); `actor_kind` is a
    `policies.principals.Kind` by value; `actor_id` is None for agents and for people who have not signed in.
    `ip_address` and `user_agent` come from outside: they are cut to 64 and 512 characters, and what is not text in
    UTF-8 is replaced. `correlation_id` ties together everything one call set in motion.

    Raises ValueError if `component`, `actor_kind` or `policy_version` is not a name but free text.
    """

    component: str
    actor_kind: str
    actor_id: uuid.UUID | None
    on_behalf_of: uuid.UUID | None
    ip_address: str | None
    user_agent: str | None
    correlation_id: uuid.UUID
    policy_version: str

    def __post_init__(self) -> None:
        Identifier(self.component)
        Identifier(self.policy_version)
        if not _ACTOR_KIND.fullmatch(self.actor_kind):
            raise ValueError("an actor's kind is a name in capitals, such as CONTRIBUTOR")
        object.__setattr__(self, "ip_address", _bounded(self.ip_address, _ADDRESS_LENGTH))
        object.__setattr__(self, "user_agent", _bounded(self.user_agent, _AGENT_LENGTH))


def _bounded(text: str | None, length: int) -> str | None:
    # Lone surrogates come from hostile headers; they can't be encoded, hence not committed to or sealed.
    return None if text is None else text[:length].encode(errors="replace").decode()
