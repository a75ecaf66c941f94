"""The root of every question."""

from typing import Annotated, Any

import strawberry

from resolvers import inputs, roles
from schema.access_reviews import AccessReviewQueries
from schema.api_keys import ApiKey
from schema.appointments import AppointmentQueries
from schema.assets import Asset
from schema.changes import ChangeQueries
from schema.connections import (
    After,
    Before,
    Connection,
    First,
    Last,
    Order,
    OrderBy,
    listed,
    part_of,
)
from schema.contributors import Contributor
from schema.controls import ControlQueries
from schema.deletions import Deletion
from schema.detections import DetectionQueries
from schema.exports import Export
from schema.follow_ups import FollowUpQueries
from schema.grants import AccessGrant
from schema.guards import question
from schema.holdings import HoldingsQueries
from schema.ids import decode_id_of
from schema.incident_metrics import IncidentMetricsQueries
from schema.incidents import IncidentQueries
from schema.investigations import Investigation
from schema.legal_holds import LegalHoldQueries
from schema.lockdowns import LockdownQueries
from schema.lookups import Id, NodeQueries
from schema.nodes import Info
from schema.notices import NoticeQueries
from schema.outages import OutageQueries
from schema.outputs import Output
from schema.passkeys import PasskeyQueries
from schema.policies import Policy
from schema.populations import PopulationQueries
from schema.privacy import PrivacyQueries
from schema.projects import Project
from schema.prompts import Prompt
from schema.retention import RetentionQueries
from schema.rights import RightsQueries
from schema.roles import Role
from schema.services import ServiceQueries
from schema.sessions import Viewer, viewer
from schema.styles import StyleQueries
from schema.trail import TrailQueries

InProject = Annotated[strawberry.ID | None, strawberry.argument(description="Only those in this project.")]
OfPrompt = Annotated[strawberry.ID | None, strawberry.argument(description="Only those that answer this prompt.")]
OfMediaType = Annotated[str | None, strawberry.argument(description="Only those of this media type (RFC 6838).")]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Only those in which every one of these words begins a word: up to 10, in any order, upper or "
        "lower case. Finds only what you may open, and is in the audit trail as reading where it is somebody else's."
    ),
]


@strawberry.type(description="Everything that can be asked.")
class Query(
    NodeQueries,
    AccessReviewQueries,
    AppointmentQueries,
    ChangeQueries,
    ControlQueries,
    DetectionQueries,
    FollowUpQueries,
    HoldingsQueries,
    IncidentMetricsQueries,
    IncidentQueries,
    LegalHoldQueries,
    LockdownQueries,
    NoticeQueries,
    OutageQueries,
    PasskeyQueries,
    PopulationQueries,
    PrivacyQueries,
    RetentionQueries,
    RightsQueries,
    ServiceQueries,
    StyleQueries,
    TrailQueries,
):
    """Root query fields. Each is guarded; see schema/guards.py."""

    @question("Who is asking. Works without signing in, to find out that nobody is.", public="says who the caller is")
    def viewer(self, info: Info) -> Viewer:
        return viewer(info)

    @question("One contributor's account, as far as you may see it.")
    def contributor(self, info: Info, id: Id) -> Contributor:
        return Contributor.fetch(info, decode_id_of("Contributor", id, "id"))

    @question("One project.")
    def project(self, info: Info, id: Id) -> Project:
        return Project.fetch(info, decode_id_of("Project", id, "id"))

    @question("Your projects and those shared with you.")
    def projects(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Project]:
        part = part_of(info, "Project", first, after, last, before, order_by)
        connection: Connection[Project] = listed(info, Project, part)
        return connection

    @question("One asset.")
    def asset(self, info: Info, id: Id) -> Asset:
        return Asset.fetch(info, decode_id_of("Asset", id, "id"))

    @question(
        "Assets in all projects you may see, or in one of them, of any media type or of one, with the words searched."
    )
    def assets(
        self,
        info: Info,
        project_id: InProject = None,
        media_type: OfMediaType = None,
        search: Search = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Asset]:
        part = part_of(info, "Asset", first, after, last, before, order_by)
        equal = _narrowed(projectId=project_id)
        if media_type is not None:
            equal["media_type"] = inputs.text(media_type, "mediaType", at_most=100)
        connection: Connection[Asset] = listed(info, Asset, part, search=search, **equal)
        return connection

    @question("One prompt.")
    def prompt(self, info: Info, id: Id) -> Prompt:
        return Prompt.fetch(info, decode_id_of("Prompt", id, "id"))

    @question("Prompts in all projects you may see, or in one of them, and with the words searched.")
    def prompts(
        self,
        info: Info,
        project_id: InProject = None,
        search: Search = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Prompt]:
        part = part_of(info, "Prompt", first, after, last, before, order_by)
        equal = _narrowed(projectId=project_id)
        connection: Connection[Prompt] = listed(info, Prompt, part, search=search, **equal)
        return connection

    @question("One output.")
    def output(self, info: Info, id: Id) -> Output:
        return Output.fetch(info, decode_id_of("Output", id, "id"))

    @question("Outputs in all projects you may see, or in one of them, or of one prompt.")
    def outputs(
        self,
        info: Info,
        project_id: InProject = None,
        prompt_id: OfPrompt = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Output]:
        part = part_of(info, "Output", first, after, last, before, order_by)
        connection: Connection[Output] = listed(
            info, Output, part, **_narrowed(projectId=project_id, promptId=prompt_id)
        )
        return connection

    @question("Your exports.")
    def exports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Export]:
        part = part_of(info, "Export", first, after, last, before)
        connection: Connection[Export] = listed(info, Export, part)
        return connection

    @question("Your deletions, and where they stand.")
    def deletions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Deletion]:
        part = part_of(info, "Deletion", first, after, last, before)
        connection: Connection[Deletion] = listed(info, Deletion, part)
        return connection

    @question("Your API keys, live and ended.")
    def api_keys(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ApiKey]:
        part = part_of(info, "ApiKey", first, after, last, before)
        connection: Connection[ApiKey] = listed(info, ApiKey, part)
        return connection

    @question("Requests of staff to see your work, and what became of them; for staff, those they may see.")
    def access_grants(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[AccessGrant]:
        part = part_of(info, "AccessGrant", first, after, last, before)
        connection: Connection[AccessGrant] = listed(info, AccessGrant, part)
        return connection

    @question("The jobs of those who run the platform: what each is for, and who answers for it.")
    def roles(self, info: Info) -> list[Role]:
        return [Role(job=job) for job in roles.all_of_them(info.context)]

    @question("Investigations: of security and auditors all, of everybody else those into themselves.")
    def investigations(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Investigation]:
        part = part_of(info, "Investigation", first, after, last, before)
        connection: Connection[Investigation] = listed(info, Investigation, part)
        return connection

    @question("The policy in force: which one, who may do what by it, and why.")
    def policy(self, info: Info) -> Policy:
        return Policy()


def _narrowed(**ids: strawberry.ID | None) -> dict[str, Any]:
    """Filters by other things' ids: `projectId` narrows the column project_id to that project."""
    found: dict[str, Any] = {}
    for argument, global_id in ids.items():
        if global_id is not None:
            kind = argument.removesuffix("Id").title()
            found[f"{kind.lower()}_id"] = decode_id_of(kind, global_id, argument)
    return found
