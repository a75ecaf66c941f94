"""Ageing: what the trail remembers of people is destroyed when its time is up, and what is left goes to the archive.

1. Investigations whose time is up end. 2. Personal sides past their age are destroyed, except what an open
investigation needs. 3. Entries of which nobody is remembered are written to the archive, as far as a checkpoint covers
them, 4. a checkpoint over just these is signed there, 5. the archive is verified as a stranger would do it, 6. and only
then do they leave the database, with the event that says so. Killed anywhere, the next run finds how far this one came.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.runtime import Agents
from storage import investigations
from storage.clock import now
from storage.database import transaction
from storage.ledger import archiving, publishing, signing, trail, tree, verify_audit
from storage.ledger.archiving import Archive
from storage.ledger.events import Discrepancy, InvestigationEnd, InvestigationEnded, TrailAnonymised, TrailArchived
from storage.ledger.publishing import LedgerRefused
from storage.ledger.tree import Tree
from storage.work import Store

NAME = "ledger"

_AT_ONCE = 2000
"""Personal sides per transaction: on SQLite writers wait while one is written."""


@dataclass(frozen=True)
class Ageing:
    """What the ledger agent does as time goes by. `keep` is how long the trail remembers people."""

    agents: Agents
    keep: timedelta

    def end_investigations(self) -> int:
        """(1) End those whose time is up; answers how many ended, by themselves or closed, since the last call.

        What they held may be forgotten from here on: erasures that waited for it can be finished.
        """
        moment = now()
        with self.agents.acting(NAME, None, run=uuid.uuid4()) as (work, _):
            for ended in investigations.expire(work.session, moment):
                work.record(
                    InvestigationEnded(
                        resource_id=ended.id, subject_id=ended.person_id, reason=InvestigationEnd.EXPIRED
                    )
                )
            investigations.forget(work.session, moment - self.keep)
            return investigations.release(work.session, moment)

    def anonymise(self) -> int:
        """(2) Destroy personal sides past their age, batch by batch; answers how many. Never early."""
        before, total = now() - self.keep, 0
        while True:
            self.agents.go_on()
            with self.agents.acting(NAME, None, run=uuid.uuid4()) as (work, _):
                gone = trail.anonymise(work.session, before, _AT_ONCE)
                if gone:
                    work.record(TrailAnonymised(resource_id=None, subject_id=None, event_count=gone))
            total += gone
            if gone < _AT_ONCE:
                return total

    def archive(self) -> int:
        """(3) to (6) Move entries past their age to the archive; answers how many left the database.

        Raises LedgerRefused where archive and database are not of one history: nothing leaves then.
        """
        archive = self.agents.store.archive
        if archive is None:
            return 0
        with archive.alone():
            return self._archive(archive, now() - self.keep)

    def _archive(self, archive: Archive, before: datetime) -> int:
        store = self.agents.store
        vkey = signing.log_key(store.origin, store.keyring)
        with transaction(store.engine, read_only=True) as session:
            known = Tree(session, archive)
            size, already = _of_one_history(store, archive, known)
            published = tree.newest(session)
            ripe = archiving.ripe(session, before, published.checkpoint.size) if published else 0
            size = max(size, ripe)
            if size <= already:
                return 0
            archive.write(known, size)  # (3)
            archive.seal(publishing.sign(known, store.origin, store.keyring, size=size).note, vkey)  # (4)
            report = verify_audit.verify(archive.read, vkey)  # (5)
            if report.problems:
                raise LedgerRefused(Discrepancy.DAMAGED, size, known.size())
        with self.agents.acting(NAME, None, run=uuid.uuid4()) as (work, _):  # (6)
            gone = archiving.prune(work.session, size)
            if gone:
                work.record(TrailArchived(resource_id=None, subject_id=None, event_count=gone, archived_count=size))
        return gone


def _of_one_history(store: Store, archive: Archive, known: Tree) -> tuple[int, int]:
    """How many entries the archive holds, and how many of those the database has let go. Raises LedgerRefused."""
    try:
        covered = archive.covers(store.origin, store.keyring)
    except ValueError as cause:
        raise LedgerRefused(Discrepancy.UNREADABLE, 0, known.size()) from cause
    already = archiving.first_kept(known.session)
    size = 0 if covered is None else covered.size
    if size > known.size() or size < already:
        raise LedgerRefused(Discrepancy.ROLLED_BACK, max(size, already), min(size, known.size()))
    if covered is not None and known.root(size) != covered.root:
        raise LedgerRefused(Discrepancy.FORKED, size, known.size())
    return size, already
