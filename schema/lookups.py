"""What an id leads to: `node` and `nodes`, after Relay's Global Object Identification."""

import secrets
import uuid
from typing import Annotated

import strawberry

from policies.errors import NotFound
from resolvers.errors import BadInput
from schema.access_reviews import AccessReview, AccessReviewItem
from schema.api_keys import ApiKey
from schema.appointments import Appointment
from schema.assets import Asset
from schema.audit import AuditEvent
from schema.changes import Change
from schema.contributors import Contributor
from schema.deletions import Deletion
from schema.exports import Export
from schema.follow_ups import FollowUp
from schema.grants import AccessGrant
from schema.guards import question
from schema.ids import decode_id
from schema.incidents import Incident
from schema.investigations import Investigation
from schema.legal_holds import LegalHold
from schema.lockdowns import Lockdown
from schema.nodes import Info, Node
from schema.notices import Notice, PublishedNotice
from schema.outages import Outage
from schema.outputs import Output
from schema.projects import Project
from schema.prompts import Prompt
from schema.retention import RetentionSetting
from schema.rights import RightsRequest
from schema.services import Service

KINDS: dict[str, type[Node]] = {
    kind.__name__: kind
    for kind in (
        AccessGrant,
        AccessReview,
        AccessReviewItem,
        ApiKey,
        Appointment,
        Asset,
        AuditEvent,
        Change,
        Contributor,
        Deletion,
        Export,
        FollowUp,
        Incident,
        Investigation,
        LegalHold,
        Lockdown,
        Notice,
        Outage,
        Output,
        Project,
        Prompt,
        PublishedNotice,
        RetentionSetting,
        Service,
        RightsRequest,
    )
}
"""What `node` finds, by the name in the global id."""

MAX_NODES = 100

Id = Annotated[strawberry.ID, strawberry.argument(description="Its id, as this API answered it.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="Up to 100 ids, as this API answered them.")]


@strawberry.type
class NodeQueries:
    """Root query fields for whatever has an id."""

    @question("The thing with this id; null if there is none that you may see.")
    def node(self, info: Info, id: Id) -> Node | None:
        return _found(info, [id], "id")[0]

    @question("The things with these ids, in order; null for each that you may not see. At most 100.")
    def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise BadInput(f"ids names {len(ids)} things; ask for at most {MAX_NODES} at a time.", field="ids")
        return _found(info, ids, "ids")


def _found(info: Info, ids: list[strawberry.ID], field: str) -> list[Node | None]:
    """The things with these ids: one statement for each type of thing among them."""
    named = [decode_id(each, field) for each in ids]
    found: dict[tuple[str, uuid.UUID], Node] = {}
    for type_name, kind in KINDS.items():
        wanted = {row_id for said, row_id in named if said == type_name}
        if not wanted:
            continue
        rows = kind.fetch_all(info, sorted(wanted))
        found |= {(type_name, row_id): node for row_id, node in rows.items()}
        if len(rows) < len(wanted):
            missing = secrets.choice(sorted(wanted - rows.keys()))  # any: no list can be made to hide others
            info.context.refuse(info.python_name, NotFound(kind.record.__name__, asked=missing))
    return [found.get(each) for each in named]
