"""Exports in the API's words."""

import enum
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import exports
from resolvers.exports import Order
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.leaves import leaf
from schema.nodes import Info, Node, plain, reference
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from schema.scalars import BigInt
from storage.exports import Export as ExportRow
from storage.exports import ExportScope, ExportStatus

strawberry.enum(ExportStatus, description="Where an export stands.")
strawberry.enum(ExportScope, description="How much is taken out: the whole account, or one project.")


@strawberry.enum(description="The form of an export.")
class ExportFormat(enum.Enum):
    """A ZIP archive (zip64) that describes itself; with a recipient, inside an age file."""

    ZIP = "ZIP"


@strawberry.type(description="A copy of everything we hold of yours, as a ZIP you can check and browse offline.")
class Export(Node):
    """One request for a copy."""

    record: ClassVar = ExportRow
    actions: ClassVar = (Action.DELETE, Action.EXPORT, Action.READ, Action.READ_CONTENT)

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
    since: datetime | None = plain(
        "since", datetime | None, "Files, outputs and events from before, less an hour, are not in it. Null: all are."
    )
    encrypted: bool = leaf(
        lambda self, info: self.row.recipient is not None, bool, "Whether it opens with the recipient's key only."
    )


@strawberry.input(description="What to take out.")
class RequestExportInput:
    """Input of requestExport."""

    scope: ExportScope = strawberry.field(default=ExportScope.ACCOUNT, description="How much.")
    project_id: strawberry.ID | None = strawberry.field(default=None, description="The project, for scope PROJECT.")
    format: ExportFormat = strawberry.field(default=ExportFormat.ZIP, description="In which form.")
    recipient_public_key: str | None = strawberry.field(
        default=None,
        description="An age recipient (age1…) or an SSH public key (ssh-ed25519, ssh-rsa): the archive is encrypted "
        "to it, and only the secret half opens it, with `age --decrypt`.",
    )
    since: datetime | None = strawberry.field(
        default=None,
        description="For a copy of what is new: the createdAt of the export before. Records are all there; files, "
        "outputs and audit events from more than an hour before it are not.",
    )
    expires_in_days: int | None = strawberry.field(
        default=None, description="Destroy the archive so many days after it is ready; at most what the server keeps."
    )
    webhook_url: str | None = strawberry.field(
        default=None,
        description="An https address to which it is posted, once, that the export is READY or FAILED: ids and states, "
        "signed (Standard Webhooks) with the secret in the answer.",
    )


@strawberry.type(description="The export that was queued.")
class RequestExportPayload:
    """Answer of requestExport."""

    export: Export = strawberry.field(description="Follow it with exportProgress, or ask for it again.")
    webhook_secret: str | None = strawberry.field(
        description="What the message to webhookUrl is signed with: whsec_ and base64. Shown this once."
    )
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


@strawberry.input(description="Which archive to destroy.")
class DeleteExportInput:
    """Input of deleteExport."""

    export_id: strawberry.ID = strawberry.field(description="An export that is QUEUED, RUNNING or READY.")


@strawberry.type(description="The export whose archive is destroyed.")
class DeleteExportPayload:
    """Answer of deleteExport."""

    export: Export = strawberry.field(description="The request stays, as EXPIRED. Links to it open nothing any more.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class ExportMutations:
    """Mutations about taking data out."""

    @mutation("Queue a copy of everything, or of one project. Needs stepUp.")
    def request_export(self, info: Info, input: RequestExportInput) -> RequestExportPayload:
        project = None
        if input.project_id is not None:
            project = decode_id_of("Project", input.project_id, "projectId")
        order = Order(
            input.scope,
            project,
            recipient=input.recipient_public_key,
            since=input.since,
            lifetime_days=input.expires_in_days,
            webhook_url=input.webhook_url,
        )
        row, secret = exports.request(info.context, order)
        return RequestExportPayload(export=Export.of(row), webhook_secret=secret, audit_event_id=audit_event_id(info))

    @mutation("A link for downloading an export that is READY. Needs stepUp.")
    def mint_export_link(self, info: Info, input: MintExportLinkInput) -> MintExportLinkPayload:
        row, token = exports.mint_link(info.context, decode_id_of("Export", input.export_id, "exportId"))
        return MintExportLinkPayload(
            export=Export.of(row), url="/exports/" + token, audit_event_id=audit_event_id(info)
        )

    @mutation("Destroy an archive before its time, or stop it from being made. Needs stepUp.")
    def delete_export(self, info: Info, input: DeleteExportInput) -> DeleteExportPayload:
        row = exports.withdraw(info.context, decode_id_of("Export", input.export_id, "exportId"))
        return DeleteExportPayload(export=Export.of(row), audit_event_id=audit_event_id(info))
