"""Who was let near what: refusals, reads by others, reads of this trail, and the start of the system."""

import enum
import uuid

from storage.damages import Damage
from storage.grants import ReasonCode
from storage.ledger.events.base import Event, EventRefused
from storage.ledger.events.values import Category, Identifier, Resource
from storage.staff import StaffRole


class RefusalCode(enum.StrEnum):
    """Why something was refused: the error codes of the API that stand for a decision."""

    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    FORBIDDEN = "FORBIDDEN"
    LEGAL_HOLD = "LEGAL_HOLD"
    LOCKED_DOWN = "LOCKED_DOWN"
    MFA_REQUIRED = "MFA_REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    RATE_LIMITED = "RATE_LIMITED"
    SERVICE_NOT_APPROVED = "SERVICE_NOT_APPROVED"
    STEP_UP_REQUIRED = "STEP_UP_REQUIRED"
    UNAUTHENTICATED = "UNAUTHENTICATED"


class AccessDenied(Event):
    """The policy said no. `attempted` is what it said no to; the resource is the kind of thing that was asked for.

    Its id is what the caller gave, whether there is such a thing or not, and so stands on the personal side.
    """

    action = "access.denied"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    resource_kind: Resource
    attempted: Identifier
    code: RefusalCode

    def about(self) -> Resource:
        """The kind of thing asked for."""
        return self.resource_kind

    def aside(self) -> bool:
        """Unless it is known whose the thing is, the id may be anything: a person's too."""
        return self.subject_id is None


class StrangersDenied(Event):
    """Callers without a credential, or with one that is not good, were refused: counted by address and minute.

    `denials` says what, as `attempted:kind:code:count`, the most frequent first; what is left of them is in the sum
    `denial_count`. `address_count` is more than one where so many addresses were refused that they were put together.
    """

    action = "access.strangers_denied"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    denial_count: int
    address_count: int
    denials: tuple[Identifier, ...]


class CredentialReason(enum.StrEnum):
    """Why a credential that somebody holds was refused."""

    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    WRONG_SECRET = "WRONG_SECRET"  # noqa: S105 - a reason, not a secret


class CredentialRefused(Event):
    """A session or API key was used that was ended, or a key with a wrong secret: counted by minute."""

    action = "access.credential_refused"
    category = Category.SECURITY_EVENT
    resource = Resource.SESSION

    resource_kind: Resource
    reason: CredentialReason
    refusal_count: int

    def about(self) -> Resource:
        """The kind of credential."""
        return self.resource_kind


class ContentRead(Event):
    """Someone other than the owner opened sealed content: written before they got to see it.

    One event per owner, kind of thing and grant; the subject is the owner. Of staff who read under a grant the job and
    the reason are said, which are the grant's.
    """

    action = "content.read"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    resource_kind: Resource
    object_count: int
    object_ids: tuple[uuid.UUID, ...]
    role: StaffRole | None = None
    reason: ReasonCode | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resource_kind.is_person and self.object_ids:
            raise EventRefused("content.read: of things keyed by a person's id only the count is recorded")

    def about(self) -> Resource:
        """The kind of thing that was opened."""
        return self.resource_kind


class AgentStrayed(Event):
    """An agent asked for something that its part of the policy never gives: it got nothing. The subject is for whom."""

    action = "agent.strayed"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    resource_kind: Resource
    attempted: Identifier

    def about(self) -> Resource:
        """The kind of thing that was asked for."""
        return self.resource_kind


class ContentDamaged(Event):
    """Something sealed did not open although its key is there: it was changed, cut, moved, or is gone.

    Or its keyset was, or is missing (`KEYSET_MISSING`). `place` is its table and column. Told by whoever came upon it,
    of the same thing once an hour.
    """

    action = "content.damaged"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    resource_kind: Resource
    place: Identifier
    damage: Damage

    def about(self) -> Resource:
        """The kind of thing that does not open."""
        return self.resource_kind


class TrailRead(Event):
    """Someone read this trail: events of others, or the whole of it."""

    action = "trail.read"
    category = Category.ADMIN_ACTION
    resource = Resource.AUDIT_EVENT

    event_count: int


class SystemStarted(Event):
    """A process of the platform started: a server, or the agents alone. The policy version is the one it began with.

    With what protects it, as its settings say: see `control.switched_off`.
    """

    action = "system.started"
    category = Category.SYSTEM_DECISION
    resource = Resource.PLATFORM

    resource_id: uuid.UUID | None = None
    subject_id: uuid.UUID | None = None
    backups: bool | None = None
    checkpoints: bool | None = None
    regions: bool | None = None
    rotation: bool | None = None
    tls: bool | None = None
    webhook: bool | None = None
    witnesses: bool | None = None
