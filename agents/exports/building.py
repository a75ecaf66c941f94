"""Building an export: one snapshot, streamed into a sealed blob, published whole or not at all."""

import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from agents.exports.contents import Contents
from agents.runtime import Agents, patiently
from policies.actions import Action
from policies.errors import Refused
from storage import exports
from storage.archives import recipients, sources
from storage.archives.writing import ArchiveWriter
from storage.blobs.errors import BlobDamaged
from storage.clock import now
from storage.database import transaction
from storage.exports import Export, ExportLost
from storage.keys.errors import KeyDestroyed, KeyStoreError
from storage.keys.names import KeysetName
from storage.ledger import signing, tree
from storage.ledger.events import ExportBuilt, ExportFailed, ExportFailure, Outcome
from storage.vault import SealedDamaged

WORKFLOW = "export"
ANNOUNCE = "announce_export"
NAME = "exports"

_ROW_BYTES = 1000  # what a row is reckoned to add, for the percentage alone
_TICK_SECONDS = 1.0
_REASONS: tuple[tuple[type[Exception], ExportFailure], ...] = (
    (ExportLost, ExportFailure.OVERTAKEN_BY_DELETION),
    (KeyDestroyed, ExportFailure.OVERTAKEN_BY_DELETION),
    (KeyStoreError, ExportFailure.KEYS_UNAVAILABLE),
    (BlobDamaged, ExportFailure.CONTENT_DAMAGED),
    (SealedDamaged, ExportFailure.CONTENT_DAMAGED),
    (Refused, ExportFailure.PERMISSION_WITHDRAWN),
)


def build_export(agents: Agents, export_id: uuid.UUID) -> None:
    """Build the archive that `export_id` asks for. Run again after a crash, it starts anew and leaves one archive.

    Ends without one, and without an error, when the export is no longer wanted: a deletion always wins. What may pass
    is waited for. Whatever else goes wrong marks the export FAILED, leaves nothing readable behind, and is raised.
    """
    with transaction(agents.store.engine, read_only=True) as session:
        owner = exports.owner_of(session, export_id)
    if owner is None:
        return
    try:
        patiently(agents, lambda: _build(agents, export_id, owner))
    except Exception as error:
        reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), ExportFailure.INTERNAL)
        was_wanted = _give_up(agents, export_id, owner, reason)
        if was_wanted and reason is not ExportFailure.OVERTAKEN_BY_DELETION:
            raise


def _build(agents: Agents, export_id: uuid.UUID, owner: uuid.UUID) -> None:
    export = _claim(agents, export_id, owner)
    _publish(agents, export, *_write(agents, export))


def _claim(agents: Agents, export_id: uuid.UUID, owner: uuid.UUID) -> Export:
    with agents.acting(NAME, owner, run=export_id) as (work, access):
        access.get(Export, export_id, Action.BUILD)
        export, left = exports.start(work.session, export_id)
    if left is not None:
        agents.store.blobs.remove(left)  # what a killed run had begun
    return export


def _write(agents: Agents, export: Export) -> tuple[ArchiveWriter, int]:
    """Stream the archive into its blob; answers it with its bytes."""
    wrapped_by = KeysetName("contributor", str(export.owner_id))
    with agents.acting(NAME, export.owner_id, run=export.id, read_only=True) as (work, access):
        sources.take_snapshot(work.session)
        taken_at, asked = now(), access.get(Export, export.id, Action.READ_CONTENT)
        recipient = work.vault.open(asked, "recipient")
        contents = Contents(work, access, export)
        expected = sources.expected_bytes(work.session, export, row_bytes=_ROW_BYTES)
        tick = _ticker(agents, export, expected)
        published = tree.newest(work.session)
        facts = _facts(agents, export, taken_at, None if published is None else published.note)
        archive = ArchiveWriter(facts, export.created_at, _signer(agents), tick)
        with agents.store.blobs.writer(exports.blob_of(export), wrapped_by) as writer:
            chunks = archive.stream(contents.members())
            if recipient is not None:
                recipients.encrypt(chunks, recipient, writer.write)
            else:
                for chunk in chunks:
                    writer.write(chunk)
            return archive, writer.finish()


def _publish(agents: Agents, export: Export, archive: ArchiveWriter, byte_size: int) -> None:
    try:
        with agents.acting(NAME, export.owner_id, run=export.id) as (work, access):
            access.get(Export, export.id, Action.BUILD)
            exports.publish(work.session, export, byte_size, agents.export_lifetime)
            work.record(
                ExportBuilt(
                    resource_id=export.id,
                    subject_id=export.owner_id,
                    file_count=archive.file_count,
                    record_count=archive.record_count,
                    byte_size=byte_size,
                )
            )
            if exports.is_waited_for(work.session, export.id):
                work.enqueue(ANNOUNCE, export.id, owner=export.owner_id)
    except Exception:
        agents.store.blobs.remove(exports.blob_of(export))  # no row names it, so no deletion would find it
        raise


def _give_up(agents: Agents, export_id: uuid.UUID, owner: uuid.UUID, reason: ExportFailure) -> bool:
    """False, and nothing noted, when the export had ended or was gone."""
    with agents.acting(NAME, owner, run=export_id) as (work, _access):
        if not exports.fail(work.session, export_id):
            return False
        work.record(ExportFailed(resource_id=export_id, subject_id=owner, reason=reason), Outcome.FAILED)
        if exports.is_waited_for(work.session, export_id):
            work.enqueue(ANNOUNCE, export_id, owner=owner)
    return True


def _facts(agents: Agents, export: Export, taken_at: datetime, checkpoint: str | None) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "exportId": export.id,
        "ownerId": export.owner_id,
        "scope": export.scope.value,
        "projectId": export.project_id,
        "createdAt": export.created_at,
        "period": {"from": export.since, "until": taken_at},
        "checkpoint": checkpoint,
        "vkey": signing.log_key(agents.store.origin, agents.store.keyring),
    }


def _signer(agents: Agents) -> Callable[[str], str]:
    return lambda text: signing.signed(text, agents.store.origin, agents.store.keyring)


def _ticker(agents: Agents, export: Export, expected: int) -> Callable[[int], None]:
    """Notes progress about once a second, and asks each time whether the export is still wanted."""
    due = time.monotonic() + _TICK_SECONDS

    def tick(written: int) -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        agents.go_on()
        with transaction(agents.store.engine) as session:
            exports.advance(session, export, min(99, 100 * written // max(1, expected)))
        due = time.monotonic() + _TICK_SECONDS

    return tick
