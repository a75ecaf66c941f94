"""Supervision of the detection thread: one that hangs at an entry, or has died, is replaced by another one.

A thread can't be ended from outside. The one that hangs is left behind: what it still does it must not finish, and the
entry it hangs at is set aside by the next one. How many may be left behind is bounded; then detection stands still, and
the lookout of each process says so (`storage.detection_lag`).
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

HANGS_SECONDS = 30.0
"""How long one entry may take. The longest that acting on one took in the tests is a tenth of a second."""
STALLED_SECONDS = 300.0
"""How long the thread may do nothing that it tells of while the database answers others: its connection hangs."""
MOST_LEFT_BEHIND = 5
_LOOK_SECONDS = 2.0

log = structlog.get_logger("muniment.sentinel")


class Replaced(Exception):
    """This thread hung, and another one has taken its place: it does nothing more."""


class Ended(Exception):
    """Processes ended while they judged an entry."""


class Hung(Exception):
    """A thread hung at this entry."""


class Supervisor:
    """Keeps one thread running `run` until `ending` is set. `probe` raises while the database does not answer."""

    def __init__(self, run: Callable[[], None], probe: Callable[[], None], ending: threading.Event) -> None:
        self._run = run
        self._probe = probe
        self._ending = ending
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._busy: tuple[threading.Thread, uuid.UUID, float] | None = None
        self._seen = time.monotonic()
        self._hung: set[uuid.UUID] = set()
        self._left_behind = 0
        self._thread = threading.Thread(target=self._watch, name="sentinel-supervisor", daemon=True)

    def start(self) -> None:
        """Start the thread, and look after it in another one."""
        self._begin()
        self._thread.start()

    def join(self) -> None:
        """Wait until both have ended, for half a minute at most."""
        for thread in (self._worker, self._thread):
            if thread is not None and thread.is_alive():
                thread.join(timeout=30)

    def seen(self) -> None:
        """Note that this thread gets on. Raises Replaced."""
        self._require_current()
        self._seen = time.monotonic()

    @contextmanager
    def busy_with(self, entry_id: uuid.UUID) -> Iterator[None]:
        """Note what this thread is at. Raises Hung where one hung at this entry, and Replaced."""
        self._require_current()
        if entry_id in self._hung:
            self._hung.discard(entry_id)  # another attempt, some time later, is one
            raise Hung
        self._busy = (threading.current_thread(), entry_id, time.monotonic())
        try:
            yield
        finally:
            self._require_current()
            self._busy = None
            self._seen = time.monotonic()

    def look(self, moment: float) -> bool:
        """Replace a thread that has died, or hangs at `moment` of the monotonic clock. Return whether it was."""
        worker, busy = self._worker, self._busy
        if worker is None or self._ending.is_set():
            return False
        if not worker.is_alive():
            log.critical("detection.thread_died")
            self._begin()
            return True
        at = busy[1] if busy is not None and busy[0] is worker else None
        if at is None or busy is None:
            hangs = moment - self._seen >= STALLED_SECONDS
        else:
            hangs = moment - busy[2] >= HANGS_SECONDS
        if not hangs or self._left_behind >= MOST_LEFT_BEHIND or not self._answers():
            return False  # where the database does not answer it is not the entry that takes so long
        self._left_behind += 1
        if at is not None:
            self._hung.add(at)
        log.critical("detection.thread_hung", event_id=at, count=self._left_behind)
        self._begin()
        return True

    def _answers(self) -> bool:
        try:
            self._probe()
        except Exception:
            return False
        return True

    def _begin(self) -> None:
        with self._lock:
            self._busy, self._seen = None, time.monotonic()
            self._worker = threading.Thread(target=self._run, name="sentinel", daemon=True)
            self._worker.start()

    def _require_current(self) -> None:
        """Raise Replaced in a thread whose place another one has taken. A caller without a thread of ours goes on."""
        current, worker = threading.current_thread(), self._worker
        if worker is not None and current.name == "sentinel" and current is not worker:
            raise Replaced

    def _watch(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            self.look(time.monotonic())
