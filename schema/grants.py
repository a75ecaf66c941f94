"""Access grants in the API's words."""

import uuid
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from policies.principals import Kind
from resolvers import grants
from schema.guards import mutation
from schema.ids import decode_id, decode_id_of, encode_id
from schema.nodes import Info, Node, plain, reference, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from schema.roles import StaffRole
from storage.clock import now
from storage.grants import AccessGrant as AccessGrantRow
from storage.grants import AccessScope, Decider, GrantStatus, GrantVerdict, ReasonCode

strawberry.enum(
    GrantStatus,
    name="AccessGrantStatus",
    description="REQUESTED until somebody decides; ACTIVE while it opens anything; DENIED; ENDED by either side; "
    "EXPIRED when its time is up.",
)
strawberry.enum(
    AccessScope, description="How much a grant opens: an account, a project with what is in it, or a thing."
)
strawberry.enum(
    ReasonCode,
    name="AccessReason",
    description="Why staff ask: SUPPORT_REQUEST and RIGHTS_REQUEST come from the contributor, who is asked to agree; "
    "of SECURITY_INCIDENT and LEGAL_DUTY they can't be asked, and a second member of staff agrees.",
)
strawberry.enum(Decider, name="AccessDecider", description="Who has to agree before a grant opens anything.")
strawberry.enum(
    GrantVerdict,
    name="AccessVerdict",
    description="What a review found: JUSTIFIED; EXCESSIVE, where there was a reason and more was asked for or opened "
    "than it needed; UNJUSTIFIED.",
)


@strawberry.type(description="Leave for one member of staff to see some of a contributor's work, for a while.")
class AccessGrant(Node):
    """A grant, asked for or agreed to."""

    record: ClassVar = AccessGrantRow
    actions: ClassVar = (
        Action.APPROVE,
        Action.CONSENT,
        Action.DENY,
        Action.END,
        Action.READ,
        Action.READ_REASON,
        Action.REVIEW,
    )

    contributor_id: strawberry.ID = reference("subject_id", "Contributor", "Whose work it is about.")
    role: StaffRole = plain("role", StaffRole, "The job in which staff ask; it ends with the job.")
    scope: AccessScope = plain("scope", AccessScope, "How much it opens.")
    reason_code: ReasonCode = plain("reason", ReasonCode, "Why staff ask, out of a closed list.")
    decider: Decider = plain("decider", Decider, "Who has to agree.")
    justification: str | None = sealed(
        "justification", str | None, "Why staff ask, in their words. Null where you may not read it."
    )
    ticket: str | None = sealed("ticket", str | None, "The case it belongs to. Null where you may not read it.")
    requested_at: datetime = plain("requested_at", datetime, "When staff asked.")
    expires_at: datetime = plain("expires_at", datetime, "When it ends by itself.")
    decided_at: datetime | None = plain("decided_at", datetime | None, "When it was agreed to, or denied.")
    ended_at: datetime | None = plain("ended_at", datetime | None, "When somebody ended it, if anybody did.")

    reviewed_at: datetime | None = plain("reviewed_at", datetime | None, "When somebody looked at the use made of it.")
    verdict: GrantVerdict | None = plain("verdict", GrantVerdict | None, "What they found.")
    review_note: str | None = sealed(
        "review_note", str | None, "What they found, in their words. Null before that, and where you may not read it."
    )

    @strawberry.field(
        description="Whether it was agreed to, is over, and waits for its review. Before that its holder gets no other."
    )
    def review_due(self) -> bool:
        due: bool = self.row.review_due(now())
        return due

    @strawberry.field(description="Where it stands. It opens something while it is ACTIVE and at no other time.")
    def status(self) -> GrantStatus:
        standing: GrantStatus = self.row.standing(now())
        return standing

    @strawberry.field(description="The project or thing it opens; null for a whole account.")
    def object_id(self) -> strawberry.ID | None:
        if self.row.scope is AccessScope.ACCOUNT:
            return None
        return encode_id(self.row.scope.value.title(), self.row.object_id)

    @strawberry.field(description="Which member of staff it is made out to. Staff see it; contributors see the job.")
    def grantee_id(self, info: Info) -> strawberry.ID | None:
        return encode_id("Staff", self.row.grantee_id) if info.context.principal.kind is Kind.STAFF else None


