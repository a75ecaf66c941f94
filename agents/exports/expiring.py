"""Expiring: an archive whose time is up is destroyed, key and file; the request stays, as EXPIRED."""

from agents.exports.building import NAME
from agents.runtime import Agents
from policies.actions import Action
from storage import exports
from storage.clock import now
from storage.database import transaction
from storage.exports import Export
from storage.ledger.events import ExportDeleted, ExportDeletion


def expire(agents: Agents) -> int:
    """Destroy every archive whose time is up; answers how many. Never early, and safe to run again."""
    moment = now()
    with transaction(agents.store.engine, read_only=True) as session:
        due = exports.due(session, moment)
    for export_id, owner, blob_id in due:
        agents.store.blobs.remove(blob_id)
        with agents.acting(NAME, owner, run=export_id) as (work, access):
            access.get(Export, export_id, Action.BUILD)
            if exports.expire(work.session, export_id):
                work.record(ExportDeleted(resource_id=export_id, subject_id=owner, reason=ExportDeletion.EXPIRED))
    return len(due)
