"""Taking over: what an agents' process began that is gone for good is brought to its end by another.

A process that starts again under its own name takes its runs up at once (`agents.runtime.start`). One whose machine is
lost does not come back: after a minute without it, whoever is there puts its runs back into the queue.
"""

import threading
import time

import structlog

from agents import runtime
from storage.attendance import Attendance, NobodyCanTell
from storage.work import Store

EVERY_SECONDS = 5.0
ABSENT_SECONDS = 60.0
"""How long nobody may be there under a name before its runs are taken over: far longer than a restart, or than a live
process takes to find its lost connection and be there again."""

log = structlog.get_logger("agents.takeovers")


class Takeover:
    """A thread of its own, for as long as the agents of this process work. On SQLite it has nothing to do."""

    def __init__(self, store: Store, name: str) -> None:
        self._attendance = Attendance(store.engine, name) if store.engine.dialect.name == "postgresql" else None
        self._name = name
        self._absent: dict[str, float] = {}
        """Since when nobody was seen under each name, by the monotonic clock."""
        self._told = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="takeovers", daemon=True)

    def start(self) -> None:
        """Be there from now on, and look after the others."""
        if self._attendance is None:
            return
        try:
            self._attendance.attend()
        except NobodyCanTell as error:
            self._tell(error)
        if not self._attendance.alone:
            log.warning(
                "another process has this name: give each a MUNIMENT_WORKER_NAME of its own", component=self._name
            )
        self._thread.start()

    def stop(self) -> None:
        """Be there no more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        if self._attendance is not None:
            self._attendance.leave()

    def once(self, moment: float) -> int:
        """Look once, at this moment of the monotonic clock; answers how many runs were taken over.

        Never raises: a database that is away is asked again.
        """
        if self._attendance is None:
            return 0
        try:
            absent = self._attendance.absent()
        except NobodyCanTell as error:
            self._absent.clear()  # they may have been there while we saw nobody
            self._tell(error)
            return 0
        self._told = False
        self._absent = {name: self._absent.get(name, moment) for name in absent}
        taken = 0
        for name, since in list(self._absent.items()):
            if moment - since >= ABSENT_SECONDS:
                del self._absent[name]  # what fails is tried again after another minute, and holds up no other
                try:
                    taken += (count := runtime.take_over(name))
                except Exception:
                    log.exception("takeover.failed", component=name)
                    continue
                log.warning("the runs of a process that is gone were taken over", component=name, count=count)
        return taken

    def _tell(self, error: NobodyCanTell) -> None:
        if not self._told:
            log.warning("other processes are not looked after until the database answers", code=str(error))
        self._told = True

    def _run(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            try:
                self.once(time.monotonic())
            except Exception:
                log.exception("looking after other processes failed")
