"""The register of services: a privacy officer proposes one, its risk is assessed, a second person approves it.

Who may do each of these stands in policy.polar. Whether something may be sent is asked anew for each thing sent
(`storage.services.examine`); an approval here only makes the answer possible.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.actions import Action
from resolvers import inputs, notices
from resolvers.context import Context
from resolvers.errors import BadInput, Code, Conflict, ConsentRequired, ServiceNotApproved
from resolvers.house import House
from resolvers.refusals import Refusal, denied
from resolvers.service_terms import Terms, demand_sound
from storage import clock, services
from storage.database import transaction
from storage.ids import new_id
from storage.ledger import events
from storage.ledger.events import Outcome
from storage.services import Assurance, DataCategory, Objection, Parcel, Risk, Service, ServiceKind, ServiceStatus
from storage.work import UnitOfWork

LONGEST_ASSESSMENT = timedelta(days=366)
"""After this an assessment counts no more, and nothing is sent until there is another."""
_LONGEST_REPORT = timedelta(days=3 * 366)


def register(context: Context, terms: Terms) -> Service:
    """Propose a service, or other terms with one. Raises `BadInput` for terms that can't be used as they are."""
    context.access.check(Action.REGISTER_SERVICE)
    demand_sound(terms)
    work = context.work
    service = _row(terms, context.caller_id, work.now)
    work.session.add(service)
    work.record(_registered(service))
    work.session.flush()
    return context.access.get(Service, service.id, Action.READ)


def assess(
    context: Context,
    service_id: uuid.UUID,
    *,
    risk: Risk,
    words: str,
    expires_at: datetime,
    assurance: Assurance,
    assurance_expires_at: datetime,
) -> Service:
    """Say what the risk is, in words too, until when that counts, and which report vouches for the service.

    Raises `BadInput` for words that are missing, an assessment for longer than 366 days, or a report that has run out.
    """
    service = context.access.get(Service, service_id, Action.ASSESS)
    inputs.text(words, "assessment", at_most=10_000, at_least=40)
    work = context.work
    _demand_ahead(work.now, expires_at, "expiresAt", LONGEST_ASSESSMENT)
    _demand_ahead(work.now, assurance_expires_at, "assuranceExpiresAt", _LONGEST_REPORT)
    services.lock(work.session, service)
    work.vault.seal(service, assessment=words)
    service.risk, service.assurance = risk, assurance
    service.assessed_by, service.assessed_at = context.caller_id, work.now
    service.assessment_expires_at, service.assurance_expires_at = expires_at, assurance_expires_at
    work.record(
        events.ServiceAssessed(
            resource_id=service.id,
            subject_id=None,
            risk=risk,
            assurance=assurance,
            assessment_lifetime_seconds=int((expires_at - work.now).total_seconds()),
            assurance_lifetime_seconds=int((assurance_expires_at - work.now).total_seconds()),
        )
    )
    work.session.flush()
    return service


def enable(context: Context, service_id: uuid.UUID, effective_at: datetime | None = None) -> Service:
    """Approve a colleague's proposal. It begins when the notice period is over, or later if `effective_at` says so.

    Where there is no contributor yet there is nobody to be told, and it begins at once. Raises `Conflict` for one that
    has not been assessed, or not lately; `BadInput` for a beginning before the notice period ends.
    """
    service = context.access.get(Service, service_id, Action.ENABLE)
    work = context.work
    if services.lock(work.session, service) is not ServiceStatus.PROPOSED:
        raise Conflict(f"This can't be done any more: it is {service.status.value}.")
    _demand_assessed(service, work.now)
    notice = context.limits.service_notice if services.anybody_to_tell(work.session) else timedelta(0)
    begins = work.now + notice
    if effective_at is not None:
        if effective_at.tzinfo is None or effective_at < begins:
            raise BadInput(
                f"effectiveAt must carry its time zone, and not lie before {begins.isoformat()}.", field="effectiveAt"
            )
        begins = effective_at
    service.status, service.approved_by, service.approved_at = ServiceStatus.APPROVED, context.caller_id, work.now
    service.effective_at = begins
    work.record(
        events.ServiceEnabled(
            resource_id=service.id,
            subject_id=None,
            kind=service.kind,
            notice_seconds=int((begins - work.now).total_seconds()),
        )
    )
    notices.tell_of_beginning(context, service, begins)
    work.session.flush()
    return service


def disable(context: Context, service_id: uuid.UUID) -> Service:
    """Retire a service, or take a proposal back. One person is enough, and it acts at once. Raises `Conflict`."""
    service = context.access.get(Service, service_id, Action.DISABLE)
    work = context.work
    if services.lock(work.session, service) is ServiceStatus.RETIRED:
        raise Conflict("This can't be done any more: it is RETIRED.")
    retire(work, service, context.caller_id)
    work.session.flush()
    return service


