"""Turns: what one contributor has queued does not hold up what others have, and nothing that waits occupies a worker.

(1) Of each workflow a contributor has one job running in a process; another one of theirs that comes up goes back into
the queue for a moment. Runs of prompts may take every place while nobody else waits; they stand back after a variation
(`stand_back`) as soon as somebody does. (2) What has to be tried again later raises TryLater.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

SHARED = frozenset({"generate"})
"""Workflows of which one contributor may have several running: they stand back by themselves."""

NOT_YET_SECONDS = 1.0


class Stopping(BaseException):
    """This process is ending: the workflow stays queued as begun, and the next process takes it up.

    Not an Exception, so that nothing on the way records it as the run's failure.
    """


class TryLater(Stopping):
    """The job is to run again from its beginning, in so many seconds. `behind`: after those that wait now."""

    def __init__(self, seconds: float, *, behind: bool = False) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.behind = behind


@dataclass(frozen=True)
class Job:
    """The job that runs in this thread: its workflow, its id in the queue, and for which contributor it is."""

    workflow: str
    id: str
    owner: str | None


_CURRENT: ContextVar[Job | None] = ContextVar("job", default=None)


def current() -> Job | None:
    """Return the job of this thread; None where a workflow was called without the queue."""
    return _CURRENT.get()


@dataclass
class Turns:
    """Who has how many jobs of each workflow running in this process."""

    _running: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def take(self, job: Job) -> Iterator[None]:
        """Run the block as this job. Raises TryLater where its contributor has their turn already."""
        key = None if job.owner is None else (job.workflow, job.owner)
        with self._lock:
            if key is not None:
                if self._running[key] and job.workflow not in SHARED:
                    raise TryLater(NOT_YET_SECONDS)
                self._running[key] += 1
        token = _CURRENT.set(job)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            if key is not None:
                with self._lock:
                    self._running[key] -= 1
                    if not self._running[key]:
                        del self._running[key]


@dataclass
class Kept:
    """What runs that stood back had spent, for when they come up again in this process. Bounded; the oldest go."""

    most: int = 1_000
    _values: dict[uuid.UUID, object] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, run: uuid.UUID, value: object) -> None:
        """Keep it."""
        with self._lock:
            self._values[run] = value
            if len(self._values) > self.most:
                del self._values[next(iter(self._values))]

    def pop(self, run: uuid.UUID) -> object | None:
        """Return what was kept, once."""
        with self._lock:
            return self._values.pop(run, None)
