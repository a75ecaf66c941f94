"""Uses held against wishes, every few minutes: what was used without one is told in the trail, each once."""

import uuid
from datetime import datetime, timedelta

from policies.principals import Kind
from resolvers.house import House
from storage import bypasses
from storage.bypasses import Bypass
from storage.clock import now
from storage.database import transaction
from storage.ledger.events import Outcome, PreferenceBypassed
from storage.ledger.scope import AuditScope

_FIRST = timedelta(hours=1)
"""How far back a process looks that has just begun: the one before it may have ended before it looked."""


class Reconciling:
    """Remembers how far it has looked, and what it has told."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._after: datetime | None = None
        self._told: set[Bypass] = set()

    def look(self) -> int:
        """Hold what was used since the last look against what was allowed; answers how many uses were told of."""
        until = now()
        after = until - _FIRST if self._after is None else self._after
        with transaction(self._house.store.engine, read_only=True) as session:
            found = bypasses.since(session, after, until)
        fresh = [each for each in found if each not in self._told]
        if fresh:
            scope = AuditScope(
                "reconciling", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), self._house.policy.version
            )
            with self._house.store.begin(scope) as work:
                for each in fresh:
                    told = PreferenceBypassed(resource_id=each.thing, subject_id=each.owner, used=each.used)
                    work.record(told, Outcome.FAILED)
        self._told, self._after = set(found), until
        return len(fresh)
