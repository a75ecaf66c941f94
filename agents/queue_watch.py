"""Report rows of the job queue that this program did not write, and remove them: somebody wrote to the database.

A worker refuses to read such a row and goes on with the next (`storage.dbos_serialization`). What was refused is
recorded within seconds, as an event that opens an incident (D24).
"""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import structlog

from agents import runtime
from resolvers.watching import Watch
from storage import queue_formats
from storage.clock import now
from storage.ledger.events import Outcome, QueueRowsRefused
from storage.ledger.scope import AuditScope
from storage.queue_refusals import refusals
from storage.work import Store

EVERY_SECONDS = 60.0
"""How often the tables are searched where no row was refused meanwhile."""
POSTPONED = timedelta(minutes=10)
"""How long jobs wait whose workflow this process does not know."""
PAUSE_SECONDS = 5.0
"""The least time between two events, however many rows are written."""

log = structlog.get_logger("muniment.queue")


class QueueWatch:
    """A thread of its own, for as long as the agents of this process work."""

    def __init__(self, store: Store, policy_version: Callable[[], str], watch: Watch) -> None:
        self._store = store
        self._policy_version = policy_version
        self._watch = watch
        self._reported = refusals.count
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="queue-watch", daemon=True)

    def start(self) -> None:
        """Search once, before any row is read, and then in a thread."""
        self._attempt()
        refusals.listen(self._wake.set)
        self._thread.start()

    def stop(self) -> None:
        """End within seconds."""
        refusals.listen(None)
        self._ending.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def check(self) -> int:
        """Remove foreign rows, and record how many were removed and how many were refused since the last time."""
        count = refusals.count
        refused = count - self._reported
        removed = sum(queue_formats.remove_foreign(self._store.engine).values())
        removed += queue_formats.remove_displaced(self._store.engine)
        queue_formats.postpone_unknown(self._store.engine, runtime.names(), now() + POSTPONED)
        if not refused and not removed:
            return 0
        scope = AuditScope("agents", "AGENT", None, None, None, None, uuid.uuid4(), self._policy_version())
        with self._store.begin(scope) as work:
            event = QueueRowsRefused(resource_id=None, subject_id=None, refused_count=refused, removed_count=removed)
            work.record(event, Outcome.FAILED)
        self._reported = count
        self._watch.queue_rows_refused(refused + removed)
        log.error("queue.rows_refused", count=refused + removed)
        return refused + removed

    def _attempt(self) -> None:
        try:
            self.check()
        except Exception:  # the database does not answer: what was counted is recorded the next time
            log.exception("queue.check_failed")

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.wait(EVERY_SECONDS)
            self._wake.clear()
            if self._ending.is_set():
                return
            self._attempt()
            self._ending.wait(PAUSE_SECONDS)
