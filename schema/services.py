"""The register of services in the API's words."""

import uuid
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import services
from resolvers.service_terms import Terms
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.services import Assurance, DataCategory, Risk, ServiceKind, ServiceStatus
from storage.services import Service as ServiceRow

strawberry.enum(ServiceKind, description="What a service is for. INTERNAL ones run in this house: nothing leaves it.")
strawberry.enum(DataCategory, description="What sort of data a service is sent. AUDIT_EVENTS name nobody.")
strawberry.enum(Assurance, name="AssuranceReport", description="What kind of report vouches for a service.")
strawberry.enum(Risk, name="PrivacyRisk", description="What remains of the risk to contributors' privacy.")
strawberry.enum(
    ServiceStatus,
    description="PROPOSED until a second person agrees; APPROVED from then on, though nothing is sent before "
    "effectiveAt; RETIRED when nothing is sent any more.",
)


@strawberry.type(
    description="One version of an agreement with a service that work may be sent to. Its terms never change."
)
class Service(Node):
    """A service, as the register has it."""

    record: ClassVar = ServiceRow
    actions: ClassVar = (Action.ASSESS, Action.DISABLE, Action.ENABLE, Action.READ, Action.READ_CONTENT)

    address: str = plain("address", str, "The host that is called; `embedded` for what runs in this house.")
    kind: ServiceKind = plain("kind", ServiceKind, "What it is for.")
    operator: str = plain("operator", str, "The company that runs it.")
    purpose: str = plain("purpose", str, "What it is used for here.")
    contract: str = plain("contract", str, "The agreement under which it is used.")
    regions: list[str] = plain("regions", list[str], "Where it works with what it is sent: countries, or EU and EEA.")
    sub_processors: list[str] = plain("sub_processors", list[str], "Whom it passes that on to.")
    retention_days: int = plain("retention_days", int, "How many days it keeps what it was sent.")
    breach_hours: int = plain("breach_hours", int, "Within how many hours it tells us of an incident.")
    trains_on_inputs: bool = plain("trains_on_inputs", bool, "Whether it trains models on what it is sent.")
    deletion_path: str | None = plain(
        "deletion_path",
        str | None,
        "Where it takes DELETE for what it keeps under its own {id}; null: it can't be asked, or keeps nothing.",
    )
    status: ServiceStatus = plain("status", ServiceStatus, "Where it stands.")
    registered_at: datetime = plain("registered_at", datetime, "When it was proposed.")
    assessment: str | None = sealed(
        "assessment", str | None, "The assessment of its risk. Null to all but staff who may."
    )
    risk: Risk | None = plain("risk", Risk | None, "What remains of the risk; null before it was assessed.")
    assessed_at: datetime | None = plain("assessed_at", datetime | None, "When it was assessed last.")
    assessment_expires_at: datetime | None = plain(
        "assessment_expires_at", datetime | None, "Until when that counts. After it, nothing is sent."
    )
    assurance: Assurance | None = plain("assurance", Assurance | None, "Which kind of report vouches for it.")
    assurance_expires_at: datetime | None = plain(
        "assurance_expires_at", datetime | None, "Until when the report does. After it, nothing is sent."
    )
    approved_at: datetime | None = plain("approved_at", datetime | None, "When a second person agreed.")
    effective_at: datetime | None = plain("effective_at", datetime | None, "From when something may be sent to it.")
    retired_at: datetime | None = plain("retired_at", datetime | None, "When it was retired.")

    @strawberry.field(description="What sorts of data it is sent.")
    def categories(self) -> list[DataCategory]:
        return [DataCategory(each) for each in self.row.categories]


