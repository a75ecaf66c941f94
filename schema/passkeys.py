"""Passkeys in the API's words."""

from datetime import datetime

import strawberry

from resolvers import passkeys, sessions
from schema.guards import mutation, question
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.passkeys import Passkey as PasskeyRow

_TAKEN_BY = "What navigator.credentials.{} takes, as JSON: PublicKeyCredential.{}OptionsFromJSON(JSON.parse(options))."


@strawberry.type(description="A key of yours that stays in your device, or with whoever keeps your passwords.")
class Passkey:
    """One of the caller's own passkeys. Nobody else is shown it, so it is no `Node`."""

    id: strawberry.ID = strawberry.field(description="Opaque and stable. Pass it back as it is.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    last_used_at: datetime | None = strawberry.field(description="When it last proved who you are.")
    model: str = strawberry.field(
        description="The model of its authenticator (AAGUID), by which its maker is found; zeros where it says none."
    )
    synced: bool = strawberry.field(description="Whether its provider may copy it to other devices of yours.")
    copied_at: datetime | None = strawberry.field(
        description="Since when it is known that somebody has a copy: it proves nothing any more. Remove it."
    )


@strawberry.type(description="A passkey that waits to be made.")
class EnrollPasskeyPayload:
    """Answer of enrollPasskey."""

    options: str = strawberry.field(description=_TAKEN_BY.format("create", "parseCreation"))
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="What the authenticator made.")
class ConfirmPasskeyInput:
    """Input of confirmPasskey."""

    credential: str = strawberry.field(
        description="JSON.stringify of what navigator.credentials.create answered to the options of enrollPasskey."
    )


@strawberry.type(description="The passkey is in force.")
class ConfirmPasskeyPayload:
    """Answer of confirmPasskey."""

    passkey: Passkey = strawberry.field(description="The passkey.")
    recovery_codes: list[str] = strawberry.field(
        description="Each stands in for a second factor once. Shown this once; none where you have some already."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="Which passkey.")
class RemovePasskeyInput:
    """Input of removePasskey."""

    passkey_id: strawberry.ID = strawberry.field(description="The passkey to do without.")


@strawberry.type(description="The passkey proves nothing any more.")
class RemovePasskeyPayload:
    """Answer of removePasskey."""

    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="Whose passkey is to sign.")
class BeginPasskeySignInInput:
    """Input of beginPasskeySignIn."""

    email: str = strawberry.field(description="The account's e-mail.")
    password: str = strawberry.field(description="The account's password.")


@strawberry.type(description="A challenge for one of your passkeys to sign.")
class PasskeyChallengePayload:
    """Answer of beginPasskeySignIn and beginPasskeyStepUp."""

    options: str = strawberry.field(description=_TAKEN_BY.format("get", "parseRequest"))
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def _shown(info: Info, row: PasskeyRow) -> Passkey:
    return Passkey(
        id=encode_id("Passkey", row.id),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        model=passkeys.model_of(info.context, row),
        synced=row.synced,
        copied_at=row.copied_at,
    )


@strawberry.type
class PasskeyQueries:
    """Questions about passkeys."""

    @question("Your passkeys, oldest first: ten at most.")
    def passkeys(self, info: Info) -> list[Passkey]:
        return [_shown(info, row) for row in passkeys.of_caller(info.context)]


@strawberry.type
class PasskeyMutations:
    """Mutations about passkeys."""

    @mutation("Begin to register a passkey. Needs stepUp; nothing changes before confirmPasskey, within five minutes.")
    def enroll_passkey(self, info: Info) -> EnrollPasskeyPayload:
        return EnrollPasskeyPayload(options=passkeys.enrol(info.context), audit_event_id=audit_event_id(info))

    @mutation(
        "Put a passkey in force. From then on signIn and stepUp ask for a second factor, and your other sessions have "
        "ended. Needs stepUp."
    )
    def confirm_passkey(self, info: Info, input: ConfirmPasskeyInput) -> ConfirmPasskeyPayload:
        made = passkeys.confirm(info.context, input.credential)
        return ConfirmPasskeyPayload(
            passkey=_shown(info, made.passkey), recovery_codes=made.recovery_codes, audit_event_id=audit_event_id(info)
        )

    @mutation("Do without a passkey from here on. Needs stepUp. Staff keep one second factor at least.")
    def remove_passkey(self, info: Info, input: RemovePasskeyInput) -> RemovePasskeyPayload:
        passkeys.remove(info.context, decode_id_of("Passkey", input.passkey_id, "passkeyId"))
        return RemovePasskeyPayload(audit_event_id=audit_event_id(info))

    @mutation(
        "Ask for a challenge that one of the account's passkeys signs; then call signIn with what came of it.",
        public="a session begins here",
    )
    def begin_passkey_sign_in(self, info: Info, input: BeginPasskeySignInInput) -> PasskeyChallengePayload:
        options = sessions.ask_passkey(info.context, input.email, input.password)
        return PasskeyChallengePayload(options=options, audit_event_id=audit_event_id(info))

    @mutation("Ask for a challenge that one of your passkeys signs; then call stepUp with what came of it.")
    def begin_passkey_step_up(self, info: Info) -> PasskeyChallengePayload:
        options = sessions.ask_passkey_again(info.context)
        return PasskeyChallengePayload(options=options, audit_event_id=audit_event_id(info))
