"""The engine room: which workflows there are, and DBOS set up so that each survives its process and ends once.

An agent's module registers its workflow (`register`), a use case queues it (`UnitOfWork.enqueue`), `start` runs what is
queued and takes up again what a killed process left. A workflow takes ids, loads through the door in its own name
(`Agents.acting`), and asks again at every step, for permission may have gone since. DBOS calls it at least once, from
its beginning: what it has done already it finds in our own tables, so that nothing is done twice.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog
from dbos import DBOS, DBOSConfig

from agents.egress import Closed, Gate
from agents.jobs import PASSING as PASSING
from agents.jobs import RunFailed as RunFailed
from agents.jobs import Workflow, guard
from agents.loops import StandStill as StandStill
from agents.mail import Mail
from agents.models.gateway import Gateway
from agents.models.providers import Door
from agents.turns import Kept, Turns, current
from agents.turns import Stopping as Stopping
from agents.webhooks import Receivers
from policies.access import Access
from policies.actions import Action
from policies.force import InForce
from policies.principals import Kind, Principal
from resolvers.lockdowns import holding
from storage import fair_queue, queue, queue_tables
from storage.certificates.statements import UNSAID, BackupPeriods
from storage.ledger import trail
from storage.ledger.events import AgentStrayed, Identifier, Outcome, Resource
from storage.ledger.scope import AuditScope
from storage.work import Store, UnitOfWork

_POLLING_SECONDS = 0.2
_LEFT_OVER_SECONDS = 10.0
_STANDING_BY_SECONDS = 0.5
_THREADS = 16
_MOST_CALLS = 1000
_GRACE_SECONDS = 5
"""How long a stop waits for runs to notice it; what has not by then is resumed as if the process had been killed."""

log = structlog.get_logger("muniment.agents")

T = TypeVar("T")


class Withheld(Stopping):
    """Nobody has approved this agent: it does nothing, and what it was to do waits for the next start."""


PAUSES = (1, 2, 5, 10, 20, 40, 60, 60, 60)
"""Seconds to wait before what failed is tried again."""


@dataclass(frozen=True)
class Agents:
    """What a workflow is given beside its ids."""

    store: Store
    force: InForce
    models: Gateway
    export_lifetime: timedelta = timedelta(days=7)
    """How long an archive can be fetched before it is destroyed."""
    inside_too: bool = False
    """Whether webhooks that contributors name may lead into this network, and without TLS: development only."""
    gate: Gate = field(default_factory=Closed)
    """What is asked before something leaves; without one, nothing does."""
    mail: Mail | None = None
    """How e-mail leaves; None where the operator named no server."""
    link: str = "/"
    """Where notices send people for more."""
    backups: BackupPeriods = UNSAID
    """What a deletion certificate says of backups."""
    admits: Callable[[str], bool] = lambda _agent: True
    """Whether an agent of this name may work here; the crew asks the change register."""
    doors: Mapping[str, Door] = field(default_factory=dict)
    """Where providers of models are asked to delete what they keep, by their address in the register of services."""
    receivers: Receivers = field(default_factory=Receivers)
    """Hosts of webhooks that do not answer."""
    turns: Turns = field(default_factory=Turns)
    spent: Kept = field(default_factory=Kept)
    """What runs that stood back had spent of the model."""
    _calls: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _release: Callable[[], None] = lambda: None

    @contextmanager
    def acting(
        self, agent: str, on_behalf_of: uuid.UUID | None, *, run: uuid.UUID, read_only: bool = False
    ) -> Iterator[tuple[UnitOfWork, Access]]:
        """One unit of work in the name of `agent`, with no more rights than `on_behalf_of` has now; nobody gives none.

        `run` is the prompt, export or deletion that is worked on. The policy lets the agent near nothing else.
        Events and log lines carry the correlation id of the call that set it in motion. What the agent asks for beyond
        its part of the policy is recorded when the unit has ended. Withheld is raised for an agent that nobody has
        approved. While the platform is locked down it waits first,
        unless this agent's work goes on then; Stopping is raised where the process ends meanwhile.
        """
        if not self.admits(agent):
            log.error("an agent that nobody has approved does nothing", agent=agent, code="AGENT_NOT_APPROVED")
            raise Withheld
        self.stand_by(agent)
        policy = self.force.policy
        principal = Principal(Kind.AGENT, on_behalf_of=on_behalf_of, name=agent, run=run)
        scope = AuditScope(
            component=f"agent:{agent}",
            actor_kind=principal.kind.value,
            actor_id=None,
            on_behalf_of=on_behalf_of,
            ip_address=None,
            user_agent=None,
            correlation_id=run,
            policy_version=policy.version,
        )
        strayed: set[tuple[str, Action]] = set()
        try:
            with self.store.begin(scope, read_only=read_only) as work:
                call = self.call_behind(run) or self._find_call(work, run)
                work.scope = scope = replace(scope, correlation_id=call)
                with structlog.contextvars.bound_contextvars(correlation_id=call):
                    access = Access(policy, principal, work.session)
                    strayed = access.strayed
                    yield work, access
        finally:
            if strayed and on_behalf_of is not None:
                self._tell_strayed(scope, on_behalf_of, strayed)

    def _tell_strayed(self, scope: AuditScope, person: uuid.UUID, strayed: Collection[tuple[str, Action]]) -> None:
        """Record what an agent asked for that its part of the policy never gives. It got nothing of it."""
        with self.store.begin(scope) as work:
            for model, action in sorted(strayed):
                event = AgentStrayed(
                    resource_id=None,
                    subject_id=person,
                    resource_kind=Resource.of(model),
                    attempted=Identifier(action.value),
                )
                work.record(event, Outcome.DENIED)

    def own_scope(self, agent: str) -> Callable[[], AuditScope]:
        """Return what makes a scope for what an agent records of its own work, on nobody's behalf."""

        def scope() -> AuditScope:
            version = self.force.policy.version
            return AuditScope(f"agent:{agent}", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), version)

        return scope

    def call_behind(self, run: uuid.UUID) -> uuid.UUID | None:
        """The correlation id of the call behind `run`, once somebody has been `acting` in it here."""
        return self._calls.get(run)

    def _find_call(self, work: UnitOfWork, run: uuid.UUID) -> uuid.UUID:
        """From the trail; what no call did, or what is no longer there, goes by the run's own id."""
        if len(self._calls) >= _MOST_CALLS:
            self._calls.clear()
        return self._calls.setdefault(run, trail.call_behind(work.session, run) or run)

    def go_on(self, agent: str | None = None) -> None:
        """Raise Stopping when this process is ending. To be asked wherever a run may take long.

        With `agent`, raise StandStill too where its work waits for the end of a lock-down.
        """
        if self._stopping.is_set():
            raise Stopping
        if agent is not None and self._waits(agent):
            raise StandStill

    def stand_by(self, agent: str) -> None:
        """Wait while the platform is locked down for this agent. Raises Stopping when this process is ending."""
        while self._waits(agent):
            self.pause(_STANDING_BY_SECONDS)

    def _waits(self, agent: str) -> bool:
        return agent not in holding.OF_AGENTS and self.force.locked_down is not None

    def others_wait(self) -> bool:
        """Return whether a job of the workflow at hand waits whose contributor has none running."""
        job = current()
        if job is None:
            return False
        owner = job.owner or ""  # of what an earlier release queued
        return fair_queue.others_wait(self.store.engine, queue.queue_of(job.workflow), job.workflow, owner)

    def pause(self, seconds: float) -> None:
        """Wait, unless this process is ending: then Stopping is raised at once."""
        self._stopping.wait(seconds)
        self.go_on()


