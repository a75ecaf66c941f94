"""Verifying: another agent than the one that destroyed counts what is left, and only then is a deletion done."""

import uuid

from agents.runtime import Agents
from policies.actions import Action
from storage import residues
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus, find
from storage.ledger import trail
from storage.ledger.events import DeletionVerified, Outcome

NAME = "verifier"


def verify(agents: Agents, deletion_id: uuid.UUID) -> None:
    """Count what is left of what the deletion named: ERASED only when that is nothing, else PARTIALLY_ERASED.

    The journal is closed with ERASED. While anything is left it stays open, and the next start tries again.
    """
    store = agents.store
    with transaction(store.engine, read_only=True) as session:
        deletion = find(session, deletion_id)
        if deletion is None or deletion.status is not DeletionStatus.VERIFYING:
            return
        left = residues.count(session, store.keyring, store.blobs, deletion)
    with agents.acting(NAME, deletion.owner_id, run=deletion_id) as (work, access):
        find(work.session, deletion_id, lock=True)
        row = access.get(Deletion, deletion_id, Action.VERIFY)
        if row.status is not DeletionStatus.VERIFYING:
            return  # another process was first
        row.remaining = left
        row.status = DeletionStatus.PARTIALLY_ERASED if left else DeletionStatus.ERASED
        row.finished_at = now()
        outcome = Outcome.FAILED if left else Outcome.SUCCESS
        work.record(
            DeletionVerified(
                resource_id=row.id, subject_id=row.owner_id, scope=row.scope, remaining=sum(left.values())
            ),
            outcome,
        )
        if row.scope is DeletionScope.ACCOUNT:
            trail.forget(work.session, row.owner_id)  # this event's own personal side
    if not left:
        store.keyring.close_erasure(deletion_id)
