"""Second factors in the API's words."""

import strawberry

from resolvers import factors
from schema.guards import mutation
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id


@strawberry.type(description="An authenticator app that waits for its first code.")
class EnrollTotpPayload:
    """Answer of enrollTotp."""

    uri: str = strawberry.field(
        description="What the app takes in, as a QR code or typed (otpauth://totp/…). Shown this once."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="The first code of a new authenticator app.")
class ConfirmTotpInput:
    """Input of confirmTotp."""

    totp: str = strawberry.field(description="The six digits that the app shows now.")


@strawberry.type(description="The authenticator app is in force.")
class ConfirmTotpPayload:
    """Answer of confirmTotp."""

    recovery_codes: list[str] = strawberry.field(
        description="Each stands in for the app once, on the day it is lost. Shown this once: keep them apart from it."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="The account does without a second factor.")
class RemoveTotpPayload:
    """Answer of removeTotp."""

    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class SecondFactorMutations:
    """Mutations about second factors."""

    @mutation("Begin to use an authenticator app (TOTP). Needs stepUp; nothing changes before confirmTotp.")
    def enroll_totp(self, info: Info) -> EnrollTotpPayload:
        return EnrollTotpPayload(uri=factors.enrol(info.context), audit_event_id=audit_event_id(info))

    @mutation(
        "Put the app in force by its first code. From then on signIn and stepUp ask for it, the app before it and its "
        "recovery codes are worth nothing, and your other sessions have ended."
    )
    def confirm_totp(self, info: Info, input: ConfirmTotpInput) -> ConfirmTotpPayload:
        codes = factors.confirm(info.context, input.totp)
        return ConfirmTotpPayload(recovery_codes=codes, audit_event_id=audit_event_id(info))

    @mutation("Do without an authenticator app from here on. Needs stepUp. Staff can't.")
    def remove_totp(self, info: Info) -> RemoveTotpPayload:
        factors.remove(info.context)
        return RemoveTotpPayload(audit_event_id=audit_event_id(info))