_workflows: dict[str, Workflow] = {}


def register(name: str, function: Callable[..., None]) -> None:
    """Let `function(agents, *ids)` answer for what is queued as `name`, as many runs at a time as its queue allows.

    The name is what `UnitOfWork.enqueue` is given, and stays: a queued run is found again by it.
    """
    if name in _workflows and _workflows[name].function is not function:
        raise ValueError(f"two workflows are named {name!r}")
    _workflows[name] = Workflow(name, function)


def start(idle: Agents, *, executor_id: str = "main") -> Agents:
    """Run what is queued, and first of all what an earlier process of the same `executor_id` left unfinished.

    One process on SQLite; on PostgreSQL several, each with an `executor_id` of its own that stays the same from start
    to start. Call it after the migrations.
    """
    engine = queue.open_queue_engine(idle.store.engine)
    agents = replace(idle, _release=partial(queue.close_queue_engine, engine))
    dbos_log = logging.getLogger("dbos")
    if not dbos_log.handlers:
        dbos_log.addHandler(logging.NullHandler())  # or DBOS adds a console of its own, past our formatter
    config: DBOSConfig = {
        "name": queue.APPLICATION,
        "system_database_engine": engine,
        "dbos_system_schema": queue_tables.SCHEMA,
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
        DBOS.workflow(name=workflow.name)(guard(workflow, agents))
    DBOS.launch()
    for name, at_once in queue.QUEUES.items():
        DBOS.register_queue(
            name,
            partition_worker_concurrency=at_once,
            polling_interval_sec=_POLLING_SECONDS,
            on_conflict="always_update",  # whatever was written there, this is what holds
        )
    for known in DBOS.list_queues():
        if known.name in _workflows:  # an earlier release had a queue for each, and may have left something there
            known.set_polling_interval_sec(_LEFT_OVER_SECONDS)
    return agents


def names() -> frozenset[str]:
    """Return the names of the workflows that this process runs."""
    return frozenset(_workflows)


def take_over(executor_id: str) -> int:
    """Queue again what a process of that name had begun; answers how many runs. It MUST be gone, or they run twice.

    Of several who do so at once each run goes to one.
    """
    return len(DBOS._recover_pending_workflows([executor_id]))


def stop(agents: Agents) -> None:
    """Stop taking work, interrupt what runs (the next start resumes it), and end the models' processes."""
    agents._stopping.set()
    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=_GRACE_SECONDS)
    agents.models.close()
    agents._release()


def patiently(agents: Agents, attempt: Callable[[], T], *also: type[Exception]) -> T:
    """What `attempt` answers. What may pass (and `also`) is waited for, some minutes in all, and then raised.

    `attempt` is called again from its beginning. Raises Stopping when this process ends meanwhile.
    """
    passing: tuple[type[Exception], ...] = (*PASSING, *also)
    for pause in PAUSES:
        try:
            return attempt()
        except passing:
            agents.pause(pause)
    return attempt()
