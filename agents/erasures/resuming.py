"""Resuming: what the key store's journal says must be destroyed is destroyed before anything is served."""

from datetime import timedelta

from agents.erasures.destroying import erase
from agents.exports import expire
from agents.runtime import Agents
from storage import attempts, deletions, idempotency, legal_holds, passkeys
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.keys.erasures import Erasure
from storage.orphans import KEYSETS_AFTER, sweep

_COUNTS_LAST = timedelta(hours=1)
"""How long counts of failed attempts are kept: longer than any window that is counted in."""


def resume_open_erasures(agents: Agents) -> int:
    """Finish every erasure of the journal that these data do not show as done; answers how many. Before serving.

    That is those a killed process left open, and, when a backup from before them was restored, those that were done
    already: the journal lies apart from the data and remembers them.
    """
    journal = agents.store.keyring.all_erasures()
    with transaction(agents.store.engine, read_only=True) as session:
        done = deletions.erased(session)
    again = [entry for entry in journal if entry.deletion_id not in done]
    for entry in again:
        _reinstate(agents, entry)
        erase(agents, entry.deletion_id)
    for entry in journal:
        if entry.deletion_id in done and entry.closed_at is None:
            agents.store.keyring.close_erasure(entry.deletion_id)
    return len(again)


def resume_deferred(agents: Agents) -> int:
    """Carry out the deletions that waited for a legal hold and need not any more; answers how many."""
    with transaction(agents.store.engine) as session:
        free = legal_holds.deferred(session)
    for deletion_id in free:
        agents.go_on()
        erase(agents, deletion_id)
    return len(free)


def _reinstate(agents: Agents, entry: Erasure) -> None:
    """The deletion's row as it was, where a restored backup does not have it, ready to run from the start."""
    with transaction(agents.store.engine) as session:
        deletion = deletions.find(session, entry.deletion_id)
        if deletion is None:
            session.add(
                Deletion(
                    id=entry.deletion_id,
                    owner_id=entry.owner,
                    scope=DeletionScope(entry.scope),
                    object_id=entry.object_id,
                    requested_at=entry.written_at,
                )
            )
        elif deletion.status is DeletionStatus.PARTIALLY_ERASED:
            deletion.status = DeletionStatus.ERASING


def tidy(agents: Agents, *, older_than_seconds: float = 3600, keysets_older_than_seconds: float | None = None) -> int:
    """Remove what crashes and time left behind: unfinished or unknown files, archives, receipts and answers that ended.

    Keysets of contributors and projects without rows go after a day, unless said otherwise (0 with 0). Answers how many
    files were swept. `older_than_seconds` may be 0 only while nothing else writes: before `start`.
    """
    expire(agents)
    with transaction(agents.store.engine) as session:
        deletions.forget_receipts(session, now())
        idempotency.forget(session, now())
        passkeys.forget_challenges(session, now())
        attempts.forget(session, now() - _COUNTS_LAST)
    if keysets_older_than_seconds is None:
        keysets_older_than_seconds = KEYSETS_AFTER if older_than_seconds else 0
    return sweep(agents.store, older_than_seconds, keysets_older_than_seconds)
