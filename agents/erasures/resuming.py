"""Resuming: what the key store's journal says must be destroyed is destroyed before anything is served."""

import uuid
from datetime import timedelta
from functools import partial

from agents import loops
from agents.erasures.destroying import NAME, destroy_keys, erase
from agents.exports import expire
from agents.runtime import Agents
from storage import attempts, deletions, idempotency, legal_holds, passkeys, set_aside
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.keys.erasures import Erasure
from storage.orphans import KEYSETS_AFTER, sweep

_COUNTS_LAST = timedelta(hours=1)
"""How long counts of failed attempts are kept: longer than any window that is counted in."""


class KeysStayed(BaseException):
    """An erasure failed and its keys are still there: nothing may be served that these open. Not set aside."""


def resume_open_erasures(agents: Agents) -> int:
    """Finish every erasure of the journal that these data do not show as done; answers how many. Before serving.

    That is those a killed process left open, and, when a backup from before them was restored, those that were done
    already: the journal lies apart from the data and remembers them.
    """
    journal = agents.store.keyring.all_erasures()
    with transaction(agents.store.engine, read_only=True) as session:
        done = deletions.erased(session)
    again = [entry for entry in journal if entry.deletion_id not in done]
    done_now = loops.each(
        agents.store, agents.own_scope(NAME), "erasures", again, lambda each: each.deletion_id, partial(_again, agents)
    )
    for entry in journal:
        if entry.deletion_id in done and entry.closed_at is None:
            agents.store.keyring.close_erasure(entry.deletion_id)
    return done_now


def _again(agents: Agents, entry: Erasure) -> None:
    """Finish one erasure. What fails is set aside only once its keys are gone: then nothing of it opens any more.

    Raises KeysStayed otherwise, and what may pass.
    """
    _reinstate(agents, entry)
    try:
        erase(agents, entry.deletion_id)
    except Exception as error:
        if loops.may_pass(error):
            raise
        with transaction(agents.store.engine, read_only=True) as session:
            deletion = deletions.find(session, entry.deletion_id)
        if deletion is not None:
            try:
                destroy_keys(agents, deletion)
            except Exception as stayed:
                raise KeysStayed from stayed
        raise


def resume_set_aside(agents: Agents) -> None:
    """Try erasures again that a start could not finish, when their next attempt is due."""
    with transaction(agents.store.engine, read_only=True) as session:
        due = set_aside.known(session, "erasures", now())[1]
    if due:
        resume_open_erasures(agents)


def resume_deferred(agents: Agents) -> int:
    """Carry out the deletions that waited for a legal hold and need not any more; answers how many."""
    with transaction(agents.store.engine) as session:
        free = legal_holds.deferred(session)

    def one(deletion_id: uuid.UUID) -> None:
        agents.go_on()
        erase(agents, deletion_id)

    return loops.each(agents.store, agents.own_scope(NAME), "deferred_deletions", free, lambda each: each, one)


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
