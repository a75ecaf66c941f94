"""Projects in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import projects
from schema.assets import Asset
from schema.connections import Connection, below
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, reference, sealed
from schema.outputs import Output
from schema.prompts import Prompt
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.projects import MemberRole
from storage.projects import Project as ProjectRow

strawberry.enum(MemberRole, description="What somebody a project is shared with may do: see it, or work in it.")


@strawberry.type(description="A body of work under keys of its own.")
class Project(Node):
    """A project, and the lists of what is in it."""

    record: ClassVar = ProjectRow
    actions: ClassVar = (
        Action.CREATE_ASSET,
        Action.DELETE,
        Action.EXPORT,
        Action.READ,
        Action.READ_CONTENT,
        Action.SHARE,
        Action.SUBMIT_PROMPT,
        Action.UPDATE,
    )

    name: str = sealed("name", str, "What its owner calls it.")
    owner_id: strawberry.ID = reference("owner_id", "Contributor", "Whose it is.")
    created_at: datetime = plain("created_at", datetime, "When it was started.")
    updated_at: datetime = plain("updated_at", datetime, "When it last changed.")

    assets: Connection[Asset] = below(Asset, "project_id", "The files in it.")
    prompts: Connection[Prompt] = below(Prompt, "project_id", "The briefs given in it.")
    outputs: Connection[Output] = below(Output, "project_id", "What agents made in it.")


@strawberry.input(description="A new project.")
class CreateProjectInput:
    """Input of createProject."""

    name: str = strawberry.field(description="What to call it.")


@strawberry.input(description="What to change about a project.")
class UpdateProjectInput:
    """Input of updateProject."""

    project_id: strawberry.ID = strawberry.field(description="Which project.")
    name: str = strawberry.field(description="Its new name.")


@strawberry.input(description="Whom to share a project with.")
class ShareProjectInput:
    """Input of shareProject."""

    project_id: strawberry.ID = strawberry.field(description="Which project.")
    email: str = strawberry.field(description="The e-mail of another contributor's account.")
    role: MemberRole = strawberry.field(description="What they may do in it.")


@strawberry.input(description="Whose access to take away.")
class UnshareProjectInput:
    """Input of unshareProject."""

    project_id: strawberry.ID = strawberry.field(description="Which project.")
    email: str = strawberry.field(description="The e-mail of the account it is shared with.")


@strawberry.type(description="The project, as it is now.")
class ProjectPayload:
    """Answer of every mutation of a project."""

    project: Project = strawberry.field(description="The project.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def _payload(info: Info, row: ProjectRow) -> ProjectPayload:
    return ProjectPayload(project=Project.of(row), audit_event_id=audit_event_id(info))


@strawberry.type
class ProjectMutations:
    """Mutations about projects."""

    @mutation("Start a project. It gets keys of its own.")
    def create_project(self, info: Info, input: CreateProjectInput) -> ProjectPayload:
        return _payload(info, projects.create(info.context, input.name))

    @mutation("Rename a project.")
    def update_project(self, info: Info, input: UpdateProjectInput) -> ProjectPayload:
        project = decode_id_of("Project", input.project_id, "projectId")
        return _payload(info, projects.update(info.context, project, input.name))

    @mutation("Let another contributor see a project, or work in it.")
    def share_project(self, info: Info, input: ShareProjectInput) -> ProjectPayload:
        project = decode_id_of("Project", input.project_id, "projectId")
        return _payload(info, projects.share(info.context, project, input.email, input.role))

    @mutation("Take somebody's access to a project away.")
    def unshare_project(self, info: Info, input: UnshareProjectInput) -> ProjectPayload:
        project = decode_id_of("Project", input.project_id, "projectId")
        return _payload(info, projects.unshare(info.context, project, input.email))
