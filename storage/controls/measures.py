"""What live checks count in the database: how many things are not as the control says. Zero is as it should be.

Each answers a number and names nobody; none opens anything.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from storage import changes, detection_lag, follow_ups, recalls, set_aside
from storage.access_reviews import standing
from storage.assets import Blob
from storage.contributors import Contributor
from storage.controls import findings
from storage.deletions import Deletion, DeletionStatus
from storage.exports import Export, ExportStatus
from storage.factors import SecondFactor
from storage.grants import AccessGrant, GrantStatus
from storage.incidents import Incident, IncidentStatus
from storage.investigations import Investigation, InvestigationStatus
from storage.ledger import archiving, reconciling, tree
from storage.ledger.archiving import Archive
from storage.ledger.entries import AuditEvent
from storage.ledger.rows import AuditPending, AuditSequence
from storage.ledger.tree import LedgerDamaged, Tree
from storage.legal_holds import LegalHold, LegalHoldStatus
from storage.outages import Outage, OutageKind
from storage.passkeys import Passkey
from storage.records import Record
from storage.retention import schedule
from storage.retention.settings import swept_at
from storage.rights import RightsRequest, RightsStatus
from storage.services import Objection, Service, ServiceKind, ServiceStatus, amiss, in_force
from storage.staff import StaffMember, overlapping, unbounded_auditors

_PATIENCE = timedelta(days=1)
"""What agents do by themselves may take so long, outages included, before it is amiss."""
_REVIEW = timedelta(days=7)
_SLACK = timedelta(days=2)
_RUNS = timedelta(days=2)
_NONE = timedelta(0)
_LONG = timedelta(minutes=15)


@dataclass(frozen=True)
class At:
    """What a measure looks at: the database, at which moment, and the archive of the trail."""

    session: Session
    moment: datetime
    archive: Archive | None = None


@dataclass(frozen=True)
class Measure:
    """One count, in words: what is amiss, and what to do about it. `each`: of what each is a finding of its own."""

    count: Callable[[At], int]
    amiss: str
    remedy: str
    each: Callable[[At], frozenset[uuid.UUID]] | None = None


def measure(session: Session, name: str, moment: datetime, archive: Archive | None = None) -> int:
    """How much is amiss at `moment` by the measure of this name; `archive`: where the oldest part of the trail lies."""
    return MEASURES[name].count(At(session, moment, archive))


def singly(session: Session, name: str, moment: datetime) -> frozenset[uuid.UUID] | None:
    """The things amiss at `moment` by this measure, where each of them is a finding of its own; None elsewhere."""
    each = MEASURES[name].each
    return None if each is None else each(At(session, moment))


def _unexplained(at: At) -> int:
    """Outages of more than a quarter of an hour that ended a week ago and of which nobody has said why."""
    old = (Outage.kind == OutageKind.FOUND) & (Outage.ended_at <= at.moment - _REVIEW) & Outage.cause.is_(None)
    ended = at.session.execute(select(Outage.started_at, Outage.ended_at).where(old)).all()
    return sum(1 for start, end in ended if end is not None and end - start >= _LONG)


def _number(at: At, model: type[Record], *conditions: ColumnElement[bool]) -> int:
    return at.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def _trail(at: At) -> int:
    """Places missing from the tree, entries that have waited too long for theirs, and a root that is not the signed."""
    session = at.session
    size = Tree(session, at.archive).size()
    gone = archiving.first_kept(session)
    given = _number(at, AuditSequence, AuditSequence.leaf_index >= gone)
    waiting = select(func.count()).select_from(AuditPending).join(AuditEvent, AuditEvent.id == AuditPending.event_id)
    late = session.scalar(waiting.where(AuditEvent.timestamp < at.moment - _PATIENCE)) or 0
    return max(0, size - gone - given) + late + _forked(at, size)


def _forked(at: At, size: int) -> int:
    published = tree.newest(at.session)
    if published is None:
        return 0
    try:
        said = published.checkpoint
        return int(said.size > size or Tree(at.session, at.archive).root(said.size) != said.root)
    except LedgerDamaged:
        return 1


def _unconfirmed_staff(at: At) -> int:
    theirs = (SecondFactor.subject_id == StaffMember.id) & SecondFactor.confirmed_at.is_not(None)
    keys = (Passkey.subject_id == StaffMember.id) & Passkey.copied_at.is_(None)
    return _number(at, StaffMember, ~exists().where(theirs), ~exists().where(keys))


def _untold(at: At) -> int:
    """Incidents by whose clock an authority should have been told, if anybody: undecided, or confirmed and no more."""
    waiting = (IncidentStatus.DETECTED, IncidentStatus.CONTAINED, IncidentStatus.CONFIRMED)
    return _number(
        at, Incident, Incident.status.in_(waiting), Incident.clock_until <= at.moment, Incident.drill.is_(False)
    )


def _detection(at: At) -> int:
    return int(detection_lag.measure(at.session, at.moment).is_late)


def _set_aside(at: At) -> int:
    return sum(set_aside.counts(at.session).values())


def _unreviewed(at: At) -> int:
    long_ago = at.moment - _REVIEW
    ended = (AccessGrant.status == GrantStatus.ENDED) & (AccessGrant.ended_at <= long_ago)
    ran_out = (AccessGrant.status == GrantStatus.ACTIVE) & (AccessGrant.expires_at <= long_ago)
    agreed = AccessGrant.decided_at.is_not(None) & AccessGrant.reviewed_at.is_(None)
    return _number(at, AccessGrant, agreed, or_(ended, ran_out))


def _services(at: At) -> int:
    """Services in force to which nothing is sent, because one of their terms has run out."""
    known = at.session.scalars(select(Service).where(Service.status == ServiceStatus.APPROVED)).all()
    versions: dict[str, list[Service]] = {}
    for each in known:
        versions.setdefault(each.address, []).append(each)
    holding = [found for those in versions.values() if (found := in_force(those, at.moment)) is not None]
    outside = (each for each in holding if each.kind is not ServiceKind.INTERNAL)
    return sum(amiss(each, at.moment) not in (None, Objection.NOTICE_PERIOD) for each in outside)


def _undone(at: At) -> int:
    open_ones = Deletion.status.not_in((DeletionStatus.ERASED, DeletionStatus.DEFERRED))
    return _number(at, Deletion, open_ones, Deletion.requested_at <= at.moment - _PATIENCE)


def _unswept(at: At) -> int:
    """Tables without a period, and a sweep that is a day late, once there is anybody's to sweep for a day."""
    last = swept_at(at.session)
    if last is None:
        last = at.session.scalar(select(func.min(Contributor.created_at)))
    return len(schedule.unscheduled()) + int(last is not None and last <= at.moment - _PATIENCE)


