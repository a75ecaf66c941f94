"""What a hit sets in motion, at once and in one transaction: an incident, its measure, and those who are told.

The alert is a line of the log that names jobs, and entries of the trail, which the courier brings to the operator's
webhook: ids and codes, never content. One that nobody has acknowledged is repeated, louder, until somebody has.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from agents import loops
from agents.sentinel.detecting import Hit
from resolvers.detections import runbook
from resolvers.notices import issue
from storage import incidents, measures
from storage.database import transaction
from storage.incidents import Incident, IncidentStatus, Severity
from storage.keys.errors import KeyDestroyed
from storage.ledger.events import (
    AccessGrantEnded,
    DetectionAlarmed,
    Identifier,
    IncidentAlerted,
    IncidentContained,
    IncidentJoined,
    IncidentOpened,
)
from storage.ledger.scope import AuditScope
from storage.measures import Measure
from storage.notices import NoticeKind
from storage.staff import StaffRole
from storage.work import Store, UnitOfWork

AUTHORITY_CLOCK = timedelta(hours=72)
"""By when an authority is told of a breach of personal data, from when it was found (GDPR, article 33)."""

ESCALATES_AFTER = {
    Severity.CRITICAL: timedelta(minutes=5),
    Severity.HIGH: timedelta(minutes=15),
    Severity.MEDIUM: timedelta(minutes=60),
}
"""How long an alert may stay without anybody who acknowledges it; then it is repeated, to every job that could."""

_MOST_ESCALATIONS = 5
_EVERYBODY = (StaffRole.SECURITY, StaffRole.PRIVACY, StaffRole.SYSADMIN)

log = structlog.get_logger("muniment.sentinel")


@dataclass(frozen=True)
class _Counts:
    """How many credentials of each sort."""

    sessions: int
    keys: int


def act(store: Store, scope: AuditScope, hit: Hit) -> None:
    """Open or join the incident, carry out the measure of the step, tell whom the playbook names.

    The letter to a contributor is a transaction of its own: whether their account is still there changes nothing else.
    """
    if hit.opens:
        _act(store, scope, hit)
    else:
        _alarm(store, scope, hit)
    letter = hit.detection.letter
    if hit.write_to is not None and letter is not None:
        with suppress(KeyDestroyed), store.begin(scope) as work:
            issue(work, hit.write_to, NoticeKind.SECURITY, letter.title, letter.text, work.now)


def _act(store: Store, scope: AuditScope, hit: Hit) -> None:
    with store.begin(scope) as work:
        incident = incidents.open_about(work.session, hit.detection.id, hit.actor_id)
        if incident is None:
            incident = _opened(work, hit)
            tells = True
        else:
            _join(work, incident, hit)
            tells = incident.contained_at is None and hit.measure is not Measure.NONE  # it has become graver
        _contain(work, incident, hit)
        if tells:
            _alert(work, incident, hit.jobs, attempt=1)
            incident.alerted_at = work.now
        work.session.flush()


def _alarm(store: Store, scope: AuditScope, hit: Hit) -> None:
    """Tell of something that nobody has done wrong, as far as is known."""
    people: list[tuple[StaffRole | None, uuid.UUID | None]] = [(role, None) for role in hit.jobs]
    if hit.detection.tells_owner or not people:
        people.append((None, hit.owner_id))
    with store.begin(scope) as work:
        for role, subject in people:
            alarmed = DetectionAlarmed(
                resource_id=None,
                subject_id=subject,
                detection=_name(hit.detection.id),
                detection_version=hit.detection.version,
                role=role,
            )
            work.record(alarmed)
    log.warning(
        "an alarm: somebody should know of this",
        detection=hit.detection.id,
        severity=hit.detection.severity.value,
        jobs="/".join(role.value.lower() for role in hit.jobs),
        drill=hit.drill,
        runbook=hit.detection.runbook,
    )


def escalate(store: Store, scope: AuditScope) -> int:
    """Repeat the alerts that nobody has acknowledged in time; answers how many."""
    with transaction(store.engine, read_only=True) as session:
        waiting = incidents.unacknowledged_ids(session)
    repeated: list[uuid.UUID] = []
    process = partial(_escalate, store, scope, repeated)
    loops.each(store, lambda: scope, "escalation", waiting, lambda each: each, process)
    return len(repeated)


def _escalate(store: Store, scope: AuditScope, repeated: list[uuid.UUID], incident_id: uuid.UUID) -> None:
    with store.begin(scope) as work:
        incident = incidents.unacknowledged(work.session, incident_id)
        if incident is None or incident.drill or incident.escalations >= _MOST_ESCALATIONS:
            return
        if work.now < (incident.alerted_at or incident.detected_at) + ESCALATES_AFTER[incident.severity]:
            return
        incident.escalations += 1
        _alert(work, incident, _EVERYBODY, attempt=incident.escalations + 1)
        incident.alerted_at = work.now
    repeated.append(incident_id)


def _opened(work: UnitOfWork, hit: Hit) -> Incident:
    incident = Incident(
        detection=hit.detection.id,
        severity=hit.detection.severity,
        drill=hit.drill,
        actor_kind=hit.actor_kind,
        actor_id=hit.actor_id,
        began_at=hit.began_at,
        detected_at=work.now,
        clock_until=work.now + AUTHORITY_CLOCK,
    )
    work.session.add(incident)
    work.session.flush()
    work.record(
        IncidentOpened(
            resource_id=incident.id,
            subject_id=hit.owner_id if hit.detection.tells_owner else None,
            detection=_name(hit.detection.id),
            detection_version=hit.detection.version,
            severity=incident.severity,
            drill=incident.drill,
        )
    )
    return incident


def _join(work: UnitOfWork, incident: Incident, hit: Hit) -> None:
    """Count one more hit. The second, the fourth, the eighth is recorded: what makes noise does not fill the log."""
    incident.hits += 1
    if incident.hits & (incident.hits - 1) == 0:
        work.record(
            IncidentJoined(
                resource_id=incident.id,
                subject_id=None,
                detection=_name(hit.detection.id),
                hits=incident.hits,
            )
        )


def _contain(work: UnitOfWork, incident: Incident, hit: Hit) -> None:
    """Do with the credential what the step says. Whoever it belongs to keeps every right of theirs."""
    if hit.measure is Measure.NONE or hit.actor_id is None or hit.actor_kind is None:
        return
    done = measures.carry_out(work.session, hit.measure, hit.actor_kind, hit.actor_id, work.now)
    for grant, had_begun in done.grants:
        work.record(
            AccessGrantEnded(
                resource_id=grant.id,
                subject_id=grant.subject_id,
                role=grant.role,
                reason=grant.reason,
                had_begun=had_begun,
            )
        )
    ends = hit.measure is Measure.SUSPEND_CREDENTIAL
    ended = _Counts(done.sessions if ends else 0, done.keys if ends else 0)
    held = _Counts(0 if ends else done.sessions, 0 if ends else done.keys)
    incident.sessions_ended += ended.sessions
    incident.keys_suspended += ended.keys
    incident.sessions_held += held.sessions
    incident.keys_held += held.keys
    incident.grants_ended += len(done.grants)
    incident.contained_at = incident.contained_at or work.now
    if incident.status is IncidentStatus.DETECTED:
        incident.status = IncidentStatus.CONTAINED
    work.record(
        IncidentContained(
            resource_id=incident.id,
            subject_id=hit.owner_id,
            measure=hit.measure,
            sessions_ended=ended.sessions,
            sessions_held=held.sessions,
            keys_suspended=ended.keys,
            keys_held=held.keys,
            grants_ended=len(done.grants),
            after_milliseconds=max(0, int((work.now - hit.at).total_seconds() * 1000)),
        )
    )


def _alert(work: UnitOfWork, incident: Incident, roles: tuple[StaffRole, ...], *, attempt: int) -> None:
    for role in roles:
        work.record(IncidentAlerted(resource_id=incident.id, subject_id=None, role=role, attempt=attempt))
    say = log.critical if attempt > 1 or incident.severity is Severity.CRITICAL else log.error
    say(
        "an incident: acknowledge it (triageIncident)",
        incident_id=str(incident.id),
        detection=incident.detection,
        severity=incident.severity.value,
        jobs="/".join(role.value.lower() for role in roles),
        attempt=attempt,
        drill=incident.drill,
        runbook=runbook(incident.detection),
    )


def _name(detection: str) -> Identifier:
    return Identifier(detection.lower())
