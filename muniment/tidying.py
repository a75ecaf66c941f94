"""What is done now and then beside the agents: things expire, the trail ages, keys are rotated, controls checked."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from agents import erasures
from agents.access_reviews import Reviewer
from agents.ledger import Ageing
from agents.retention import Sweeper
from agents.runtime import Agents, StandStill
from muniment import backups, controls
from muniment.bypasses import Reconciling
from muniment.settings import Settings
from resolvers import keys
from resolvers.house import House
from resolvers.lockdowns import deciding as lockdowns
from resolvers.policies import standing
from storage import queue
from storage.file_bindings import FileBindings
from storage.missing_files import MissingFiles

_EVERY_SECONDS = 300
_ROTATION_EVERY_SECONDS = 24 * 3600
_QUEUE_REMEMBERS = timedelta(days=7)
"""How long the queue knows of a run that has ended: what it did, and that it did, stands elsewhere."""

_log = structlog.get_logger("muniment.tidying")


class _Ending(Exception):
    """The process ends; what was begun goes on in the next one."""


class Tidying:
    """A thread of its own, for as long as the agents work."""

    def __init__(self, house: House, agents: Agents, ageing: Ageing, settings: Settings) -> None:
        self._house = house
        self._agents = agents
        self._ageing = ageing
        self._settings = settings
        self._period = timedelta(days=settings.key_rotation_days) if settings.rotate_keysets else None
        self._sweeper = Sweeper(agents, timedelta(days=settings.retention_notice_days))
        self._reviewer = Reviewer(agents)
        self._reconciling = Reconciling(house)
        self._missing_files = MissingFiles(house.store)
        self._file_bindings = FileBindings(house.store)
        self._next_rotation = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidying", daemon=True)

    def start(self) -> None:
        """Begin; the first time in a few minutes."""
        self._thread.start()

    def stop(self) -> None:
        """End within seconds, whatever is going on."""
        self._ending.set()
        self._thread.join(timeout=10)

    def once(self) -> None:
        """Do what is to be done now. Never raises: what went wrong is logged, and tried again the next time."""
        for task, do in self.tasks().items():
            try:
                do()
            except _Ending:
                return
            except StandStill:
                continue  # what waits for the end of a lock-down is taken up by the first round after it
            except Exception:
                _log.exception("a task failed", task=task)

    def tasks(self) -> dict[str, Callable[[], object]]:
        """Return what is done in each round, by name, in order."""
        return {
            "lock-downs": self._end_lockdown,
            "missing files": self._look_for_files,
            "tidying": lambda: erasures.tidy(self._agents),
            "the queue": lambda: queue.forget_finished(self._house.store.engine, _QUEUE_REMEMBERS),
            "erasures set aside": lambda: erasures.resume_set_aside(self._agents),
            "deferred deletions": lambda: erasures.resume_deferred(self._agents),
            "copies at providers": lambda: erasures.recall_due(self._agents),
            "retention": self._sweeper.sweep,
            "ageing": self._age,
            "access reviews": self._reviewer.advance,
            "binding files": self._bind_files,
            "rotating keys": self._rotate,
            "controls": self._check_controls,
            "reconciling": self._reconciling.look,
            "backups": self._back_up,
        }

    def _age(self) -> None:
        """End investigations, finish the erasures that waited for one, anonymise and archive the trail."""
        if self._ageing.end_investigations():
            erasures.resume_open_erasures(self._agents)
        self._demand_open()
        self._ageing.anonymise()
        self._ageing.archive()

    def _end_lockdown(self) -> None:
        with self._house.store.begin(standing.scope(self._house.policy)) as work:
            lockdowns.expire(work)

    def _rotate(self) -> None:
        if self._period is None or time.monotonic() < self._next_rotation:
            return
        self._demand_open()
        for kind, done in keys.rotate_overdue(self._house, self._period, self._go_on):
            # A pass over everything: what is held back, or due a little later, waits for the next day.
            self._next_rotation = time.monotonic() + _ROTATION_EVERY_SECONDS
            _log.info("keys were rotated", kind=kind.value, count=done.keysets)

    def _check_controls(self) -> None:
        controls.run_when_due(self._house, self._settings)

    def _look_for_files(self) -> None:
        self._missing_files.look(controls.scope(self._house))

    def _bind_files(self) -> None:
        self._file_bindings.bind_some(controls.scope(self._house), lambda: self._go_on("", 0, 0))

    def _back_up(self) -> None:
        if not backups.is_due(self._settings):
            return
        for _line in backups.take(self._settings, self._house, backups.Target.of(self._settings, None, None, None)):
            if self._ending.is_set():
                return
        _log.info("a backup was taken")

    def _demand_open(self) -> None:
        """Raises StandStill while the platform is locked down: nothing is forgotten, moved or sealed anew in that."""
        if self._house.force.locked_down is not None:
            raise StandStill

    def _go_on(self, _step: str, _done: int, _total: int) -> None:
        if self._ending.is_set():
            raise _Ending
        self._demand_open()

    def _run(self) -> None:
        while not self._ending.wait(_EVERY_SECONDS):
            self.once()
