"""The gate: whatever leaves the house passes here first, at the moment of sending, and stays where one thing is amiss.

Asked are the register of services (known, approved, notice period over, assessment and report not run out), the sort of
data, the region, and the wish of each contributor whose it is: as they are now, so that what was queued before somebody
changed their mind is kept back too. What is kept back is an event. See decision 38 for what need not pass, and why.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import structlog

from policies.force import InForce
from resolvers import enabling
from storage import clock, services
from storage.database import transaction
from storage.ledger.events import EgressBlocked, Outcome
from storage.ledger.scope import AuditScope
from storage.services import DataCategory, Finding, Objection, Parcel
from storage.work import Store

COMPONENT = "gateway"

log = structlog.get_logger("muniment.gateway")


class EgressRefused(Exception):
    """Something may not be sent. Carries what speaks against it; nothing of what was to be sent."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(objection.value)
        self.objection = objection


@dataclass(frozen=True)
class Sending:
    """Of which sorts something is, whose, and for which run, if any: what a sender knows before it knows where to."""

    categories: frozenset[DataCategory]
    people: frozenset[uuid.UUID] = frozenset()
    run: uuid.UUID | None = None

    def to(self, address: str) -> Parcel:
        """The same, on its way to that address."""
        return Parcel(address, self.categories, self.people)


class Gate(Protocol):
    """What a sender has to pass."""

    def clear(self, address: str, sending: Sending) -> None:
        """Return where it may be sent there, now. Raises EgressRefused."""

    def admit(self, version: str, sending: Sending) -> None:
        """Return where the model of this version may answer at all. Raises EgressRefused."""


class Closed:
    """A gate that lets nothing through: what a sender has that was given no other."""

    def clear(self, address: str, sending: Sending) -> None:
        """Raises EgressRefused."""
        raise EgressRefused(Objection.UNKNOWN)

    def admit(self, version: str, sending: Sending) -> None:
        """Raises EgressRefused."""
        raise EgressRefused(Objection.MODEL_NOT_APPROVED)


class Register:
    """The gate of a house: what its registers of services and of changes say.

    `regions`: where data may go, if that was said. `unapproved_models`: whether models answer that nobody has approved:
    development only.
    """

    def __init__(
        self, store: Store, force: InForce, regions: Collection[str] = (), *, unapproved_models: bool = False
    ) -> None:
        self._store = store
        self._force = force
        self._regions = tuple(regions)
        self._unapproved_models = unapproved_models
        self._admitted: set[str] = set()

    def clear(self, address: str, sending: Sending) -> None:
        """Return where it may be sent there, now. Raises EgressRefused, once the trail has it."""
        with transaction(self._store.engine, read_only=True) as session:
            found = services.examine(session, sending.to(address), clock.now(), self._regions)
        if found.objection is not None:
            self._record(found, found.objection, sending)
            raise EgressRefused(found.objection)

    def admit(self, version: str, sending: Sending) -> None:
        """Return where the model of this version may answer. Raises EgressRefused, once the trail has it.

        An approval is never taken back: it is asked for until there is one.
        """
        if version in self._admitted:
            return
        works = enabling.model_works(self._store, self._scope(sending), version)
        if not works and not self._unapproved_models:
            self._record(Finding(Objection.MODEL_NOT_APPROVED), Objection.MODEL_NOT_APPROVED, sending)
            raise EgressRefused(Objection.MODEL_NOT_APPROVED)
        self._admitted.add(version)

    def _scope(self, sending: Sending) -> AuditScope:
        run, version = sending.run or uuid.uuid4(), self._force.policy.version
        return AuditScope(COMPONENT, "AGENT", None, None, None, None, run, version)

    def _record(self, found: Finding, objection: Objection, sending: Sending) -> None:
        log.warning("something was not sent", objection=objection.value, service_id=str(found.service_id))
        with self._store.begin(self._scope(sending)) as work:
            people: list[uuid.UUID | None] = [*sorted(sending.people, key=str)]
            for person in people or [None]:
                blocked = EgressBlocked(resource_id=found.service_id, subject_id=person, objection=objection)
                work.record(blocked, Outcome.DENIED)
