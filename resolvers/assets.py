"""Assets: announcing a file, changing what is said about it, fetching it. `uploads` takes its bytes in."""

import functools
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from policies.actions import Action
from policies.errors import NotFound
from policies.principals import Kind
from resolvers import inputs, quotas, tickets
from resolvers.context import Context
from resolvers.errors import BadInput, TooLarge, Unauthenticated
from resolvers.tickets import Bearer, Purpose, Ticket
from storage import search
from storage.assets import Asset
from storage.blobs.contexts import FileContext, FileKind
from storage.ids import new_id
from storage.ledger import events
from storage.media import ACCEPTED
from storage.projects import Project

OWN_EVERY_SECONDS = 0.25
"""How often it is asked, on the way of one's own file, whether it is still one who may have it."""


def bearer(context: Context) -> tuple[Bearer, uuid.UUID]:
    """What stands behind this request, for a ticket to name."""
    if context.asking.identity_id is not None:
        return Bearer.IDENTITY, context.asking.identity_id
    if context.principal.kind is Kind.API_KEY and context.principal.id is not None:
        return Bearer.API_KEY, context.principal.id
    if context.asking.session_id is None:
        raise Unauthenticated("Sign in first.")
    return Bearer.SESSION, context.asking.session_id


def ticket(context: Context, purpose: Purpose, object_id: uuid.UUID) -> str:
    """A ticket for one transfer, good for minutes."""
    return tickets.mint(context.house.store.keyring, purpose, object_id, *bearer(context), context.limits.ticket)


def create(
    context: Context,
    project_id: uuid.UUID,
    *,
    file_name: str,
    media_type: str,
    byte_size: int,
    title: str,
    description: str,
    tags: Sequence[str],
) -> tuple[Asset, str]:
    """Announce a file; answers the asset and a ticket for sending its bytes.

    Raises `BadInput` for a type that is not accepted, `TooLarge` for a size that is not, and `OverQuota` where the
    project's owner has no room for it: what is announced is counted at once.
    """
    words = _words(file_name=file_name, title=title, description=description, tags=tags)
    inputs.media_type(media_type, ACCEPTED)
    if byte_size > context.limits.upload_bytes:
        raise TooLarge(
            f"byteSize is {byte_size}; at most {context.limits.upload_bytes} are accepted.", field="byteSize"
        )
    inputs.between(byte_size, "byteSize", at_least=1, at_most=context.limits.upload_bytes)
    project = context.access.get(Project, project_id, Action.CREATE_ASSET)
    work = context.work
    asset = Asset(
        id=new_id(), owner_id=project.owner_id, project_id=project.id, media_type=media_type, byte_size=byte_size
    )
    work.vault.seal(asset, **words)
    work.session.add(asset)
    work.session.flush()
    work.record(
        events.AssetCreated(
            resource_id=asset.id, subject_id=asset.owner_id, project_id=project.id, byte_size=byte_size
        ),
        beside=search.words_of(work.vault, asset),
    )
    found = context.access.get(Asset, asset.id, Action.READ)
    quotas.take(context, asset.owner_id, byte_size)  # last: others who add to the same room wait from here on
    return found, ticket(context, Purpose.UPLOAD, asset.id)


def update(context: Context, asset_id: uuid.UUID, **changes: Any) -> Asset:
    """Change what is said about an asset: title, description, tags. Its bytes and its owner never change."""
    asset = context.access.get(Asset, asset_id, Action.UPDATE)
    words = _words(**{name: value for name, value in changes.items() if value is not None})
    context.work.vault.seal(asset, **words)
    asset.updated_at = context.work.now
    context.work.record(
        events.AssetUpdated(
            resource_id=asset.id,
            subject_id=asset.owner_id,
            project_id=asset.project_id,
            fields_changed=len(words),
        )
    )
    context.work.session.flush()
    search.index(context.work.session, context.work.vault, asset)
    return asset


def _words(**given: Any) -> dict[str, Any]:
    words: dict[str, Any] = {}
    if "file_name" in given:
        words["file_name"] = inputs.text(given["file_name"], "fileName", at_most=255)
    if "title" in given:
        words["title"] = inputs.text(given["title"], "title", at_most=300)
    if "description" in given:
        words["description"] = inputs.text(given["description"], "description", at_most=10_000, at_least=0)
    if "tags" in given:
        tags = list(given["tags"])
        if len(tags) > 50:
            raise BadInput(f"tags has {len(tags)} entries; 50 are accepted.", field="tags")
        words["tags"] = [inputs.text(tag, "tags", at_most=80) for tag in tags]
    return words


@dataclass(frozen=True)
class Download:
    """Bytes on their way out: the access event is durable already.

    `ask_again`, where there is one, is to be called between pieces: it raises once the right to them is gone.
    """

    media_type: str
    file_name: str
    blob_id: uuid.UUID
    byte_size: int
    file: FileContext
    ask_again: Callable[[], None] | None = None


def begin_download(context: Context, admitted: Ticket, *, partial: bool) -> Download:
    """What a content ticket opens, after asking the door again and recording the access."""
    with context.writing("download"):
        asset = context.access.get(Asset, admitted.object_id, Action.READ_CONTENT)
        if asset.blob_id is None:
            raise NotFound("Asset")
        name = context.work.vault.open(asset, "file_name")
        used = context.grants_used(context.work, context.work.vault.opened, since=context.work.now)
        grant = next(iter(used.values()), None)
        context.work.record(
            events.ContentDownloaded(
                resource_id=asset.id,
                subject_id=asset.owner_id,
                project_id=asset.project_id,
                grant_id=grant.id if grant else None,
                byte_size=asset.byte_size,
                partial=partial,
                role=grant.role if grant else None,
                reason=grant.reason if grant else None,
            )
        )
        again = functools.partial(_still_open, context, asset.id)
        if context.caller_id == asset.owner_id:
            again = functools.partial(_now_and_then, again, [time.monotonic()])
        file = asset.file(FileKind.CONTENT)
        return Download(asset.media_type, name, asset.blob_id, asset.byte_size, file, again)


def begin_thumbnail(context: Context, admitted: Ticket, *, partial: bool) -> Download:
    """What a thumbnail's ticket opens. Somebody else's is in the trail as read, whole or in part."""
    with context.asked("download"):
        asset = context.access.get(Asset, admitted.object_id, Action.READ_CONTENT)
        if asset.thumbnail_id is None or asset.thumbnail_size is None:
            raise NotFound("Asset")
        context.work.vault.found(asset)
        file = asset.file(FileKind.THUMBNAIL)
        return Download("image/webp", "thumbnail.webp", asset.thumbnail_id, asset.thumbnail_size, file)


def _now_and_then(ask: Callable[[], None], asked_at: list[float]) -> None:
    """Ask where that was long enough ago. For each mebibyte of one's own it would take longer than to open that."""
    if time.monotonic() >= asked_at[0] + OWN_EVERY_SECONDS:
        asked_at[0] = time.monotonic()
        ask()


def _still_open(context: Context, asset_id: uuid.UUID) -> None:
    """Return while the caller may still fetch the file. Raises, and has it recorded, once they may not.

    Of their own too: whoever has stolen a session or a key keeps nothing but what came before it was revoked.
    """
    context.renewed("download")
    with context.asked("download"):
        context.access.get(Asset, asset_id, Action.READ_CONTENT)
