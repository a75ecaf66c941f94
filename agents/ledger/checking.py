"""Check the audit log against its tree while the platform runs, and record what was removed, altered or put in.

Each run checks the entries that are new since the last one, the newest 1,024 anew, and a piece of the older ones in
turn. What it finds is an event that opens an incident (D06).
"""

import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from resolvers.watching import Watch
from storage.clock import now
from storage.database import transaction
from storage.ledger import log_check, trail
from storage.ledger.events import LogDamage, LogDamaged, Outcome
from storage.ledger.log_check import NEWEST_BUNDLES, DamagedRange
from storage.ledger.scope import AuditScope
from storage.ledger.tiles import WIDTH
from storage.work import Store

EVERY_SECONDS = 15.0
"""How often entries are checked."""
OLDER_BUNDLES = 4
"""How many older bundles are checked in each run, in turn."""
MOST_BUNDLES = 64
"""How many bundles one run checks at most; the next run goes on from there."""
MOST_EVENTS = 20
"""How many events one run records at most; the last of them then stands for all that is left."""
MOST_KNOWN = 10_000
"""How many damages a process keeps apart. Where there are more, the log is lost, and nothing more is recorded."""

_COMPONENT = "agent:ledger"
_TOLD_FOR = timedelta(days=1)

log = structlog.get_logger("muniment.ledger")


@dataclass(frozen=True)
class _Place:
    """Where a run goes on: bundles by number."""

    new: int | None = None
    """The first bundle with entries that this process has not checked yet; None before the first run."""
    older: int = 0
    strays: uuid.UUID | None = None
    """The id below which strays are looked for; None for the newest."""


class LogCheck:
    """A thread of its own, for as long as the agents of this process work."""

    def __init__(self, store: Store, policy_version: Callable[[], str], watch: Watch) -> None:
        self._store = store
        self._policy_version = policy_version
        self._watch = watch
        self._at = _Place()
        self._known: set[tuple[LogDamage, int | None, int]] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-check", daemon=True)

    def start(self) -> None:
        """Check in a thread, from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End after the check that is under way."""
        self._ending.set()
        self._thread.join(timeout=30)

    def check(self) -> list[DamagedRange]:
        """Run one check; returns all the damage that it saw, and records what was not recorded before."""
        damages, at = self._look()
        new = [each for each in damages if _key(each) not in self._known]
        if new and len(self._known) < MOST_KNOWN:
            self._record(new)
        self._at = at
        return damages

    def _look(self) -> tuple[list[DamagedRange], "_Place"]:
        """Return the damage, and where the next run goes on."""
        store, at = self._store, self._at
        with transaction(store.engine, read_only=True) as session:
            damages = log_check.check_published(session)
            damages += log_check.check_archived(session, store.archive, store.origin, store.keyring)
            bundles, first = -(-log_check.size_of(session) // WIDTH), log_check.first_bundle(session)
            newest = range(max(first, bundles - NEWEST_BUNDLES), bundles)
            new = range(newest.start if at.new is None else at.new, bundles)[: MOST_BUNDLES - NEWEST_BUNDLES]
            older = range(at.older if first <= at.older < bundles else first, bundles)[:OLDER_BUNDLES]
            damages += log_check.check_bundles(session, {*newest, *new, *older})
            strays, _ = log_check.check_strays(session)
            older_strays, before = log_check.check_strays(session, at.strays)
            damages += strays + older_strays
        # The last bundle may be full in part, and is looked at again.
        return list(dict.fromkeys(damages)), _Place(min(new.stop, max(0, bundles - 1)), older.stop, before)

    def _record(self, damages: list[DamagedRange]) -> None:
        """Record each of them that no process has recorded within a day."""
        with transaction(self._store.engine, read_only=True) as session:
            recorded = trail.details_since(session, LogDamaged.action, now() - _TOLD_FOR, _COMPONENT)
        told = {(LogDamage(each["damage"]), each["firstIndex"], each["entryCount"]) for each in recorded}
        new = [each for each in damages if _key(each) not in told]
        if new:
            scope = AuditScope(_COMPONENT, "AGENT", None, None, None, None, uuid.uuid4(), self._policy_version())
            with self._store.begin(scope) as work:
                for each in _at_most(new, MOST_EVENTS):
                    event = LogDamaged(
                        resource_id=each.event_id,
                        subject_id=None,
                        damage=each.kind,
                        first_index=each.index,
                        entry_count=each.count,
                    )
                    work.record(event, Outcome.FAILED)
            count = sum(each.count for each in new)
            log.critical("audit_log.damaged", count=count, reason=new[0].kind.value)
            self._watch.log_damaged(count)
        self._known.update(map(_key, damages))

    def _run(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            try:
                self.check()
            except Exception:  # the database does not answer: the same entries are checked the next time
                log.exception("audit_log.check_failed")


def _key(damage: DamagedRange) -> tuple[LogDamage, int | None, int]:
    return damage.kind, damage.index, damage.count


def _at_most(damages: list[DamagedRange], most: int) -> Iterable[DamagedRange]:
    """Return them, the last one standing for all those that would be too many."""
    if len(damages) <= most:
        return damages
    rest = damages[most - 1 :]
    together = DamagedRange(rest[0].kind, rest[0].index, sum(each.count for each in rest), rest[0].event_id)
    return [*damages[: most - 1], together]