@strawberry.input(description="A service to propose, with its terms.")
class RegisterServiceInput:
    """Input of registerService."""

    address: str = strawberry.field(description="The host that is called, in lower case, with its port where unusual.")
    kind: ServiceKind = strawberry.field(description="What it is for.")
    operator: str = strawberry.field(description="The company that runs it.")
    purpose: str = strawberry.field(description="What it is used for here. At least 10 letters.")
    contract: str = strawberry.field(description="The agreement under which it is used.")
    categories: list[DataCategory] = strawberry.field(
        description="What sorts of data it is sent; no more than it needs."
    )
    regions: list[str] = strawberry.field(description="Where it works with them: countries (ISO 3166-1), EU or EEA.")
    sub_processors: list[str] = strawberry.field(default_factory=list, description="Whom it passes them on to.")
    retention_days: int = strawberry.field(description="How many days it keeps them; 0: not at all.")
    breach_hours: int = strawberry.field(description="Within how many hours it has to tell us of an incident.")
    trains_on_inputs: bool = strawberry.field(description="Whether it trains models on them.")
    deletion_path: str | None = strawberry.field(
        default="",
        description="Where a provider of models takes DELETE for an answer that it keeps under an id of its own: a "
        "path with {id}. Left out: /v1/chat/completions/{id}, unless it keeps nothing. Null: it can't be asked.",
    )


@strawberry.input(description="What was found about a service, and until when that counts.")
class AssessServiceInput:
    """Input of assessService."""

    service_id: strawberry.ID = strawberry.field(description="The service.")
    risk: Risk = strawberry.field(description="What remains of the risk to contributors' privacy.")
    assessment: str = strawberry.field(description="Why, in words for colleagues and auditors. At least 40 letters.")
    expires_at: datetime = strawberry.field(description="Until when the assessment counts: at most 366 days ahead.")
    assurance: Assurance = strawberry.field(description="Which kind of report vouches for it.")
    assurance_expires_at: datetime = strawberry.field(description="Until when that report does.")


@strawberry.input(description="Which service to approve, and from when.")
class EnableServiceInput:
    """Input of enableService."""

    service_id: strawberry.ID = strawberry.field(description="The service, proposed by somebody other than you.")
    effective_at: datetime | None = strawberry.field(
        default=None, description="From when something may be sent; left out: once the notice period is over."
    )


@strawberry.input(description="Which service to retire.")
class DisableServiceInput:
    """Input of disableService."""

    service_id: strawberry.ID = strawberry.field(description="The service, or the proposal of one.")


@strawberry.type(description="The service, as it is now.")
class ServicePayload:
    """Answer of every mutation of the register."""

    service: Service = strawberry.field(description="The service.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def _payload(info: Info, row: ServiceRow) -> ServicePayload:
    return ServicePayload(service=Service.of(row), audit_event_id=audit_event_id(info))


@strawberry.type
class ServiceQueries:
    """Questions about services."""

    @question("The services that work may be sent to, or will be; for staff, also those proposed and retired.")
    def services(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Service]:
        part = part_of(info, "Service", first, after, last, before)
        connection: Connection[Service] = listed(info, Service, part)
        return connection


@strawberry.type
class ServiceMutations:
    """Mutations about services."""

    @mutation("Propose a service, or other terms with one. Staff only; nothing is sent before a second person agrees.")
    def register_service(self, info: Info, input: RegisterServiceInput) -> ServicePayload:
        return _payload(info, services.register(info.context, Terms(**vars(input))))

    @mutation("Say what the risk of a service is, and which report vouches for it; both run out.")
    def assess_service(self, info: Info, input: AssessServiceInput) -> ServicePayload:
        row = services.assess(
            info.context,
            _id(input.service_id),
            risk=input.risk,
            words=input.assessment,
            expires_at=input.expires_at,
            assurance=input.assurance,
            assurance_expires_at=input.assurance_expires_at,
        )
        return _payload(info, row)

    @mutation("Approve a colleague's proposal. Contributors know of it for the notice period before it begins.")
    def enable_service(self, info: Info, input: EnableServiceInput) -> ServicePayload:
        return _payload(info, services.enable(info.context, _id(input.service_id), input.effective_at))

    @mutation("Retire a service at once, or take a proposal back. Nothing is sent to it any more.")
    def disable_service(self, info: Info, input: DisableServiceInput) -> ServicePayload:
        return _payload(info, services.disable(info.context, _id(input.service_id)))


def _id(given: strawberry.ID) -> uuid.UUID:
    return decode_id_of("Service", given, "serviceId")
