"""The runtime and its queue: queued with the change that asks for it, bounded, holding ids and nothing else."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import product

import pytest
from dbos import DBOS, DBOSClient, EnqueueOptions
from sqlalchemy import text

from agents import runtime
from agents.models.gateway import Gateway
from agents.runtime import Agents, Stopping
from policies.force import InForce
from storage import queue, queue_tables
from storage.database import transaction
from storage.keys.names import KeysetName
from storage.prompts import PromptStatus
from tests.agents.standins import StandIn
from tests.agents.worlds import World

MARKER = "marker-5772-cobalt"


class MyError(Exception):
    """An error that quotes what it failed on, as errors do."""


@pytest.fixture
def registered() -> Iterator[None]:
    """Workflows registered by a test are forgotten after it."""
    before = dict(runtime._workflows)
    yield
    runtime._workflows.clear()
    runtime._workflows.update(before)


def statuses(world: World) -> dict[str, str]:
    table = "workflow_status" if world.store.engine.dialect.name == "sqlite" else "dbos.workflow_status"
    with transaction(world.store.engine, read_only=True) as session:
        return dict(session.execute(text(f"SELECT workflow_uuid, status FROM {table}")).all())  # noqa: S608


def wait_for_status(world: World, workflow: str, identity: uuid.UUID, status: str) -> None:
    for _ in range(2_000):
        if statuses(world).get(queue.workflow_id(workflow, identity)) == status:
            return
        time.sleep(0.05)
    raise AssertionError(statuses(world))


def test_a_prompt_is_worked_on_as_soon_as_it_is_committed(world: World, started: Agents, stand_in: StandIn) -> None:
    """From the queue to its outputs, without anyone calling the workflow."""
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, variations=2)
    wait_for_status(world, "generate", prompt_id, "SUCCESS")
    prompt = world.prompt(prompt_id)
    assert prompt is not None
    assert (prompt.status, prompt.stored) == (PromptStatus.COMPLETED, 2)


def test_the_queue_holds_no_word_of_a_failing_workflow(
    world: World, gateway: Gateway, registered: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """An error that quotes content ends as a type: in the queue's tables, on standard output, on standard error."""

    def fail(agents: Agents, identity: uuid.UUID) -> None:
        raise MyError(MARKER)

    runtime.register("fail", fail)
    agents = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    identity = uuid.uuid4()
    try:
        with world.work() as work:
            work.enqueue("fail", identity)
        wait_for_status(world, "fail", identity, "ERROR")
        recorded = DBOS.list_workflows(workflow_ids=[queue.workflow_id("fail", identity)])[0].error
        assert isinstance(recorded, queue.QueuedFailure)
        assert recorded.kind == "RunFailed"
    finally:
        runtime.stop(agents)
    if world.store.engine.dialect.name == "sqlite":
        for file in (world.home / "data").glob("muniment*"):
            assert MARKER.encode() not in file.read_bytes()


def test_no_more_run_at_once_than_the_queue_allows(
    world: World, gateway: Gateway, registered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue's bound holds for each workflow by itself, however much of it or of others is queued."""
    monkeypatch.setattr(queue, "_ERRANDS", frozenset({"errand"}))
    now, most, lock = Counter[str](), Counter[str](), threading.Lock()

    def count(name: str, agents: Agents, _identity: uuid.UUID) -> None:
        with lock:
            now[name] += 1
            most[name] = max(most[name], now[name])
        agents.pause(0.3)
        with lock:
            now[name] -= 1

    names = ("count", "other", "errand")
    for name in names:
        runtime.register(name, partial(count, name))
    with world.work() as work:
        identities = [uuid.uuid4() for _ in range(6)]
        for name, identity in product(names, identities):
            work.enqueue(name, identity)
    agents = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    try:
        for name, identity in product(names, identities):
            wait_for_status(world, name, identity, "SUCCESS")
    finally:
        runtime.stop(agents)
    assert most == {"count": 2, "other": 2, "errand": 4}


def test_what_an_earlier_release_queued_is_run(
    world: World, gateway: Gateway, registered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workflows had a queue each; what lies there is taken up, and those queues are looked at less often."""
    monkeypatch.setattr(runtime, "_LEFT_OVER_SECONDS", 0.4)
    ran: list[uuid.UUID] = []
    runtime.register("old", lambda _agents, identity: ran.append(identity))
    engine = queue.open_queue_engine(world.store.engine)
    client = DBOSClient(
        system_database_engine=engine,
        dbos_system_schema=queue_tables.SCHEMA,
        serializer=queue.IdsOnly(),
        application_name=queue.APPLICATION,
    )
    client.register_queue("old", worker_concurrency=2, polling_interval_sec=0.2)
    identity = uuid.uuid4()
    left: EnqueueOptions = {
        "workflow_name": "old",
        "queue_name": "old",
        "workflow_id": queue.workflow_id("old", identity),
        "app_version": queue.VERSION,
    }
    client.enqueue(left, str(identity))
    queue.close_queue_engine(engine)
    agents = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    try:
        wait_for_status(world, "old", identity, "SUCCESS")
        found = {known.name: known.polling_interval_sec for known in DBOS.list_queues()}
        assert found == {"work": 0.2, "errands": 0.2, "old": 0.4}
    finally:
        runtime.stop(agents)
    assert ran == [identity]


def test_a_run_interrupted_by_a_stop_is_taken_up_by_the_next_start(
    world: World, gateway: Gateway, stand_in: StandIn
) -> None:
    """Stopping is not failing: the run stays queued as begun, its prompt RUNNING, and the next start completes it."""
    stand_in.words, stand_in.pause = ["word "] * 30, 0.5
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, variations=2)
    first = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    while not stand_in.sent:
        time.sleep(0.05)
    runtime.stop(first)
    assert statuses(world) == {f"generate:{prompt_id}": "PENDING"}
    prompt = world.prompt(prompt_id)
    assert prompt is not None
    assert prompt.status is PromptStatus.RUNNING
    stand_in.pause = 0
    second = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    wait_for_status(world, "generate", prompt_id, "SUCCESS")
    runtime.stop(second)
    assert world.texts(prompt_id, owner) == [("word " * 30).strip()] * 2


def test_whoever_waits_hears_that_the_process_ends(agents: Agents) -> None:
    """Between two words and in every pause a run can be told to let go."""
    agents.go_on()
    agents._stopping.set()
    with pytest.raises(Stopping):
        agents.go_on()
    with pytest.raises(Stopping):
        agents.pause(60)


def test_two_workflows_cannot_share_a_name(registered: None) -> None:
    """The name is what is queued: it leads to one function."""

    def one(agents: Agents) -> None: ...
    def other(agents: Agents) -> None: ...

    runtime.register("shared", one)
    runtime.register("shared", one)
    with pytest.raises(ValueError, match="shared"):
        runtime.register("shared", other)


def test_an_agent_without_a_principal_opens_nothing(world: World, agents: Agents) -> None:
    """Acting for nobody the door lets nothing through, so that bookkeeping can't become reading."""
    from policies.actions import Action
    from policies.errors import NotFound
    from storage.prompts import Prompt

    owner = world.contributor()
    project = world.project(owner)
    prompt_id = world.submit(project, owner)
    assert world.store.keyring.exists(KeysetName("project", str(project)))
    with agents.acting("generation", None, run=prompt_id) as (_, access), pytest.raises(NotFound):
        access.get(Prompt, prompt_id, Action.GENERATE)
    with agents.acting("generation", owner, run=uuid.uuid4()) as (_, access), pytest.raises(NotFound):
        access.get(Prompt, prompt_id, Action.GENERATE)
