"""Contributors and what they allow, in the API's words."""

import uuid
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import contributors
from schema.guards import mutation
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.contributors import Contributor as ContributorRow
from storage.contributors import ContributorStatus
from storage.contributors import PrivacyPreferences as PreferencesRow

strawberry.enum(ContributorStatus, description="Whether an account is in use (ACTIVE) or being erased (ERASING).")


@strawberry.type(description="Which optional uses of their work a contributor allows. Everything starts switched off.")
class PrivacyPreferences:
    """A contributor's choices."""

    style_learning: bool = strawberry.field(
        description="Agents may learn this contributor's style from earlier work, to write more like them."
    )
    training: bool = strawberry.field(description="Work may be used to train models.")
    analytics: bool = strawberry.field(description="Use of the platform may be analysed.")
    strip_metadata: bool = strawberry.field(
        description="Camera data, places and texts are taken out of JPEG, PNG and WebP images before they are sealed, "
        "whoever uploads them into this contributor's projects. Holds for uploads from then on."
    )
    support_access: bool = strawberry.field(
        description="Support may ask to see some of their work. They still agree to each request, or not."
    )
    services: list[strawberry.ID] = strawberry.field(
        description="The services outside to which their work may be sent. On other terms it is another service, to be "
        "allowed anew."
    )
    updated_at: datetime = strawberry.field(description="When a choice was last changed.")


@strawberry.type(description="A person who owns work.")
class Contributor(Node):
    """An account."""

    record: ClassVar = ContributorRow
    actions: ClassVar = (
        Action.COMPLAIN,
        Action.CORRECT,
        Action.CREATE_API_KEY,
        Action.DELETE,
        Action.EXPORT,
        Action.READ,
        Action.READ_CONTACT,
        Action.REQUEST_ACCESS,
        Action.UPDATE,
    )

    status: ContributorStatus = plain("status", ContributorStatus, "Whether the account is in use.")
    created_at: datetime = plain("created_at", datetime, "When the account was opened.")
    display_name: str | None = sealed(
        "display_name", str | None, "The name shown to people they share with. Null where you may not read it."
    )
    email: str | None = sealed("email", str | None, "The e-mail they sign in with. Null where you may not read it.")

    @strawberry.field(description="What they allow. Null where you may not read it.")
    def privacy_preferences(self, info: Info) -> PrivacyPreferences | None:
        row = contributors.preferences_or_none(info.context, self.row.id)
        return None if row is None else preferences_of(row)


def preferences_of(row: PreferencesRow) -> PrivacyPreferences:
    """A row of preferences in the API's words."""
    names = ("style_learning", "training", "analytics", "strip_metadata", "support_access", "updated_at")
    allowed = [strawberry.ID(encode_id("Service", uuid.UUID(each))) for each in row.services]
    return PrivacyPreferences(services=allowed, **{name: getattr(row, name) for name in names})


@strawberry.input(description="Choices to change. What is left out stays as it is.")
class UpdatePrivacyPreferencesInput:
    """Input of updatePrivacyPreferences."""

    style_learning: bool | None = strawberry.field(default=None, description="Learn style from earlier work.")
    training: bool | None = strawberry.field(default=None, description="Use work to train models.")
    analytics: bool | None = strawberry.field(default=None, description="Analyse use of the platform.")
    strip_metadata: bool | None = strawberry.field(
        default=None, description="Take camera data, places and texts out of images that are uploaded from now on."
    )
    support_access: bool | None = strawberry.field(
        default=None, description="Let support ask to see your work, each time."
    )
    services: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="All the services to which your work may be sent from now on; an empty list allows none.",
    )


@strawberry.type(description="The preferences as they are now.")
class UpdatePrivacyPreferencesPayload:
    """Answer of updatePrivacyPreferences."""

    privacy_preferences: PrivacyPreferences = strawberry.field(description="What you allow from now on.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class ContributorMutations:
    """Mutations about one's own account."""

    @mutation("Switch optional uses of your data on or off. It holds from the next operation on, queued work included.")
    def update_privacy_preferences(
        self, info: Info, input: UpdatePrivacyPreferencesInput
    ) -> UpdatePrivacyPreferencesPayload:
        changes = {name: value for name, value in vars(input).items() if value is not None}
        named = changes.pop("services", None)
        allowed = None if named is None else [decode_id_of("Service", each, "services") for each in named]
        row = contributors.update_preferences(info.context, changes, allowed)
        return UpdatePrivacyPreferencesPayload(
            privacy_preferences=preferences_of(row), audit_event_id=audit_event_id(info)
        )