@strawberry.input(description="What staff want to see, why, and for how long.")
class RequestAccessInput:
    """Input of requestAccess."""

    contributor_id: strawberry.ID = strawberry.field(description="Whose work.")
    scope: AccessScope = strawberry.field(description="How much of it: no more than the case needs.")
    object_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The project or thing of the scope; left out for ACCOUNT. Whether it exists is not said: a grant "
        "on what is not the contributor's opens nothing.",
    )
    reason_code: ReasonCode = strawberry.field(description="Why, out of a closed list.")
    justification: str = strawberry.field(description="Why, in words that the contributor will read.")
    ticket: str = strawberry.field(description="The case it belongs to.")
    expires_at: datetime = strawberry.field(description="When it ends by itself; the operator sets how far ahead.")


@strawberry.input(description="Which request to agree to.")
class ConsentToAccessInput:
    """Input of consentToAccess."""

    access_grant_id: strawberry.ID = strawberry.field(description="The request, about your own work.")


@strawberry.input(description="Which request to agree to.")
class ApproveAccessInput:
    """Input of approveAccess."""

    access_grant_id: strawberry.ID = strawberry.field(description="The request, of somebody other than you.")


@strawberry.input(description="Which request to turn down.")
class DenyAccessInput:
    """Input of denyAccess."""

    access_grant_id: strawberry.ID = strawberry.field(description="The request.")


@strawberry.input(description="Which grant to end.")
class EndAccessInput:
    """Input of endAccess."""

    access_grant_id: strawberry.ID = strawberry.field(description="The grant, or the request to withdraw.")


@strawberry.input(description="What a review of a grant found.")
class ReviewAccessInput:
    """Input of reviewAccess."""

    access_grant_id: strawberry.ID = strawberry.field(description="The grant: over, and held and agreed to by others.")
    verdict: GrantVerdict = strawberry.field(description="What you found of the use that was made of it.")
    note: str = strawberry.field(description="Why, in 20 characters or more, which the contributor will read.")


@strawberry.type(description="The grant, as it is now.")
class AccessGrantPayload:
    """Answer of every mutation of an access grant."""

    access_grant: AccessGrant = strawberry.field(description="The grant.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def _payload(info: Info, row: AccessGrantRow) -> AccessGrantPayload:
    return AccessGrantPayload(access_grant=AccessGrant.of(row), audit_event_id=audit_event_id(info))


@strawberry.type
class AccessGrantMutations:
    """Mutations about access grants."""

    @mutation("Ask to see some of a contributor's work. Staff only; it opens nothing until somebody else agrees.")
    def request_access(self, info: Info, input: RequestAccessInput) -> AccessGrantPayload:
        row = grants.request(
            info.context,
            decode_id_of("Contributor", input.contributor_id, "contributorId"),
            input.scope,
            None if input.object_id is None else _named(input.scope, input.object_id),
            reason=input.reason_code,
            justification=input.justification,
            ticket=input.ticket,
            expires_at=input.expires_at,
        )
        return _payload(info, row)

    @mutation("Let staff see what they asked for, as the contributor whose work it is. You can end it at any time.")
    def consent_to_access(self, info: Info, input: ConsentToAccessInput) -> AccessGrantPayload:
        return _payload(info, grants.consent(info.context, _id(input.access_grant_id)))

    @mutation("Let a colleague see what they asked for, where the contributor can't be asked. Never for yourself.")
    def approve_access(self, info: Info, input: ApproveAccessInput) -> AccessGrantPayload:
        return _payload(info, grants.approve(info.context, _id(input.access_grant_id)))

    @mutation("Turn a request down.")
    def deny_access(self, info: Info, input: DenyAccessInput) -> AccessGrantPayload:
        return _payload(info, grants.deny(info.context, _id(input.access_grant_id)))

    @mutation("End a grant, or withdraw a request. It acts at once, on what is being followed or downloaded too.")
    def end_access(self, info: Info, input: EndAccessInput) -> AccessGrantPayload:
        return _payload(info, grants.end(info.context, _id(input.access_grant_id)))

    @mutation(
        "Say what use was made of a grant, once it is over. Never by whoever held it or agreed to it. The "
        "contributor reads it."
    )
    def review_access(self, info: Info, input: ReviewAccessInput) -> AccessGrantPayload:
        return _payload(info, grants.review(info.context, _id(input.access_grant_id), input.verdict, input.note))


def _id(given: strawberry.ID) -> uuid.UUID:
    return decode_id_of("AccessGrant", given, "accessGrantId")


def _named(scope: AccessScope, given: strawberry.ID) -> uuid.UUID:
    """The thing that a scope is about; its id says of what kind it is."""
    if scope is AccessScope.ACCOUNT:
        return decode_id(given, "objectId")[1]
    return decode_id_of(scope.value.title(), given, "objectId")
