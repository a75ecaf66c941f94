"""A drill: a mass read that nobody made, to see that it is found, that the credential ends, and how long that takes.

Somebody made up, of staff and without any job, gets a session; entries say that they read what is several people's, who
are made up too. All of it is marked as a drill. Whoever has the sentinel's lease does the rest, as it would in earnest.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from agents.sentinel.detecting import DRILL
from resolvers import identity
from resolvers.errors import Unauthenticated
from resolvers.house import House
from storage import incidents
from storage.database import transaction
from storage.ids import new_id
from storage.ledger.affected import affected
from storage.ledger.events import ContentRead, IncidentClosed, Resource, SessionStarted
from storage.ledger.scope import AuditScope
from storage.sessions import Session, SubjectKind

PEOPLE = 12
"""Whose work is read: more than the detection lets staff read before it ends their sessions."""

_DETECTION = "D02"
_PAUSE_SECONDS = 0.05


class DrillFailed(Exception):
    """What should have happened did not, in time; the message says what."""


@dataclass(frozen=True)
class Drilled:
    """How it went; all times in seconds from the moment the reads were committed."""

    incident_id: uuid.UUID
    detected: float
    contained: float
    alerted: float
    refused: float
    sessions_ended: int
    affected: int


def drill(house: House, turn: Callable[[], object], *, longest_seconds: float = 60.0) -> Drilled:
    """Play it through. `turn` lets the log and the sentinel of this process work, where no other one does.

    Raises DrillFailed.
    """
    turn()  # so that a sentinel that starts now begins before the reads, not behind them
    actor, token = new_id(), identity.new_token(identity.SESSION_TOKEN)
    scope = AuditScope(DRILL, "STAFF", actor, None, None, None, uuid.uuid4(), house.policy.version)
    _sign_in(house, scope, actor, token)
    identity.identify(house, token)
    people = {new_id() for _ in range(PEOPLE)}
    with house.store.begin(scope) as work:
        for person in sorted(people):
            things = (new_id(),)
            work.record(
                ContentRead(
                    resource_id=None,
                    subject_id=person,
                    resource_kind=Resource.ASSET,
                    object_count=len(things),
                    object_ids=things,
                )
            )
    began, deadline = time.monotonic(), time.monotonic() + longest_seconds
    while not _is_refused(house, token):
        if time.monotonic() > deadline:
            raise DrillFailed(f"After {longest_seconds:.0f} seconds the session still works: nothing contained it.")
        turn()
        time.sleep(_PAUSE_SECONDS)
    refused = time.monotonic() - began
    return _told(house, scope, actor, people, refused)


def _sign_in(house: House, scope: AuditScope, actor: uuid.UUID, token: str) -> None:
    with house.store.begin(scope) as work:
        row = Session(
            id=uuid.uuid4(),
            token_hash=house.store.keyring.keyed_hash("session", token),
            kind=SubjectKind.STAFF,
            subject_id=actor,
            expires_at=work.now + timedelta(minutes=10),
            second_factor_at=work.now,
        )
        work.session.add(row)
        work.record(SessionStarted(resource_id=row.id, subject_id=None, kind=SubjectKind.STAFF))


def _is_refused(house: House, token: str) -> bool:
    try:
        identity.identify(house, token)
    except Unauthenticated:
        return True
    return False


def _told(house: House, scope: AuditScope, actor: uuid.UUID, people: set[uuid.UUID], refused: float) -> Drilled:
    """What the incident says; it is closed, since it was a drill."""
    with transaction(house.store.engine, read_only=True) as session:
        found = incidents.open_about(session, _DETECTION, actor)
        if found is None or not found.drill or found.contained_at is None or found.alerted_at is None:
            raise DrillFailed("The session ended, but no incident says so.")
        whom = set(affected(session, found))
        if not people & whom:
            raise DrillFailed("The trail does not say whose work was read.")
        since = found.began_at
        drilled = Drilled(
            found.id,
            (found.detected_at - since).total_seconds(),
            (found.contained_at - since).total_seconds(),
            (found.alerted_at - since).total_seconds(),
            refused,
            found.sessions_ended,
            len(whom),
        )
    with house.store.begin(scope) as work:
        incidents.end_drill(work.session, drilled.incident_id, work.now)
        work.record(IncidentClosed(resource_id=drilled.incident_id, subject_id=None))
    return drilled
