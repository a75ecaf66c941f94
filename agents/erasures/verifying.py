"""Verifying: another agent than the one that destroyed counts what is left, and only then is a deletion done."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from agents.erasures.pacing import Pace
from agents.runtime import Agents
from policies.actions import Action
from storage import deletions, recalls, residues
from storage.certificates import envelopes
from storage.certificates.statements import SALT_BYTES, Findings, addendum, copies_in, statement
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus, find
from storage.ledger import notes, trail, tree
from storage.ledger.events import DeletionSupplemented, DeletionVerified, Outcome
from storage.work import UnitOfWork

NAME = "verifier"


def verify(agents: Agents, deletion_id: uuid.UUID) -> None:
    """Count what is left of what the deletion named: ERASED only when that is nothing, else PARTIALLY_ERASED.

    The journal is closed with ERASED. While anything is left it stays open, and the next start tries again. Nobody but
    the verifier issues a certificate: with ERASED, in the same transaction, and at no other moment.
    """
    store, pace = agents.store, Pace(agents)
    with pace.turn(), transaction(store.engine, read_only=True) as session:
        deletion = find(session, deletion_id)
        if deletion is None or deletion.status is not DeletionStatus.VERIFYING:
            return
        checks = residues.count(session, store.keyring, store.blobs, deletion, pace.give_way)
    left = {place: number for place, number in checks.items() if number}
    with agents.acting(NAME, deletion.owner_id, run=deletion_id) as (work, access):
        find(work.session, deletion_id, lock=True)
        row = access.get(Deletion, deletion_id, Action.VERIFY)
        if row.status is not DeletionStatus.VERIFYING:
            return  # another process was first
        row.remaining = left
        row.status = DeletionStatus.PARTIALLY_ERASED if left else DeletionStatus.ERASED
        row.finished_at = work.now
        outcome = Outcome.FAILED if left else Outcome.SUCCESS
        event_id = work.record(
            DeletionVerified(
                resource_id=row.id, subject_id=row.owner_id, scope=row.scope, remaining=sum(left.values())
            ),
            outcome,
        )
        if not left:
            row.certificate = _certificate(agents, work, row, checks, event_id)
        if row.scope is DeletionScope.ACCOUNT:
            trail.forget(work.session, row.owner_id)  # this event's own personal side
    if not left:
        store.keyring.close_erasure(deletion_id)


def supplement(agents: Agents, deletion_id: uuid.UUID) -> None:
    """Sign what providers answered since the certificate, once all have confirmed or should have; nothing is counted.

    Nothing is signed that a document of this deletion says already. Safe to run again.
    """
    with transaction(agents.store.engine, read_only=True) as session:
        deletion = find(session, deletion_id)
        if deletion is None or not recalls.ripe(session, now(), 1, deletion_id):
            return
    with agents.acting(NAME, deletion.owner_id, run=deletion_id) as (work, access):
        find(work.session, deletion_id, lock=True)
        row = access.get(Deletion, deletion_id, Action.VERIFY)
        if not recalls.ripe(work.session, work.now, 1, deletion_id):
            return  # another process was first
        left = recalls.unconfirmed(work.session, deletion_id)
        if left or copies_in(row.addendum or row.certificate or {}) != row.copies:
            unconfirmed = sum(each.number for each in left)
            told = DeletionSupplemented(resource_id=row.id, subject_id=row.owner_id, unconfirmed=unconfirmed)
            event_id = work.record(told, Outcome.FAILED if left else Outcome.SUCCESS)
            published = tree.newest(work.session)
            checkpoint = None if published is None else published.note
            row.addendum = _signed(agents, addendum(row, left, event_id, checkpoint, work.now))
            row.addendum_at = work.now
        recalls.said(work.session, deletion_id)
        residues.forget_departed(work.session, row.owner_id)


def _certificate(
    agents: Agents, work: UnitOfWork, row: Deletion, checks: Mapping[str, int], event_id: uuid.UUID
) -> dict[str, Any]:
    """The signed certificate; what opens an account's commitment is kept for whoever left, and for nobody else."""
    store, salt = agents.store, secrets.token_bytes(SALT_BYTES)
    published = tree.newest(work.session)
    found = Findings(
        verifier=f"agent:{NAME}",
        checks=checks,
        residue=residues.staying(work.session, row),
        copies=row.copies,
        event_id=event_id,
        checkpoint=None if published is None else published.note,
        cache_seconds=store.keyring.cache_seconds,
        database=residues.dialect(work.session),
        backups=agents.backups,
        moment=work.now,
    )
    if row.scope is DeletionScope.ACCOUNT:
        deletions.keep_salt(work.session, row.id, salt)
    return _signed(agents, statement(row, salt, found))


def _signed(agents: Agents, payload: bytes) -> dict[str, Any]:
    store = agents.store
    signer = store.keyring.signers()[0]
    vkey = notes.vkey(store.origin, signer.public_key)
    return envelopes.sign(payload, vkey, signer.sign)
