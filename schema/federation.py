"""Identities of a configured issuer, in the API's words."""

import strawberry

from resolvers import federation
from schema.guards import mutation
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id


@strawberry.input(description="A token of the configured issuer (OpenID Connect).")
class LinkIdentityInput:
    """Input of linkIdentity."""

    token: str = strawberry.field(description="Signed by the issuer for this audience, and still good.")


@strawberry.type(description="The account is tied to the identity that the token was about.")
class LinkIdentityPayload:
    """Answer of linkIdentity."""

    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="The account is tied to no identity.")
class UnlinkIdentityPayload:
    """Answer of unlinkIdentity."""

    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class IdentityMutations:
    """Mutations about identities of an issuer."""

    @mutation(
        "Tie your account to your identity with the configured issuer: its tokens are then taken as bearer tokens. "
        "Needs stepUp. What needs stepUp itself goes on needing a session."
    )
    def link_identity(self, info: Info, input: LinkIdentityInput) -> LinkIdentityPayload:
        federation.link(info.context, input.token)
        return LinkIdentityPayload(audit_event_id=audit_event_id(info))

    @mutation(
        "Untie your account: tokens of the issuer let nobody into it any more, from this answer on. Needs stepUp."
    )
    def unlink_identity(self, info: Info) -> UnlinkIdentityPayload:
        federation.unlink(info.context)
        return UnlinkIdentityPayload(audit_event_id=audit_event_id(info))
