"""The audit trail in the API's words."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Self

import strawberry
from strawberry.scalars import JSON

from policies.actions import Action
from resolvers import audit
from schema.ids import encode_id
from schema.nodes import Info, Level, Node
from storage.ledger.entries import AuditEvent as AuditEventRow
from storage.ledger.events import Category, Outcome

strawberry.enum(Category, name="AuditCategory", description="What sort of happening an event is.")
strawberry.enum(Outcome, name="AuditOutcome", description="How it went.")


@strawberry.type(description="One entry of the audit trail. It says what was done, never what with.")
class AuditEvent(Node):
    """An entry, under the names of the published format."""

    record: ClassVar = AuditEventRow
    actions: ClassVar = (Action.READ,)

    @classmethod
    def fetch_all(cls, info: Info, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Self]:
        """The entries with these ids, as far as the caller may see them; reading them is itself an entry."""
        found = audit.by_id(info.context, ids)
        level = Level(list(found.values()))
        return {row_id: cls(row=row, level=level, decided=True) for row_id, row in found.items()}

    @strawberry.field(description="When it happened.")
    def timestamp(self) -> datetime:
        moment: datetime = self.row.timestamp
        return moment

    @strawberry.field(description="What was done, as `thing.happening`. docs/audit-events.md lists them all.")
    def action(self) -> str:
        return str(self.row.action)

    @strawberry.field(description="What sort of happening it is.")
    def category(self) -> Category:
        category: Category = self.row.category
        return category

    @strawberry.field(description="How it went.")
    def outcome(self) -> Outcome:
        outcome: Outcome = self.row.outcome
        return outcome

    @strawberry.field(description="The part of the system that acted: `api`, `agent:generation`, …")
    def component(self) -> str:
        return str(self.row.component)

    @strawberry.field(description="What kind of thing it was done to.")
    def resource(self) -> str:
        return str(self.row.resource.value)

    @strawberry.field(
        description="The thing it was done to. Null for things that are people, and once they are erased."
    )
    def resource_id(self, info: Info) -> strawberry.ID | None:
        return audit_id(self.row.resource.value, self._form(info)["resourceId"])

    @strawberry.field(description="Numbers, switches, names and ids that say what happened. Never content.")
    def details(self, info: Info) -> JSON:
        return JSON(self._form(info)["details"])

    @strawberry.field(
        description="Who did it. Null for agents and staff, once erased, and to staff unless under an investigation."
    )
    def user_id(self, info: Info) -> str | None:
        return self._person(info, "userId")

    @strawberry.field(description="What sort of caller did it.")
    def actor_kind(self, info: Info) -> str:
        return str(self._form(info)["actorKind"])

    @strawberry.field(
        description="For whom an agent or API key did it. Null if it was for nobody else, or once erased."
    )
    def on_behalf_of(self, info: Info) -> str | None:
        return self._person(info, "onBehalfOf")

    @strawberry.field(description="From which address. Open to security staff under an investigation only.")
    def ip_address(self, info: Info) -> str | None:
        return self._person(info, "ipAddress")

    @strawberry.field(description="With which program. Open to security staff under an investigation only.")
    def user_agent(self, info: Info) -> str | None:
        return self._person(info, "userAgent")

    @strawberry.field(description="The access grant under which it was allowed, for staff.")
    def grant_id(self, info: Info) -> strawberry.ID | None:
        return audit_id("access_grant", self._form(info)["grantId"])

    @strawberry.field(description="Ties together everything that one call set in motion.")
    def correlation_id(self) -> str:
        return str(self.row.correlation_id)

    @strawberry.field(description="The policy in force.")
    def policy_version(self, info: Info) -> str:
        return str(self._form(info)["policyVersion"])

    @strawberry.field(description="The rule that decided, where one did.")
    def rule(self, info: Info) -> str | None:
        found: str | None = self._form(info)["rule"]
        return found

    def _form(self, info: Info) -> dict[str, Any]:
        key = ("form", self.row.id)
        return self.level.once(key, lambda: audit.public(info.context, self.row))

    def _person(self, info: Info, name: str) -> str | None:
        """Who it was, or from where: opened for all siblings at once, and only where it is selected."""
        opened = self.level.once("unmasked", lambda: audit.unmask(info.context, self.level.rows))
        found: str | None = (opened.get(self.row.id) or self._form(info))[name]
        return found


def audit_id(resource: str, row_id: str | None) -> strawberry.ID | None:
    """The global id of what an entry names: `api_key` and a row's id make the id of an ApiKey."""
    if row_id is None:
        return None
    return encode_id("".join(word.title() for word in resource.split("_")), uuid.UUID(row_id))
