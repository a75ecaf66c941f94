"""Exports in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import exports
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, reference
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from schema.scalars import BigInt
from storage.exports import Export as ExportRow
from storage.exports import ExportScope, ExportStatus

strawberry.enum(ExportStatus, description="Where an export stands.")
strawberry.enum(ExportScope, description="How much is taken out: the whole account, or one project.")


@strawberry.type(description="A copy of everything we hold of yours, as a ZIP you can check and browse offline.")
class Export(Node):
    """One request for a copy."""

    record: ClassVar = ExportRow
    actions: ClassVar = (Action.READ, Action.READ_CONTENT)

    scope: ExportScope = plain("scope", ExportScope, "How much it holds.")
    project_id: strawberry.ID | None = reference(
        "project_id", "Project", "The project, for scope PROJECT.", optional=True
    )
    status: ExportStatus = plain("status", ExportStatus, "Where it stands.")
    percentage: int = plain("percentage", int, "How far it is, 0 to 100.")
    byte_size: BigInt | None = plain("byte_size", BigInt | None, "Size of the archive, once it is ready.")
    created_at: datetime = plain("created_at", datetime, "When it was requested.")
    finished_at: datetime | None = plain("finished_at", datetime | None, "When it was ready, or failed.")
    expires_at: datetime | None = plain("expires_at", datetime | None, "When the archive is destroyed.")


@strawberry.input(description="What to take out.")
class RequestExportInput:
    """Input of requestExport."""

    scope: ExportScope = strawberry.field(default=ExportScope.ACCOUNT, description="How much.")
    project_id: strawberry.ID | None = strawberry.field(default=None, description="The project, for scope PROJECT.")


@strawberry.type(description="The export that was queued.")
class RequestExportPayload:
    """Answer of requestExport."""

    export: Export = strawberry.field(description="Follow it with exportProgress, or ask for it again.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="Which export to open.")
class MintExportLinkInput:
    """Input of mintExportLink."""

    export_id: strawberry.ID = strawberry.field(description="An export that is READY.")


@strawberry.type(description="A link to the archive.")
class MintExportLinkPayload:
    """Answer of mintExportLink."""

    export: Export = strawberry.field(description="The export.")
    url: str = strawberry.field(
        description="A path on this server: GET it within minutes, as often as needed, ranges too. "
        "Shown this once; ask again for another."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class ExportMutations:
    """Mutations about taking data out."""

    @mutation("Queue a copy of everything, or of one project. Needs stepUp.")
    def request_export(self, info: Info, input: RequestExportInput) -> RequestExportPayload:
        project = None
        if input.project_id is not None:
            project = decode_id_of("Project", input.project_id, "projectId")
        row = exports.request(info.context, input.scope, project)
        return RequestExportPayload(export=Export.of(row), audit_event_id=audit_event_id(info))

    @mutation("A link for downloading an export that is READY. Needs stepUp.")
    def mint_export_link(self, info: Info, input: MintExportLinkInput) -> MintExportLinkPayload:
        row, token = exports.mint_link(info.context, decode_id_of("Export", input.export_id, "exportId"))
        return MintExportLinkPayload(
            export=Export.of(row), url="/exports/" + token, audit_event_id=audit_event_id(info)
        )
