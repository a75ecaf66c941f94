"""Which policy is in force, how it came to be, and who asked why."""

import enum

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource
from storage.policies import PolicyOrigin


class PolicyFault(enum.StrEnum):
    """Why a policy can't be used."""

    BROKEN = "broken"  # it has an error, or says something that can't be meant
    MISSING = "missing"  # its text is not where it should be
    TOO_LONG = "too_long"  # it is longer than anybody reads


class PolicyRefusal(enum.StrEnum):
    """Why a sound policy does not come into force."""

    NOT_PROPOSED = "not_proposed"  # the hash named is not the one proposed
    OVERTAKEN = "overtaken"  # another policy came into force since it was proposed
    OWN_PROPOSAL = "own_proposal"  # whoever proposed it wanted to confirm it too
    TOO_OLD = "too_old"  # it was proposed too long ago
    UNAPPROVED_GAIN = "unapproved_gain"  # it gives somebody a right that no approval names


class PolicyProposed(Event):
    """A member of staff proposed a policy. Nothing changes until another one confirms it. Counts are of rights.

    `taken_back`: it was in force before the present one, and needs no approvals.
    """

    action = "policy.proposed"
    category = Category.ADMIN_ACTION
    resource = Resource.POLICY_CHANGE

    version: Identifier
    gained_count: int
    lost_count: int
    taken_back: bool = False


class PolicyEntered(Event):
    """A policy came into force: from here on every process decides by it, and events name it."""

    action = "policy.entered"
    category = Category.SECURITY_EVENT
    resource = Resource.POLICY_CHANGE

    version: Identifier
    follows: Identifier | None
    origin: PolicyOrigin


class PolicyReloadRefused(Event):
    """A policy was kept out by the rules for changing it; the one before stays in force."""

    action = "policy.reload_refused"
    category = Category.SECURITY_EVENT
    resource = Resource.POLICY_CHANGE

    version: Identifier
    reason: PolicyRefusal


class PolicyReloadFailed(Event):
    """A policy can't be used: the last good one stays in force. An alert: somebody has to look."""

    action = "policy.reload_failed"
    category = Category.SECURITY_EVENT
    resource = Resource.POLICY_CHANGE

    version: Identifier | None
    reason: PolicyFault


class PolicyExplained(Event):
    """Staff asked why somebody else may or may not do something. The subject is the contributor it was about."""

    action = "policy.explained"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    resource_kind: Resource
    attempted: Identifier

    def about(self) -> Resource:
        """The kind of thing asked about."""
        return self.resource_kind