def _unended(at: At) -> int:
    over = Investigation.expires_at <= at.moment - _PATIENCE
    return _number(at, Investigation, Investigation.status == InvestigationStatus.OPEN, over)


def _not_run(at: At) -> int:
    last = findings.last_run(at.session)
    return int(last is not None and last <= at.moment - _RUNS)


def _dated(model: Any, status: ColumnElement[bool], column: str, slack: timedelta = _NONE) -> Callable[[At], int]:
    return lambda at: _number(at, model, status, getattr(model, column) <= at.moment - slack)


MEASURES: dict[str, Measure] = {
    "access-reviews": Measure(
        lambda at: standing.overdue(at.session, at.moment, _SLACK),
        "things in the last access review that nobody confirmed or that are there although they were to end, or "
        "reviews that are late", "security and privacy: decideAccessReviewItem, or openAccessReview",
    ),
    "agents-reconciled": Measure(
        lambda at: len(reconciling.gaps(at.session)),
        "runs whose records and entries in the trail differ", "`python -m muniment audit reconcile` names each",
    ),
    "auditors-end": Measure(
        lambda at: unbounded_auditors(at.session),
        "auditors whose job has no end", "`python -m muniment staff revoke` and assign, with --until",
    ),
    "changes-approved": Measure(
        lambda at: changes.amiss(at.session, at.moment),
        "versions that ran though nobody approved them, or at which nobody looked in time",
        "`python -m muniment changes reconcile` names each; registerChange as an emergency, and approveChange",
    ),
    "controls-run": Measure(
        _not_run, "runs of these checks that are two days late", "see why the agents did not run them",
    ),
    "copies-recalled": Measure(
        lambda at: recalls.overdue(at.session, at.moment),
        "answers that providers of models have not confirmed in a week to have deleted",
        "ask the provider, see that the key for it holds, or correct deletionPath with a new version of its terms",
    ),
    "deletions-done": Measure(
        _undone, "deletions that are not done a day after they were asked for", "see what keeps the erasures agent",
    ),
    "detection-works": Measure(
        _detection, "intrusion detection that has stopped or is more than a minute behind",
        "/health/ready and `muniment detect status` name the cause",
    ),
    "exports-expired": Measure(
        _dated(Export, Export.status == ExportStatus.READY, "expires_at", _PATIENCE),
        "archives of exports a day past their end", "see why the agents did not expire them",
    ),
    "files-present": Measure(
        lambda at: _number(at, Blob, Blob.missing_since.is_not(None)),
        "files that rows name and that storage or the key store does not have",
        "`python -m muniment scrub` names each; restore them from a backup",
    ),
    "findings-mended": Measure(
        lambda at: findings.overdue(at.session, at.moment),
        "findings past their date", "mend what `findings` lists, or ask its owner",
    ),
    "follow-ups-done": Measure(
        lambda at: len(follow_ups.overdue(at.session, at.moment)),
        "follow-ups of incidents that nobody has seen done, though they were due",
        "whose it is: completeFollowUp; then somebody else: reviewFollowUp",
        lambda at: follow_ups.overdue(at.session, at.moment),
    ),
    "grants-reviewed": Measure(
        _unreviewed, "grants that were over a week ago and nobody has reviewed", "security and privacy: reviewAccess",
    ),
    "holds-reviewed": Measure(
        _dated(LegalHold, LegalHold.status == LegalHoldStatus.ACTIVE, "review_at"),
        "legal holds past the date by which somebody looks at them", "privacy: release each, or place it anew",
    ),
    "incidents-told": Measure(
        _untold, "incidents whose 72 hours are over, and that nobody decided about, told those affected of, or ended",
        "security and privacy: triageIncident, notifyAffected, or recordIncidentStep where nobody is affected",
    ),
    "investigations-ended": Measure(
        _unended, "investigations that are open a day past their end", "see why the ledger agent did not end them",
    ),
    "items-set-aside": Measure(
        _set_aside, "items that unattended loops could not process",
        "docs/runbooks/D23.md; a start of a version that can process them does",
    ),
    "outages-explained": Measure(
        _unexplained, "long outages of which nobody has said a week later what caused them", "sysadmin: explainOutage",
    ),
    "requests-answered": Measure(
        _dated(RightsRequest, RightsRequest.status == RightsStatus.OPEN, "due_at"),
        "requests of contributors past their date", "privacy: answerRightsRequest",
    ),
    "retention-swept": Measure(
        _unswept, "sweeps of retention that are a day late, or tables without a period", "see why no agent sweeps",
    ),
    "separation-of-duties": Measure(
        lambda at: len(overlapping(at.session)),
        "people who hold two jobs that nobody may", "`python -m muniment staff revoke` takes one of the two",
    ),
    "services-in-order": Measure(
        _services, "services in force with terms that have run out", "`python -m muniment services list` names each",
    ),
    "staff-second-factor": Measure(
        _unconfirmed_staff, "accounts of staff without a second factor", "`python -m muniment staff enrol`, or remove",
    ),
    "trail-whole": Measure(
        _trail, "places of the trail that are missing, late, or not what was signed",
        "`python -m muniment audit verify` names the first",
    ),
}  # fmt: skip
"""Every measure, by the name under which controls call it."""
