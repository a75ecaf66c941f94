"""Access grants: staff ask to see a contributor's work, somebody else agrees, and either side ends it.

Who may do each of these stands in policy.polar. That a grant opens nothing before it is agreed to, after it was ended,
or when its time is up, does too: the door asks anew for every row, so an end acts at once.
"""

import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from policies.access import Access
from policies.actions import Action
from policies.errors import Forbidden
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage import grants
from storage.contributors import Contributor
from storage.grants import DECIDERS, AccessGrant, AccessScope, GrantStatus, GrantVerdict, ReasonCode
from storage.ids import new_id
from storage.ledger import events
from storage.staff import StaffRole
from storage.work import UnitOfWork

JOBS = {
    ReasonCode.SUPPORT_REQUEST: StaffRole.SUPPORT,
    ReasonCode.RIGHTS_REQUEST: StaffRole.PRIVACY,
    ReasonCode.SECURITY_INCIDENT: StaffRole.SECURITY,
    ReasonCode.LEGAL_DUTY: StaffRole.PRIVACY,
}
"""In which job somebody asks for each reason: the grant is made out to them in that job, and ends with it."""


def request(
    context: Context,
    contributor_id: uuid.UUID,
    scope: AccessScope,
    object_id: uuid.UUID | None,
    *,
    reason: ReasonCode,
    justification: str,
    ticket: str,
    expires_at: datetime,
) -> AccessGrant:
    """Ask for access. It opens nothing until the contributor, or a second person where they can't be asked, agrees.

    Raises `BadInput` for an end that has passed or lies further ahead than the operator allows, a scope without its
    thing, or words that are missing; `Forbidden` in a job that does not ask for this reason, or where it may not ask;
    and `Conflict` while a grant of theirs is over and nobody has reviewed it.
    """
    inputs.text(justification, "justification", at_most=2_000, at_least=20)
    inputs.text(ticket, "ticket", at_most=100)
    if (object_id is None) is not (scope is AccessScope.ACCOUNT):
        raise BadInput("objectId names what to open; leave it out for the scope ACCOUNT alone.", field="objectId")
    work, longest = context.work, context.limits.access_grant
    if expires_at.tzinfo is None or not work.now < expires_at <= work.now + longest:
        hours = int(longest.total_seconds() // 3600)
        raise BadInput(f"expiresAt must lie ahead, within {hours} hours, and carry its time zone.", field="expiresAt")
    contributor = _asked_in_one_job(context, contributor_id, JOBS[reason])
    _demand_reviewed(context, context.caller_id)
    grant = AccessGrant(
        id=new_id(),
        subject_id=contributor.id,
        grantee_id=context.caller_id,
        role=JOBS[reason],
        scope=scope,
        object_id=contributor.id if object_id is None else object_id,
        reason=reason,
        decider=DECIDERS[reason],
        requested_at=work.now,
        expires_at=expires_at,
    )
    work.vault.seal(grant, justification=justification, ticket=ticket)
    work.session.add(grant)
    work.record(
        events.AccessGrantRequested(
            resource_id=grant.id,
            subject_id=contributor.id,
            role=grant.role,
            scope=scope,
            object_id=object_id,
            reason=reason,
            decider=grant.decider,
            lifetime_seconds=int((expires_at - work.now).total_seconds()),
        )
    )
    work.session.flush()
    return context.access.get(AccessGrant, grant.id, Action.READ)


def consent(context: Context, grant_id: uuid.UUID) -> AccessGrant:
    """Let staff in, as the contributor whose work it is.

    Raises `Conflict` unless the request still waits, and while another grant of whoever asks was never reviewed.
    """
    grant = _open(context, grant_id, Action.CONSENT, (GrantStatus.REQUESTED,))
    _demand_reviewed(context, grant.grantee_id)
    grant.status, grant.decided_at = GrantStatus.ACTIVE, context.work.now
    consented = events.AccessGrantConsented(
        resource_id=grant.id, subject_id=grant.subject_id, role=grant.role, scope=grant.scope, reason=grant.reason
    )
    return _kept(context, grant, consented)


def approve(context: Context, grant_id: uuid.UUID) -> AccessGrant:
    """Let a colleague in where the contributor can't be asked. Raises as `consent` does."""
    grant = _open(context, grant_id, Action.APPROVE, (GrantStatus.REQUESTED,))
    _demand_reviewed(context, grant.grantee_id)
    grant.status, grant.decided_at, grant.decided_by = GrantStatus.ACTIVE, context.work.now, context.caller_id
    approved = events.AccessGrantApproved(
        resource_id=grant.id, subject_id=grant.subject_id, role=grant.role, scope=grant.scope, reason=grant.reason
    )
    return _kept(context, grant, approved)


def deny(context: Context, grant_id: uuid.UUID) -> AccessGrant:
    """Turn a request down. Raises `Conflict` unless it still waits; what was agreed to is ended, not denied."""
    grant = _open(context, grant_id, Action.DENY, (GrantStatus.REQUESTED,))
    grant.status, grant.decided_at = GrantStatus.DENIED, context.work.now
    denied = events.AccessGrantDenied(
        resource_id=grant.id, subject_id=grant.subject_id, role=grant.role, reason=grant.reason
    )
    return _kept(context, grant, denied)


def end(context: Context, grant_id: uuid.UUID) -> AccessGrant:
    """End a grant, or withdraw a request; it acts at once. Raises `Conflict` for one that is over already."""
    grant = _open(context, grant_id, Action.END, (GrantStatus.REQUESTED, GrantStatus.ACTIVE))
    had_begun = grant.status is GrantStatus.ACTIVE
    grant.status, grant.ended_at = GrantStatus.ENDED, context.work.now
    ended = events.AccessGrantEnded(
        resource_id=grant.id, subject_id=grant.subject_id, role=grant.role, reason=grant.reason, had_begun=had_begun
    )
    return _kept(context, grant, ended)


def review(context: Context, grant_id: uuid.UUID, verdict: GrantVerdict, note: str) -> AccessGrant:
    """Say what use was made of a grant, once it is over: neither as whoever held it nor as whoever agreed.

    The contributor reads verdict and note. Raises `BadInput` without a note, and `Conflict` for a grant that still
    lasts, was never agreed to, or has its review.
    """
    inputs.text(note, "note", at_most=2_000, at_least=20)
    work = context.work
    grant = context.access.get(AccessGrant, grant_id, Action.REVIEW)
    grants.lock(work.session, grant)
    if not grant.review_due(work.now):
        raise Conflict("There is nothing to review: it still lasts, was never agreed to, or has its review.")
    work.vault.seal(grant, review_note=note)
    grant.verdict, grant.reviewed_at, grant.reviewed_by = verdict, work.now, context.caller_id
    reviewed = events.AccessGrantReviewed(
        resource_id=grant.id, subject_id=grant.subject_id, role=grant.role, reason=grant.reason, verdict=verdict
    )
    return _kept(context, grant, reviewed)


def end_all_of(work: UnitOfWork, grantee: uuid.UUID, role: StaffRole | None = None) -> int:
    """End what a member of staff was let into, or asked to be, in any job or in one; answers how many had begun."""
    begun = 0
    for grant, had_begun in grants.end_of(work.session, grantee, work.now, role):
        begun += had_begun
        ended = events.AccessGrantEnded(
            resource_id=grant.id, subject_id=grant.subject_id, role=grant.role, reason=grant.reason, had_begun=had_begun
        )
        work.record(ended)
    return begun


def _demand_reviewed(context: Context, grantee: uuid.UUID) -> None:
    """Raises `Conflict` while a grant of this member of staff is over and unreviewed."""
    if grants.awaits_review(context.work.session, grantee, context.work.now):
        whose = "Your last access" if grantee == context.caller_id else "The last access of whoever asks"
        raise Conflict(f"{whose} has not been reviewed yet: somebody of security or privacy calls reviewAccess first.")


def _asked_in_one_job(context: Context, contributor_id: uuid.UUID, job: StaffRole) -> Contributor:
    """The contributor, if the caller may ask them in this job: what another job of theirs allows does not count."""
    context.access.get(Contributor, contributor_id, Action.REQUEST_ACCESS)
    if job not in context.principal.roles:
        raise Forbidden("Contributor", Action.REQUEST_ACCESS)
    acting = replace(context.principal, roles=frozenset({str(job)}))
    door = Access(context.house.policy, acting, context.work.session)
    return door.get(Contributor, contributor_id, Action.REQUEST_ACCESS)


def _open(context: Context, grant_id: uuid.UUID, action: Action, states: Collection[GrantStatus]) -> AccessGrant:
    grant = context.access.get(AccessGrant, grant_id, action)
    found = grants.lock(context.work.session, grant)
    if found not in states:
        raise Conflict(f"This can't be done any more: it is {found.value}.")
    return grant


def _kept(context: Context, grant: AccessGrant, happened: events.Event) -> AccessGrant:
    context.work.record(happened)
    context.work.session.flush()
    return grant
