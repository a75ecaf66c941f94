"""How often a process fetches keys: recorded each hour, and held against what is usual for its like.

A key that is in use lies in memory for a minute; to open what is many people's, one after another, takes many keys. So
a server that was taken over, and reads its way through the house, shows here whatever else it keeps quiet about.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median

import structlog

from policies.principals import Kind
from resolvers.house import House
from storage.ledger import trail
from storage.ledger.events import KeysOverused, KeysUsed, Outcome
from storage.ledger.scope import AuditScope

EVERY_SECONDS = 3600.0
TIMES = 5
"""How many times as much as usual is unusual, ..."""
LEAST = 1_000
"""... from so many on, ..."""
HOURS = 24
"""... once it is known of so many hours what is usual."""
_WEEK = timedelta(days=7)

log = structlog.get_logger("muniment.key_uses")


class KeyUses:
    """Counts for one process, a `component` of the platform."""

    def __init__(self, house: House, component: str) -> None:
        self._house = house
        self._component = component
        self._seen = house.store.keyring.loads
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-uses", daemon=True)

    def start(self) -> None:
        """Count in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was counted of this hour is not recorded."""
        self._ending.set()
        self._thread.join(timeout=30)

    def note(self) -> None:
        """Record what was counted since the last time, and whether it is far more than usual."""
        loads = self._house.store.keyring.loads
        count, version = loads - self._seen, self._house.policy.version
        scope = AuditScope(self._component, Kind.AGENT.value, None, None, None, None, uuid.uuid4(), version)
        with self._house.store.begin(scope) as work:
            known = trail.details_since(work.session, KeysUsed.action, work.now - _WEEK, self._component)
            usual = int(median(each["loadCount"] for each in known)) if len(known) >= HOURS else None
            work.record(KeysUsed(resource_id=None, subject_id=None, load_count=count))
            if usual is not None and count >= LEAST and count > TIMES * usual:
                over = KeysOverused(resource_id=None, subject_id=None, load_count=count, usual_count=usual)
                work.record(over, Outcome.FAILED)
        self._seen = loads

    def _run(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            try:
                self.note()
            except Exception as error:  # the database does not answer: the next hour counts for this one too
                log.error("uses of keys could not be recorded", code=type(error).__name__)


@contextmanager
def counted(house: House, component: str) -> Iterator[None]:
    """Count while the block runs."""
    uses = KeyUses(house, component)
    uses.start()
    try:
        yield
    finally:
        uses.stop()
