"""Signing in, in the API's words."""

from datetime import datetime

import strawberry

from policies.principals import Kind
from resolvers import contributors, sessions
from resolvers.factors import Proof
from resolvers.sessions import Issued
from schema import quotas
from schema.contributors import Contributor
from schema.guards import mutation
from schema.ids import encode_id
from schema.nodes import Info
from schema.quotas import StorageQuota
from schema.receipts import AUDIT_EVENT_ID, audit_event_id

PASSKEY = (
    "In the place of totp: JSON.stringify of what navigator.credentials.get answered to the options of {}, whose "
    "challenge is used up by it."
)

strawberry.enum(Kind, name="PrincipalKind", description="What sort of caller this is.")


@strawberry.type(description="A signed-in device.")
class Session:
    """What a client keeps to stay signed in."""

    token: str | None = strawberry.field(
        description="Send it as `Authorization: Bearer …`. Shown once, when it is issued; null afterwards."
    )
    expires_at: datetime = strawberry.field(description="When it ends by itself.")
    stepped_up_until: datetime | None = strawberry.field(
        description="Until when exports and deletions are open to it; null without stepUp."
    )


@strawberry.type(description="Whoever is asking.")
class Viewer:
    """The caller."""

    kind: Kind = strawberry.field(description="What sort of caller this is.")
    contributor: Contributor | None = strawberry.field(description="The caller's account, for contributors.")
    roles: list[str] = strawberry.field(description="Roles held, for staff.")
    scopes: list[str] = strawberry.field(description="What the key may be used for, for API keys.")
    principal_id: strawberry.ID | None = strawberry.field(description="The caller's own id; null for strangers.")

    @strawberry.field(description="Room for the files of the caller's account. Null for staff and strangers.")
    def storage(self, info: Info) -> StorageQuota | None:
        return quotas.own(info)


def viewer(info: Info) -> Viewer:
    """The caller in the API's words."""
    principal = info.context.principal
    own = principal.id if principal.kind is Kind.CONTRIBUTOR else None
    type_name = {Kind.API_KEY: "ApiKey", Kind.STAFF: "Staff"}.get(principal.kind, "Contributor")
    return Viewer(
        kind=principal.kind,
        contributor=None if own is None else Contributor.fetch(info, own),
        roles=sorted(principal.roles),
        scopes=sorted(principal.scopes),
        principal_id=None if principal.id is None else encode_id(type_name, principal.id),
    )


def session_of(issued: Issued) -> Session:
    """A fresh session, with its token."""
    return Session(token=issued.token, expires_at=issued.session.expires_at, stepped_up_until=None)


@strawberry.input(description="A new account.")
class RegisterContributorInput:
    """Input of registerContributor."""

    email: str = strawberry.field(description="The e-mail to sign in with.")
    password: str = strawberry.field(description="12 characters or more.")
    display_name: str = strawberry.field(description="The name shown to people you share with.")


@strawberry.type(description="The account that was opened, signed in.")
class RegisterContributorPayload:
    """Answer of registerContributor."""

    contributor: Contributor = strawberry.field(description="The new account.")
    session: Session = strawberry.field(description="A session for it.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="E-mail and password, and the second factor where the account has one.")
class SignInInput:
    """Input of signIn."""

    email: str = strawberry.field(description="The account's e-mail.")
    password: str = strawberry.field(description="The account's password.")
    totp: str | None = strawberry.field(
        default=None, description="Of an account with a second factor: the six digits that the app shows now."
    )
    recovery_code: str | None = strawberry.field(
        default=None, description="In the place of totp: one of the recovery codes, which is used up by it."
    )
    passkey: str | None = strawberry.field(default=None, description=PASSKEY.format("beginPasskeySignIn"))


@strawberry.type(description="A session for whoever signed in.")
class SignInPayload:
    """Answer of signIn."""

    session: Session = strawberry.field(description="The session; its token is shown this once.")
    viewer: Viewer = strawberry.field(description="Who has signed in.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="The session has ended.")
class SignOutPayload:
    """Answer of signOut."""

    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="Sessions that were ended.")
class RevokeSessionsPayload:
    """Answer of revokeSessions."""

    ended: int = strawberry.field(description="How many.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="A fresh proof of who is asking: exactly one of the four.")
class StepUpInput:
    """Input of stepUp."""

    password: str | None = strawberry.field(
        default=None, description="The account's password. Not enough for an account with a second factor."
    )
    totp: str | None = strawberry.field(
        default=None, description="Of an account with a second factor: the six digits that the app shows now."
    )
    recovery_code: str | None = strawberry.field(
        default=None, description="In the place of totp: one of the recovery codes, which is used up by it."
    )
    passkey: str | None = strawberry.field(default=None, description=PASSKEY.format("beginPasskeyStepUp"))


@strawberry.type(description="The session, open to exports and deletions for some minutes.")
class StepUpPayload:
    """Answer of stepUp."""

    session: Session = strawberry.field(description="The same session; its token has not changed.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class SessionMutations:
    """Mutations about who is calling."""

    @mutation("Open an account and sign in. The account gets keys of its own.", public="an account begins here")
    def register_contributor(self, info: Info, input: RegisterContributorInput) -> RegisterContributorPayload:
        row, issued = contributors.register(info.context, input.email, input.password, input.display_name)
        return RegisterContributorPayload(
            contributor=Contributor.of(row), session=session_of(issued), audit_event_id=audit_event_id(info)
        )

    @mutation(
        "Sign in with e-mail and password, and the second factor where there is one: contributors and staff alike.",
        public="a session begins here",
    )
    def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        proof = Proof(input.totp, input.recovery_code, input.passkey)
        issued = sessions.sign_in(info.context, input.email, input.password, proof)
        return SignInPayload(session=session_of(issued), viewer=viewer(info), audit_event_id=audit_event_id(info))

    @mutation("End this session. Its token stops working at once.")
    def sign_out(self, info: Info) -> SignOutPayload:
        sessions.sign_out(info.context)
        return SignOutPayload(audit_event_id=audit_event_id(info))

    @mutation("End every other session of the account.")
    def revoke_sessions(self, info: Info) -> RevokeSessionsPayload:
        ended = sessions.revoke_sessions(info.context)
        return RevokeSessionsPayload(ended=ended, audit_event_id=audit_event_id(info))

    @mutation("Prove again that it is you; needed for exports and deletions. Good for some minutes.")
    def step_up(self, info: Info, input: StepUpInput) -> StepUpPayload:
        proof = Proof(input.totp, input.recovery_code, input.passkey)
        row = sessions.step_up(info.context, input.password, proof)
        session = Session(token=None, expires_at=row.expires_at, stepped_up_until=row.stepped_up_until)
        return StepUpPayload(session=session, audit_event_id=audit_event_id(info))
