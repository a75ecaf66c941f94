"""What surrounds each job: its contributor's turn, what becomes of its failure, and the way back into the queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from dbos import DBOS

from agents.turns import Job, TryLater
from storage import fair_queue, queue
from storage.blobs.errors import BlobStoreUnavailable
from storage.database import DatabaseUnreachable
from storage.keys.errors import KeyStoreUnavailable

if TYPE_CHECKING:
    from agents.runtime import Agents

PASSING = (KeyStoreUnavailable, BlobStoreUnavailable, *DatabaseUnreachable)
"""What may pass by itself: something that does not answer at the moment."""

_AGAIN_SECONDS = 60.0
"""After how long what something that is away kept from its end is run again."""
_PAUSES = (1, 2, 5, 10, 20, 40)
"""Seconds between attempts to put a job back."""

log = structlog.get_logger("muniment.agents")


class RunFailed(Exception):
    """A workflow gave up. Carries the type of what it met, never its text, which may quote content."""

    def __init__(self, workflow: str, code: str) -> None:
        super().__init__(f"{workflow}: {code}")
        self.code = code


@dataclass(frozen=True)
class Workflow:
    """A job agents know how to do: `function` takes `Agents` and the ids it was queued with."""

    name: str
    function: Callable[..., None]


def guard(workflow: Workflow, agents: "Agents") -> Callable[..., None]:
    """Return what DBOS calls with the ids of a job."""

    def run(*ids: str) -> None:
        name = DBOS.workflow_id
        if name is None:  # it was called without the queue
            perform(*ids)
            return
        job = Job(workflow.name, name, DBOS.authenticated_user or None)
        try:
            with agents.turns.take(job):
                perform(*ids)
        except TryLater as later:
            _put_back(agents, job, later)
            raise

    def perform(*ids: str) -> None:
        runs = queue.ids_of(ids)
        told = {"workflow": workflow.name, "run_id": ":".join(ids)}
        try:
            workflow.function(agents, *runs)
        except PASSING as error:
            call = agents.call_behind(runs[0])
            log.error("a run is tried again later", correlation_id=call, **told, exc_info=error)
            raise TryLater(_AGAIN_SECONDS) from None
        except Exception as error:
            call = agents.call_behind(runs[0])
            log.error("a run ended in an error", correlation_id=call, **told, exc_info=error)
            raise RunFailed(workflow.name, type(error).__name__) from None

    return run


def _put_back(agents: "Agents", job: Job, later: TryLater) -> None:
    """Let the job run again later. Where even that can't be written, the next start takes it up as it is."""
    in_queue = queue.queue_of(job.workflow)
    for pause in _PAUSES:
        try:
            fair_queue.put_back(agents.store.engine, job.id, later.seconds, in_queue, job.workflow, behind=later.behind)
        except PASSING:
            agents.pause(pause)
        else:
            return
    log.error("a run waits for the next start", workflow=job.workflow, code="NOT_PUT_BACK")
