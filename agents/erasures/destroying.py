"""Destroying: stop, journal, keys, files and rows, then the database's own leftovers; in this order, and resumable.

Every step may be repeated, and finds from what is still there how far a killed run came. The order is what makes that
safe: (1) what a legal hold keeps is not begun, and what is begun no hold keeps any more; (2) nothing is destroyed
before the journal, outside the backups, says that it must be; (3) what can't be removed everywhere can't be read any
more; (4) no row goes before the files and keys that rows lead to. What is large is made small first, piece by piece.
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from itertools import islice

from agents.erasures import reducing
from agents.erasures.pacing import Pace
from agents.erasures.verifying import verify
from agents.exports import WORKFLOWS as EXPORTS
from agents.generation import WORKFLOW as GENERATE
from agents.runtime import Agents, patiently
from agents.thumbnails import WORKFLOW as THUMBNAIL
from policies.actions import Action
from storage import erasures, legal_holds, queue, recalls
from storage.assets import Asset, Blob
from storage.certificates.copies import told_with
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus, find
from storage.erasures import ErasureOvertaken
from storage.exports import Export
from storage.keys.names import KeysetName, blob_keyset
from storage.ledger import trail
from storage.ledger.events import AccountErased, DeletionDeferred, DeletionErased, DeletionStarted
from storage.prompts import Prompt
from storage.provider_copies import ProviderCall, ProviderCopy
from storage.records import Record
from storage.truncation import TruncationBusy, truncate_wal
from storage.work import UnitOfWork

WORKFLOW = "erase"
RECALL = "recall_copies"
NAME = "erasures"


def erase(agents: Agents, deletion_id: uuid.UUID) -> None:
    """Destroy what the deletion names, count what is left, and say which of the two it was. Safe to run again.

    What may pass by itself (see `agents.runtime`; a log that is still read; an upload that came in meanwhile) is waited
    for, and then raised, TruncationBusy and ErasureOvertaken among it. The journal then stays open, and the next start
    goes on where this run ended.
    """
    patiently(agents, lambda: _erase(agents, deletion_id), TruncationBusy, ErasureOvertaken)


def _erase(agents: Agents, deletion_id: uuid.UUID) -> None:
    with transaction(agents.store.engine, read_only=True) as session:
        deletion = find(session, deletion_id)
    if deletion is None:
        return
    if deletion.status is DeletionStatus.ERASED:
        agents.store.keyring.close_erasure(deletion_id)  # where the answer to the verifier's COMMIT was lost
        return
    if deletion.status is not DeletionStatus.VERIFYING and not stop(agents, deletion):
        return
    journal(agents, deletion)
    if deletion.status is not DeletionStatus.VERIFYING:
        destroy_keys(agents, deletion)
        destroy_data(agents, deletion)
    truncate_wal(agents.store.engine)
    verify(agents, deletion_id)


def stop(agents: Agents, deletion: Deletion) -> bool:
    """(1) Let nothing new begin in it: an account closes, runs are cancelled. False: a legal hold keeps it.

    Restored data may know of a hold that has ended since; what the journal says must be destroyed is not asked again.
    """
    decided = agents.store.keyring.is_journalled(deletion.id)
    with agents.acting(NAME, deletion.owner_id, run=deletion.id) as (work, access):
        row = access.get(Deletion, deletion.id, Action.ERASE)
        if row.status is not DeletionStatus.ERASING:
            if not decided and legal_holds.keeps(work.session, row):
                _put_off(work, row)
                return False
            row.status = DeletionStatus.ERASING
            work.record(DeletionStarted(resource_id=row.id, subject_id=row.owner_id, scope=row.scope))
        erasures.stop(work.session, row)
    return True


def _put_off(work: UnitOfWork, row: Deletion) -> None:
    if row.status is not DeletionStatus.DEFERRED:
        legal_holds.defer(work.session, row, work.now)
        work.record(DeletionDeferred(resource_id=row.id, subject_id=row.owner_id, scope=row.scope))


def journal(agents: Agents, deletion: Deletion) -> None:
    """(2) Write down, apart from the data and its backups, that this must be destroyed."""
    agents.store.keyring.journal_erasure(deletion.id, deletion.owner_id, deletion.scope.value, deletion.object_id)


def destroy_keys(agents: Agents, deletion: Deletion) -> None:
    """(3) Destroy the keys, in pieces: from here on no copy opens, wherever it lies."""
    keyring, account = agents.store.keyring, deletion.scope is DeletionScope.ACCOUNT
    names = [] if account else [blob_keyset(blob_id) for blob_id in _reached(agents, deletion, Blob)]
    if deletion.scope is DeletionScope.ASSET:
        names.append(blob_keyset(deletion.object_id))  # of an upload that is not whole
    if deletion.scope is DeletionScope.PROJECT:
        names.append(KeysetName("project", str(deletion.object_id)))
    there = keyring.count_owned_by(deletion.owner_id) if account else len(keyring.existing(names))
    with agents.acting(NAME, deletion.owner_id, run=deletion.id) as (_work, access):
        row = access.get(Deletion, deletion.id, Action.ERASE)
        # Counted before: a run that is killed half way through and taken up again must not count what is left only.
        row.keysets_destroyed = max(row.keysets_destroyed, there)
    pace = Pace(agents)
    if account:
        with pace.turn():
            keyring.destroy_owned_by(deletion.owner_id, pace.rest)
        return
    rest = iter(names)  # what wraps them comes last, and takes what came in meanwhile
    while True:
        with pace.turn() as many:
            some = list(islice(rest, many))
            keyring.destroy(*some)
        if len(some) < many:
            return


def destroy_data(agents: Agents, deletion: Deletion) -> None:
    """(4) Remove files, then rows, in one transaction with the record of it; what the queue knows of them goes too.

    Of what is large, most has gone before that transaction, in pieces.
    """
    _remove_unfinished(agents, deletion)
    try:
        removed = _remove_files(agents, deletion)
    except reducing.Overtaken:
        return  # another process was first
    _forget_runs(agents, deletion)
    with Pace(agents).turn(), agents.acting(NAME, deletion.owner_id, run=deletion.id) as (work, access):
        find(work.session, deletion.id, lock=True)
        row = access.get(Deletion, deletion.id, Action.ERASE)
        aims = erasures.targets(work.session, row)
        there = erasures.ids(work.session, Blob, aims)
        if there - removed:
            raise ErasureOvertaken
        if row.status is not DeletionStatus.ERASING:
            return  # another process was first
        row.status = DeletionStatus.VERIFYING
        if not reducing.still_there(agents, sorted(there)):
            row.keys_destroyed_at = work.now  # at the latest
            row.bytes_destroyed += erasures.bytes_of(work.session, sorted(there))
            copies, calls = (erasures.ids(work.session, model, aims) for model in (ProviderCopy, ProviderCall))
            handed_over = erasures.hand_over_of(work.session, row, sorted(calls))
            row.copies = told_with(row.copies, erasures.sent_of(work.session, sorted(copies)), handed_over)
            if recalls.is_waiting(work.session, row.id):
                work.enqueue(RECALL, row.id, owner=row.owner_id)
            gone = erasures.destroy_rows(work.session, aims)
            row.destroyed = dict(Counter(row.destroyed) + Counter(gone))
            _record(work, row, row.destroyed)
        # Else the rows lead to what is left: they stay, the verifier reports it, and the next start goes on.


def _record(work: UnitOfWork, row: Deletion, gone: Mapping[str, int]) -> None:
    records, files, keysets = sum(gone.values()), gone.get(Blob.__tablename__, 0), row.keysets_destroyed
    work.record(
        DeletionErased(
            resource_id=row.id,
            subject_id=row.owner_id,
            scope=row.scope,
            record_count=records,
            blob_count=files,
            keysets_destroyed=keysets,
        )
    )
    if row.scope is DeletionScope.ACCOUNT:
        work.record(
            AccountErased(
                resource_id=row.owner_id,
                subject_id=row.owner_id,
                record_count=records,
                blob_count=files,
                keysets_destroyed=keysets,
            )
        )
        trail.forget(work.session, row.owner_id)


def _remove_unfinished(agents: Agents, deletion: Deletion) -> None:
    """Uploads that are not whole have the id of their asset, and there are never many of them."""
    partials = agents.store.blobs.partials
    with transaction(agents.store.engine, read_only=True) as session:
        aims = erasures.targets(session, deletion)
        theirs = erasures.among(session, Asset, aims, list(partials.all()))
    partials.remove_all(theirs)


def _remove_files(agents: Agents, deletion: Deletion) -> set[uuid.UUID]:
    """Answers the blobs that were seen to, of which rows are left."""
    if reducing.is_large(agents, deletion):
        return reducing.reduce(agents, deletion)
    removed = _reached(agents, deletion, Blob)
    agents.store.blobs.remove_all(removed)
    return removed


def _reached(agents: Agents, deletion: Deletion, model: type[Record]) -> set[uuid.UUID]:
    with transaction(agents.store.engine, read_only=True) as session:
        return erasures.ids(session, model, erasures.targets(session, deletion))


def _forget_runs(agents: Agents, deletion: Deletion) -> None:
    with transaction(agents.store.engine, read_only=True) as session:
        aims = erasures.targets(session, deletion)
        runs = {GENERATE: erasures.ids(session, Prompt, aims)}
        runs |= dict.fromkeys(EXPORTS, erasures.ids(session, Export, aims))
        runs[THUMBNAIL] = erasures.ids(session, Asset, aims)
    for workflow, ids in runs.items():
        agents.go_on()
        queue.forget_each(agents.store.engine, workflow, sorted(ids))