def retire(work: UnitOfWork, service: Service, by: uuid.UUID) -> None:
    """Send nothing more to a service that is locked, and tell whom it concerns; `by`: who ended it."""
    before = service.status
    service.status, service.retired_at = ServiceStatus.RETIRED, work.now
    began = before is ServiceStatus.APPROVED and service.effective_at is not None and service.effective_at <= work.now
    work.record(events.ServiceDisabled(resource_id=service.id, subject_id=None, kind=service.kind, had_begun=began))
    if before is ServiceStatus.APPROVED:
        notices.tell_of_end(work, service, by)


def demand_in_order(context: Context, parcel: Parcel, attempted: str, resource: str) -> None:
    """Raise what speaks against sending this now: `ServiceNotApproved`, or `ConsentRequired`; the trail keeps it.

    It is asked again at the moment of sending, for then it may be otherwise.
    """
    found = services.examine(context.work.session, parcel, context.work.now, context.limits.regions).objection
    if found is None:
        return
    missing = found.is_theirs
    code = Code.CONSENT_REQUIRED if missing else Code.SERVICE_NOT_APPROVED

    def keep(work: UnitOfWork) -> None:
        work.record(denied(Refusal(attempted, resource, code.value)), Outcome.DENIED)

    if missing:
        raise ConsentRequired(
            f"A service outside answers this ({parcel.address}). Whoever's work it is allows that first: "
            f"updatePrivacyPreferences({'training' if found is Objection.TRAINING_NOT_ALLOWED else 'services'}:).",
            keep=keep,
        )
    raise ServiceNotApproved(f"Nothing may be sent to {parcel.address} at present: {found.value}.", keep=keep)


def published(house: House) -> list[Service]:
    """What everybody may know of the register, signed in or not: what is approved, in force or announced."""
    with transaction(house.store.engine, read_only=True) as session:
        return services.published(session)


@dataclass(frozen=True)
class Line:
    """One version in a sentence, and whether it is as it should be."""

    text: str
    good: bool


def overview(house: House) -> list[Line]:
    """Every version with what is amiss, for whoever runs the server; names nobody."""
    with transaction(house.store.engine, read_only=True) as session:
        moment = clock.now()
        lines = []
        for each in services.everything(session):
            amiss = (
                services.amiss(each, moment, house.limits.regions) if each.status is ServiceStatus.APPROVED else None
            )
            state = each.status.value if amiss is None else f"{each.status.value}, but nothing is sent: {amiss.value}"
            good = amiss in (None, Objection.NOTICE_PERIOD)
            lines.append(Line(f"{each.id}  {each.address}  {each.kind.value}  {state}", good))
        return lines


def stand_up(work: UnitOfWork) -> None:
    """Enter what runs inside this house into its register, where that was never done: the house approves it itself."""
    if services.at(work.session, services.EMBEDDED):
        return
    own = Terms(
        address=services.EMBEDDED,
        kind=ServiceKind.INTERNAL,
        operator="This house",
        purpose="Answers briefs with a language model in a child process of this machine; nothing leaves it.",
        contract="none: no other company takes part",
        categories=(DataCategory.ASSETS, DataCategory.PROMPTS, DataCategory.STYLE),
        regions=(),
        sub_processors=(),
        retention_days=0,
        breach_hours=0,
        trains_on_inputs=False,
    )
    service = _row(own, None, work.now)
    service.status, service.approved_at, service.effective_at = ServiceStatus.APPROVED, work.now, work.now
    work.session.add(service)
    work.record(_registered(service))
    work.session.flush()


def _row(terms: Terms, registered_by: uuid.UUID | None, moment: datetime) -> Service:
    said = {name: getattr(terms, name) for name in Terms.__dataclass_fields__}
    said["categories"] = sorted({each.value for each in terms.categories})
    if not terms.deletion_path:
        keeps = terms.kind is ServiceKind.MODEL_PROVIDER and terms.retention_days > 0
        said["deletion_path"] = services.USUAL_DELETION_PATH if keeps and terms.deletion_path is not None else None
    said["regions"] = sorted(set(terms.regions))
    said["sub_processors"] = list(dict.fromkeys(terms.sub_processors))
    return Service(id=new_id(), registered_by=registered_by, registered_at=moment, **said)


def _registered(service: Service) -> events.ServiceRegistered:
    return events.ServiceRegistered(
        resource_id=service.id,
        subject_id=None,
        kind=service.kind,
        category_count=len(service.categories),
        region_count=len(service.regions),
        retention_days=service.retention_days,
        trains_on_inputs=service.trains_on_inputs,
    )


def _demand_ahead(moment: datetime, given: datetime, field: str, longest: timedelta) -> None:
    if given.tzinfo is None or not moment < given <= moment + longest:
        raise BadInput(f"{field} must lie ahead, within {longest.days} days, and carry its time zone.", field=field)


def _demand_assessed(service: Service, moment: datetime) -> None:
    if service.assessment_expires_at is None:
        raise Conflict("This service has not been assessed: assessService comes first.")
    expiries = (service.assessment_expires_at, service.assurance_expires_at)
    if any(each is None or each <= moment for each in expiries):
        raise Conflict("Its assessment, or the report that vouches for it, has run out: assessService comes first.")
