"""Building an export: one snapshot, streamed into a sealed blob, published whole or not at all."""

import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from agents.exports.contents import Absent, Contents, FileLost
from agents.runtime import Agents, patiently
from policies.actions import Action
from policies.errors import Refused
from storage import exports, missing_files
from storage.archives import recipients, sources
from storage.archives.writing import ArchiveWriter
from storage.assets import Blob
from storage.blobs.errors import BlobDamaged, BlobMissing
from storage.clock import now
from storage.damages import Damage, Damaged
from storage.database import transaction
from storage.exports import Export, ExportLost
from storage.keys.errors import KeyDestroyed, KeyStoreError
from storage.keys.names import KeysetName
from storage.ledger import signing, tree
from storage.ledger.events import ExportBuilt, ExportFailed, ExportFailure, Outcome
from storage.vault import SealedDamaged
from storage.work import OutsideEffect

log = structlog.get_logger("muniment.exports")

WORKFLOW = "export"
ANNOUNCE = "announce_export"
NAME = "exports"

_ROW_BYTES = 1000  # what a row is reckoned to add, for the percentage alone
_TICK_SECONDS = 1.0
_ATTEMPTS = 3
"""How often an archive is begun: again, without them, where files turned out to be missing."""
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
    export, absent = _claim(agents, export_id, owner), dict[uuid.UUID, Damage]()
    for _ in range(_ATTEMPTS):
        try:
            written = _write(agents, export, absent)
        except FileLost as lost:
            absent = _find_absent(agents, export, lost)
            log.error("exports.file_missing", export_id=str(export.id), count=len(absent), code=lost.damage.value)
            continue
        _publish(agents, export, *written)
        return
    raise BlobMissing("files go missing while the archive is written")


def _find_absent(agents: Agents, export: Export, lost: FileLost) -> dict[uuid.UUID, Damage]:
    """What the archive is to name as missing. Raises the error behind `lost` where a deletion took the file."""
    with agents.acting(NAME, export.owner_id, run=export.id, read_only=True) as (work, access):
        blob_id = missing_files.blob_that_should_be_there(work.session, lost.asset_id)
        if blob_id is None:
            raise lost.__cause__ or lost
        work.vault.damaged.append(Damaged(Blob.__tablename__, "file", blob_id, export.owner_id, lost.damage))
        return Contents(work, access, export, {}).find_absent() | {lost.asset_id: lost.damage}


def _claim(agents: Agents, export_id: uuid.UUID, owner: uuid.UUID) -> Export:
    with agents.acting(NAME, owner, run=export_id) as (work, access):
        access.get(Export, export_id, Action.BUILD)
        export, left = exports.start(work.session, export_id)
    if left is not None:
        agents.store.blobs.remove(left)  # what a killed run had begun
    return export


def _write(agents: Agents, export: Export, absent: Absent) -> tuple[ArchiveWriter, int]:
    """Stream the archive into its blob; answers it with its bytes. Raises FileLost."""
    wrapped_by = KeysetName("contributor", str(export.owner_id))
    with agents.acting(NAME, export.owner_id, run=export.id, read_only=True) as (work, access):
        sources.take_snapshot(work.session)
        taken_at, asked = now(), access.get(Export, export.id, Action.READ_CONTENT)
        recipient = work.vault.open(asked, "recipient")
        contents = Contents(work, access, export, absent)
        expected = sources.expected_bytes(work.session, export, row_bytes=_ROW_BYTES)
        tick = _ticker(agents, export, expected)
        published = tree.newest(work.session)
        facts = _facts(agents, export, taken_at, None if published is None else published.note)
        archive = ArchiveWriter(facts, export.created_at, _signer(agents), tick, contents.missing)
        with agents.store.blobs.writer(exports.blob_of(export), wrapped_by, export.file) as writer:
            chunks = archive.stream(contents.members())
            if recipient is not None:
                recipients.encrypt(chunks, recipient, writer.write)
            else:
                for chunk in chunks:
                    writer.write(chunk)
            return archive, writer.finish()


def _publish(agents: Agents, export: Export, archive: ArchiveWriter, byte_size: int) -> None:
    blob_id = exports.blob_of(export)
    with (
        OutsideEffect(lambda _error: agents.store.blobs.remove(blob_id)) as effect,
        agents.acting(NAME, export.owner_id, run=export.id) as (work, access),
    ):
        effect.named_by(work)
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
