"""Who is asking: a frozen value that says nothing about time, so that a compiled plan stays right."""

import enum
import uuid
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """What sort of principal this is."""

    AGENT = "AGENT"
    ANONYMOUS = "ANONYMOUS"
    API_KEY = "API_KEY"
    CONTRIBUTOR = "CONTRIBUTOR"
    DEPARTING = "DEPARTING"  # an account being erased: may watch its own deletion, nothing else
    STAFF = "STAFF"


class Scope(enum.StrEnum):
    """What an API key may be used for. What each covers stands in policy.polar."""

    EXPORT = "export"
    READ = "read"
    WRITE = "write"


class AgentName(enum.StrEnum):
    """The agents that policy.polar has rules for."""

    ERASURES = "erasures"
    EXPORTS = "exports"
    GENERATION = "generation"
    IMPORTS = "imports"
    NOTIFIER = "notifier"
    RETENTION = "retention"
    THUMBNAILS = "thumbnails"
    VERIFIER = "verifier"


@dataclass(frozen=True)
class Principal:
    """Whoever asks, as established by `muniment.identity` or by an agent's runtime.

    `id` is the contributor's, staff member's or API key's id (None: anonymous, agents). API keys and agents act
    `on_behalf_of` a contributor and can only narrow: their rights are their own scopes (an agent's `name` and the
    policy's block for it) intersected with the current rights of that contributor. An agent's `run` is the id of the
    prompt, asset, export, deletion or notice it works on; one without a run may do nothing to any.
    """

    kind: Kind
    id: uuid.UUID | None = None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    on_behalf_of: uuid.UUID | None = None
    name: str | None = None
    run: uuid.UUID | None = None
    mfa: bool = False
    stepped_up: bool = False


ANONYMOUS = Principal(Kind.ANONYMOUS)
