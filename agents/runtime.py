"""The engine room: which workflows there are, and DBOS set up so that each survives its process and ends once.

An agent's module registers its workflow (`register`), a use case queues it (`UnitOfWork.enqueue`), `start` runs what is
queued and takes up again what a killed process left. A workflow takes ids, loads through the door in its own name
(`Agents.acting`), and asks again at every step, for permission may have gone since.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dbos import DBOS, DBOSConfig
from policies.access import Access, Policy
from storage.ledger.scope import AuditScope

from agents.models.gateway import Gateway
from policies.principals import Kind, Principal
from storage import queue
from storage.work import Store, UnitOfWork

_POLLING_SECONDS = 0.2
_THREADS = 16

_log = logging.getLogger("muniment.agents")


class Stopping(BaseException):
    """This process is ending: the workflow stays queued as begun, and the next process takes it up.

    Not an Exception, so that nothing on the way records it as the run's failure.
    """


class RunFailed(Exception):
    """A workflow gave up. Carries the type of what it met, never its text, which may quote content."""

    def __init__(self, workflow: str, code: str) -> None:
        super().__init__(f"{workflow}: {code}")
        self.code = code


@dataclass(frozen=True)
class Agents:
    """What a workflow is given beside its ids."""

    store: Store
    policy: Policy
    models: Gateway
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def acting(
        self, agent: str, on_behalf_of: uuid.UUID, *, run: uuid.UUID, read_only: bool = False
    ) -> Iterator[tuple[UnitOfWork, Access]]:
        """One unit of work in the name of `agent`, with no more rights than `on_behalf_of` has now.

        `run` ties the events of one run together in the trail.
        """
        principal = Principal(Kind.AGENT, on_behalf_of=on_behalf_of, name=agent, run=run)
        scope = AuditScope(
            component=f"agent:{agent}",
            actor_kind=principal.kind.value,
            actor_id=None,
            on_behalf_of=on_behalf_of,
            ip_address=None,
            user_agent=None,
            correlation_id=run,
            policy_version=self.policy.version,
        )
        with self.store.begin(scope, read_only=read_only) as work:
            yield work, Access(self.policy, principal, work.session)

    def step(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run `function` as a durable step: once it returned, a resumed run takes its result and does not repeat it.

        A step cut short is repeated, so it must be idempotent. It answers ids, numbers or codes, nothing else.
        """
        self.go_on()
        return DBOS.run_step({"name": name}, function, *arguments)

    def go_on(self) -> None:
        """Raise Stopping when this process is ending. To be asked wherever a run may take long."""
        if self._stopping.is_set():
            raise Stopping

    def pause(self, seconds: float) -> None:
        """Wait, unless this process is ending: then Stopping is raised at once."""
        self._stopping.wait(seconds)
        self.go_on()


@dataclass(frozen=True)
class Workflow:
    """A job agents know how to do: `function` takes `Agents` and the ids it was queued with."""

    name: str
    function: Callable[..., None]
    at_once: int


_workflows: dict[str, Workflow] = {}


def register(name: str, function: Callable[..., None], *, at_once: int = 2) -> None:
    """Let `function(agents, *ids)` answer for what is queued as `name`, at most `at_once` runs at a time.

    The name is what `UnitOfWork.enqueue` is given, and stays: a queued run is found again by it.
    """
    if name in _workflows and _workflows[name].function is not function:
        raise ValueError(f"two workflows are named {name!r}")
    _workflows[name] = Workflow(name, function, at_once)


def start(store: Store, policy: Policy, models: Gateway, *, executor_id: str = "main") -> Agents:
    """Run what is queued, and first of all what an earlier process of the same `executor_id` left unfinished.

    One process on SQLite; on PostgreSQL several, each with an `executor_id` of its own that stays the same from start
    to start. Call it after the migrations.
    """
    agents = Agents(store, policy, models)
    _withhold_content_from_logs()
    config: DBOSConfig = {
        "name": queue.APPLICATION,
        "system_database_engine": queue.open_queue_engine(store.engine),
        "dbos_system_schema": queue.SCHEMA,
        "application_version": queue.VERSION,
        "executor_id": executor_id,
        "serializer": queue.IdsOnly(),
        "log_level": "WARNING",
        "enable_otlp": False,
        "use_listen_notify": False,
        "run_migrations": True,
        "max_executor_threads": _THREADS,
    }
    DBOS(config=config)
    for workflow in _workflows.values():
        DBOS.workflow(name=workflow.name)(_guarded(workflow, agents))
    DBOS.launch()
    for workflow in _workflows.values():
        DBOS.register_queue(workflow.name, worker_concurrency=workflow.at_once, polling_interval_sec=_POLLING_SECONDS)
    return agents


def stop(agents: Agents) -> None:
    """Stop taking work, interrupt what runs (the next start resumes it), and end the models' processes."""
    agents._stopping.set()
    DBOS.destroy(destroy_registry=True)
    agents.models.close()


def _guarded(workflow: Workflow, agents: Agents) -> Callable[..., None]:
    def run(*ids: str) -> None:
        try:
            workflow.function(agents, *(uuid.UUID(value) for value in ids))
        except Exception as error:
            code = getattr(error, "code", None)
            _log.error("a run of %s ended in %s", workflow.name, type(error).__name__)
            raise RunFailed(workflow.name, str(code) if code else type(error).__name__) from None

    return run


class _Withholding(logging.Filter):
    """DBOS logs a failing workflow's traceback, and an exception's text may quote content: keep the type only."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is not None:
            record.msg = f"{record.msg} {record.exc_info[0].__name__}"
            record.exc_info = record.exc_text = None
        return True


def _withhold_content_from_logs() -> None:
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # or DBOS adds a console of its own, past our formatter
    if not any(isinstance(known, _Withholding) for known in log.filters):
        log.addFilter(_Withholding())
