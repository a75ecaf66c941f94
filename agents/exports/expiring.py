"""An archive whose time is up, or that its owner wants gone, is destroyed, key and file. The request stays."""

import uuid
from functools import partial

from agents import loops
from agents.exports.building import NAME
from agents.runtime import Agents, patiently
from policies.actions import Action
from storage import exports
from storage.clock import now
from storage.database import transaction
from storage.exports import Due, Export
from storage.ledger.events import ExportDeleted, ExportDeletion

WORKFLOW = "discard_export"


def expire(agents: Agents) -> int:
    """Destroy every archive whose time is up; answers how many. Never early, and safe to run again."""
    with transaction(agents.store.engine, read_only=True) as session:
        found = exports.due(session, now())
    return loops.each(
        agents.store, agents.own_scope(NAME), "exports", found, lambda due: due.export_id, partial(_destroy, agents)
    )


def discard_export(agents: Agents, export_id: uuid.UUID) -> None:
    """Destroy the archive of an export that its owner has withdrawn. Safe to run again."""
    with transaction(agents.store.engine, read_only=True) as session:
        found = exports.due(session, now(), export_id)
    for due in found:
        patiently(agents, partial(_destroy, agents, due))


def _destroy(agents: Agents, due: Due) -> None:
    agents.store.blobs.remove(due.blob_id)
    reason = ExportDeletion.REQUESTED if due.withdrawn else ExportDeletion.EXPIRED
    with agents.acting(NAME, due.owner_id, run=due.export_id) as (work, access):
        access.get(Export, due.export_id, Action.BUILD)
        if exports.expire(work.session, due.export_id):
            work.record(ExportDeleted(resource_id=due.export_id, subject_id=due.owner_id, reason=reason))
