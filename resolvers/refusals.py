"""What the trail keeps of a refusal."""

import uuid
from dataclasses import dataclass, field
from typing import Self

from policies.errors import Refused
from storage.ledger.events import AccessDenied, Identifier, RefusalCode, Resource


@dataclass(frozen=True)
class Refusal:
    """What was attempted, on what kind of thing, and why it was refused: what the trail keeps of a refusal."""

    attempted: str
    resource: str
    code: str
    asked: uuid.UUID | None = field(default=None, compare=False)
    """The id that was asked for, of one thing or of the first of several."""

    @classmethod
    def of(cls, attempted: str, refusal: Refused) -> Self:
        return cls(attempted, refusal.resource, refusal.code, refusal.asked)


def denied(refusal: Refusal) -> AccessDenied:
    """The event that says so."""
    return AccessDenied(
        resource_id=refusal.asked,
        subject_id=None,
        resource_kind=Resource.of(refusal.resource),
        attempted=Identifier(refusal.attempted),
        code=RefusalCode(refusal.code),
    )
