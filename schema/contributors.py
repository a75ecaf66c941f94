"""Contributors and what they allow, in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import preferences
from schema.nodes import Info, Node, plain, sealed
from schema.preferences import PrivacyPreferences, preferences_of
from storage.contributors import Contributor as ContributorRow
from storage.contributors import ContributorStatus

strawberry.enum(ContributorStatus, description="Whether an account is in use (ACTIVE) or being erased (ERASING).")


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
        row = preferences.of(info.context, self.row.id)
        return None if row is None else preferences_of(row)
