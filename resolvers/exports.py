"""Exports: a copy of everything, for its owner."""

import functools
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.actions import Action
from policies.errors import NotFound
from resolvers import inputs
from resolvers.assets import Download, ticket
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, RateLimited
from resolvers.tickets import Purpose, Ticket
from storage import exports
from storage.archives import recipients
from storage.contributors import Contributor
from storage.exports import Export, ExportScope, ExportStatus
from storage.ids import new_id
from storage.ledger import envelopes, events
from storage.projects import Project

_AGE = "application/octet-stream"  # the age format has no registered media type
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Order:
    """What somebody wants to take out, and how."""

    scope: ExportScope = ExportScope.ACCOUNT
    project_id: uuid.UUID | None = None
    recipient: str | None = None
    """An age recipient or SSH public key that the archive is encrypted to."""
    since: datetime | None = None
    """Leave out files, outputs and events from before."""
    lifetime_days: int | None = None
    """How long the archive is wanted; without it, as long as the house keeps one."""
    webhook_url: str | None = None
    """Who is told that it has ended."""


def request(context: Context, order: Order) -> tuple[Export, str | None]:
    """Queue an export of the account or of one project; also answers the secret its webhook is signed with, if any.

    Raises `BadInput` where the order can't be carried out, `StepUpRequired` without a recent proof of identity, and
    `RateLimited` once so many were asked for within a day.
    """
    if (order.scope is ExportScope.PROJECT) != (order.project_id is not None):
        raise BadInput("projectId goes with scope PROJECT, and only with it.", field="projectId")
    sealed = _checked(context, order)
    if order.project_id is not None:
        owner = context.access.get(Project, order.project_id, Action.EXPORT).owner_id
    else:
        owner = context.access.get(Contributor, context.caller_id, Action.EXPORT).id
    _not_too_many(context, owner)
    work = context.work
    export = Export(
        id=new_id(),
        owner_id=owner,
        scope=order.scope,
        project_id=order.project_id,
        since=order.since,
        lifetime_days=order.lifetime_days,
    )
    work.vault.seal(export, **sealed)
    work.session.add(export)
    work.record(
        events.ExportRequested(
            resource_id=export.id,
            subject_id=owner,
            scope=order.scope,
            project_id=order.project_id,
            encrypted=order.recipient is not None,
            incremental=order.since is not None,
        )
    )
    work.enqueue("export", export.id, owner=owner)
    work.session.flush()
    return context.access.get(Export, export.id, Action.READ), sealed.get("webhook_secret")


def _checked(context: Context, order: Order) -> dict[str, str]:
    """What of the order is sealed, checked; a secret for its webhook, made here. Raises `BadInput`."""
    found: dict[str, str] = {}
    if order.lifetime_days is not None:
        longest = max(1, context.limits.export_life // DAY)
        inputs.between(order.lifetime_days, "expiresInDays", at_least=1, at_most=longest)
    if order.since is not None and order.since > context.work.now:
        raise BadInput("since lies in the future; give the createdAt of the export before this one.", field="since")
    if order.recipient is not None:
        text = inputs.text(order.recipient, "recipientPublicKey", at_most=2000)
        try:
            found["recipient"] = recipients.checked(text)
        except recipients.RecipientRefused as refused:
            said = str(refused)
            raise BadInput(f"{said[0].upper()}{said[1:]}.", field="recipientPublicKey") from None
    if order.webhook_url is not None:
        found["webhook_url"] = inputs.webhook(order.webhook_url, plain_too=context.limits.plain_webhooks)
        found["webhook_secret"] = envelopes.new_secret()
    return found


def _not_too_many(context: Context, owner: uuid.UUID) -> None:
    asked, first = exports.requested_since(context.work.session, owner, context.work.now - DAY)
    if asked >= context.limits.exports_per_day:
        waits = DAY if first is None else first + DAY - context.work.now
        raise RateLimited(
            f"{asked} exports were asked for within 24 hours; ask again later. What is READY can still be fetched.",
            retry_after=int(waits.total_seconds()) + 1,
        )


def withdraw(context: Context, export_id: uuid.UUID) -> Export:
    """Have an archive destroyed before its time, or not made at all. The request stays, as EXPIRED.

    Raises `StepUpRequired` without a recent proof of identity, `Conflict` where there is nothing to destroy.
    """
    export = context.access.get(Export, export_id, Action.DELETE)
    if export.status in (ExportStatus.FAILED, ExportStatus.EXPIRED):
        raise Conflict(f"This export is {export.status.value}: of its archive nothing is kept.")
    exports.withdraw(export, context.work.now)
    context.work.record(events.ExportWithdrawn(resource_id=export.id, subject_id=export.owner_id))
    context.work.enqueue("discard_export", export.id, owner=export.owner_id)
    context.work.session.flush()
    return export


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
        media_type, suffix = ("application/zip", "") if export.recipient is None else (_AGE, recipients.SUFFIX)
        name = f"muniment-export-{export.id}.zip{suffix}"
        again = functools.partial(_still_there, context, export.id)
        return Download(media_type, name, export.blob_id, export.byte_size, export.file, again)


def _still_there(context: Context, export_id: uuid.UUID) -> None:
    """Return while the archive may be fetched. Raises, and has it recorded, once it may not."""
    context.renewed("download_export")
    with context.asked("download_export"):
        _require_ready(context, context.access.get(Export, export_id, Action.READ_CONTENT))


def _require_ready(context: Context, export: Export) -> None:
    if export.status is not ExportStatus.READY:
        raise Conflict(f"This export is {export.status.value}; a link can be had while it is READY.")
    if export.expires_at is not None and export.expires_at <= context.work.now:
        raise Conflict("This export has expired. Request a new one.")
