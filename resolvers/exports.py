"""Exports: a copy of everything, for its owner."""

import uuid

from policies.actions import Action
from policies.errors import NotFound
from resolvers.assets import Download, ticket
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from resolvers.tickets import Purpose, Ticket
from storage.contributors import Contributor
from storage.exports import Export, ExportScope, ExportStatus
from storage.ids import new_id
from storage.ledger import events
from storage.projects import Project


def request(context: Context, scope: ExportScope, project_id: uuid.UUID | None) -> Export:
    """Queue an export of the account or of one project.

    Raises `BadInput` where scope and projectId don't fit, `StepUpRequired` without a recent proof of identity.
    """
    if (scope is ExportScope.PROJECT) != (project_id is not None):
        raise BadInput("projectId goes with scope PROJECT, and only with it.", field="projectId")
    if project_id is not None:
        owner = context.access.get(Project, project_id, Action.EXPORT).owner_id
    else:
        owner = context.access.get(Contributor, context.caller_id, Action.EXPORT).id
    work = context.work
    export = Export(id=new_id(), owner_id=owner, scope=scope, project_id=project_id)
    work.session.add(export)
    work.record(events.ExportRequested(resource_id=export.id, subject_id=owner, scope=scope, project_id=project_id))
    work.enqueue("export", export.id)
    work.session.flush()
    return context.access.get(Export, export.id, Action.READ)


def mint_link(context: Context, export_id: uuid.UUID) -> tuple[Export, str]:
    """A link that opens the archive for minutes. It is shown this once; ask again for another.

    Raises `StepUpRequired` without a recent proof of identity, `Conflict` while the archive is not ready or once it has
    expired.
    """
    export = context.access.get(Export, export_id, Action.EXPORT)
    _require_ready(context, export)
    life = int(context.limits.ticket.total_seconds())
    context.work.record(
        events.ExportLinkMinted(resource_id=export.id, subject_id=export.owner_id, lifetime_seconds=life)
    )
    return export, ticket(context, Purpose.EXPORT, export.id)


def begin_download(context: Context, admitted: Ticket, *, partial: bool) -> Download:
    """What an export ticket opens, after asking the door again and recording the access."""
    with context.writing("download_export"):
        export = context.access.get(Export, admitted.object_id, Action.READ_CONTENT)
        _require_ready(context, export)
        if export.blob_id is None or export.byte_size is None:
            raise NotFound("Export")
        context.work.record(
            events.ExportDownloaded(
                resource_id=export.id, subject_id=export.owner_id, byte_size=export.byte_size, partial=partial
            )
        )
        return Download("application/zip", f"muniment-export-{export.id}.zip", export.blob_id, export.byte_size)


def _require_ready(context: Context, export: Export) -> None:
    if export.status is not ExportStatus.READY:
        raise Conflict(f"This export is {export.status.value}; a link can be had while it is READY.")
    if export.expires_at is not None and export.expires_at <= context.work.now:
        raise Conflict("This export has expired. Request a new one.")
