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

_MOST_OF_A_NAME = 32

log = structlog.get_logger("agents.takeovers")


class NamesTaken(Exception):
    """As many processes work under a name as may."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{_MOST_OF_A_NAME} processes work as {name!r}: give this one a MUNIMENT_WORKER_NAME of its own"
        )


class Takeover:
    """A thread of its own, for as long as the agents of this process work. On SQLite it has nothing to do."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._attendance = Attendance(store.engine, name) if store.engine.dialect.name == "postgresql" else None
        self.name = name
        self._absent: dict[str, float] = {}
        """Since when nobody was seen under each name, by the monotonic clock."""
        self._told = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="takeovers", daemon=True)

    def claim(self) -> str:
        """Be there from now on, and return the name: this process's, with a number where another has it (PostgreSQL).

        Two processes of one name would start each other's runs again. Raises NamesTaken.
        """
        if self._attendance is None:
            return self.name
        for number in range(1, _MOST_OF_A_NAME + 1):
            name = self.name if number == 1 else f"{self.name}-{number}"
            self._attendance = Attendance(self._store.engine, name)
            try:
                self._attendance.attend()
            except NobodyCanTell as error:
                self._tell(error)
                return self.name
            if self._attendance.alone:
                if number > 1:
                    log.warning("worker.name_taken", component=self.name, count=number)
                self.name = name
                return name
            self._attendance.leave()
        raise NamesTaken(self.name)

    def start(self) -> None:
        """Look after the others."""
        if self._attendance is not None:
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
