"""Turns: sixty prompts, dead webhooks and bad addresses of one contributor hold up nobody else's. Order, not time."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from dbos import DBOSClient, EnqueueOptions
from sqlalchemy import select, text

from agents import generation, notices, runtime
from agents.models.gateway import Gateway
from agents.runtime import Agents
from agents.turns import TryLater
from policies.force import InForce
from storage import fair_queue, queue, queue_tables
from storage.database import transaction
from storage.ids import new_id
from storage.ledger.entries import AuditEvent
from storage.outputs import Output
from storage.prompts import Prompt, PromptStatus
from tests.agents.standins import StandIn
from tests.agents.test_outward import receiver
from tests.agents.worlds import World

__all__ = ["receiver"]

assert generation.WORKFLOW
assert notices.WORKFLOWS

_LONGEST = 240.0


@pytest.fixture
def registered() -> Iterator[None]:
    """Workflows registered by a test are forgotten after it."""
    before = dict(runtime._workflows)
    yield
    runtime._workflows.clear()
    runtime._workflows.update(before)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def at_work(world: World, gateway: Gateway, **said: object) -> Agents:
    return runtime.start(replace(Agents(world.store, InForce(world.policy), gateway), **said))  # type: ignore[arg-type]


def submit(world: World, owner: uuid.UUID, project: uuid.UUID, variations: int = 1) -> uuid.UUID:
    """As the API queues it: with whose turn it takes."""
    prompt_id = world.submit(project, owner, variations=variations)
    queue.forget(world.store.engine, "generate", prompt_id)
    with world.work() as work:
        work.enqueue("generate", prompt_id, owner=owner)
    return prompt_id


def outputs(world: World) -> list[uuid.UUID]:
    """The prompts of all outputs, in the order in which they were stored."""
    with transaction(world.store.engine, read_only=True) as session:
        return list(session.scalars(select(Output.prompt_id).order_by(Output.id)))


def is_done(world: World, prompt_id: uuid.UUID) -> bool:
    prompt = world.prompt(prompt_id)
    return prompt is not None and prompt.status is PromptStatus.COMPLETED


def test_the_first_prompt_of_another_comes_before_the_third_of_sixty(
    world: World, gateway: Gateway, stand_in: StandIn
) -> None:
    """Sixty of one were there first: one is done with the very first of theirs, long before the rest."""
    ada, ben = world.contributor(), world.contributor()
    hers, his = world.project(ada), world.project(ben)
    for _ in range(60):
        submit(world, ada, hers)
    late = submit(world, ben, his)
    agents = at_work(world, gateway)
    try:
        until(lambda: is_done(world, late))
        assert outputs(world).index(late) <= 3
    finally:
        runtime.stop(agents)


def test_a_long_run_stands_back_after_a_variation(world: World, gateway: Gateway, stand_in: StandIn) -> None:
    """Both places are one contributor's, with ten variations each: another's prompt waits for one of those."""
    stand_in.pause = 0.1
    ada, ben = world.contributor(), world.contributor()
    hers, his = world.project(ada), world.project(ben)
    long = [submit(world, ada, hers, variations=10) for _ in range(4)]
    agents = at_work(world, gateway)
    try:
        until(lambda: len(outputs(world)) >= 2)
        before = len(outputs(world))
        late = submit(world, ben, his)
        until(lambda: is_done(world, late))
        assert outputs(world).index(late) - before <= 6
        assert not any(is_done(world, each) for each in long)
        stand_in.pause = 0.0
        until(lambda: all(is_done(world, each) for each in long))
    finally:
        runtime.stop(agents)
    with transaction(world.store.engine, read_only=True) as session:
        begun = list(session.scalars(select(AuditEvent.resource_id).where(AuditEvent.action == "run.started")))
        prompts = session.scalars(select(Prompt).where(Prompt.id.in_(long))).all()
        assert {(each.stored, each.failed, each.yielded_at) for each in prompts} == {(10, 0, None)}
    assert sorted(begun) == sorted([*long, late])  # who stands back and goes on does not begin again
    assert sorted(outputs(world)) == sorted([*[each for each in long for _ in range(10)], late])


def test_two_long_runs_of_two_contributors_let_a_third_in(world: World, gateway: Gateway, stand_in: StandIn) -> None:
    """Both places are taken, by one each: a place goes round, a variation at a time."""
    stand_in.pause = 0.1
    people = [world.contributor() for _ in range(3)]
    projects = [world.project(each) for each in people]
    long = [submit(world, people[number], projects[number], variations=10) for number in (0, 1)]
    agents = at_work(world, gateway)
    try:
        until(lambda: set(long) <= set(outputs(world)))
        before = len(outputs(world))
        late = submit(world, people[2], projects[2])
        until(lambda: is_done(world, late))
        assert outputs(world).index(late) - before <= 6
        assert not any(is_done(world, each) for each in long)
    finally:
        runtime.stop(agents)


def test_a_contributor_has_one_job_of_a_workflow_running(world: World, gateway: Gateway, registered: None) -> None:
    """Exports, deletions, thumbnails, deliveries: however many are queued, another's runs beside the first of them."""
    goes_on, lock = threading.Event(), threading.Lock()
    order: list[uuid.UUID] = []
    ada, ben = new_id(), new_id()

    def work_on(agents: Agents, identity: uuid.UUID) -> None:
        with lock:
            order.append(identity)
        while not goes_on.is_set():
            agents.pause(0.02)

    runtime.register("long", work_on)
    hers, his = [uuid.uuid4() for _ in range(50)], uuid.uuid4()
    with world.work() as work:
        for identity in hers:
            work.enqueue("long", identity, owner=ada)
        work.enqueue("long", his, owner=ben)
    agents = at_work(world, gateway)
    try:
        until(lambda: his in order)
        time.sleep(1.0)
        assert sorted(order) == sorted([hers[0], his])
        goes_on.set()
        until(lambda: len(order) == 51)
        assert sorted(order[2:]) == sorted(hers[1:])
    finally:
        goes_on.set()
        runtime.stop(agents)


def test_places_take_turns_and_only_grow(world: World) -> None:
    """Two apart for one contributor; what comes new is behind what runs, before the second of anybody's."""
    ada, ben = new_id(), new_id()
    places = {}
    with world.work() as work:
        for person in (ada, ada, ada, ben):
            job = uuid.uuid4()
            work.enqueue("generate", job, owner=person)
            places[job] = placed(world, work, job)
    assert list(places.values()) == [1, 3, 5, 1]
    with world.work() as work:
        run(work, list(places)[1])
        job = uuid.uuid4()
        work.enqueue("generate", job, owner=new_id())
        assert placed(world, work, job) == 4
        work.enqueue("deliver_notice", ordinary := uuid.uuid4(), owner=ada, ahead=0, urgent=False)
        work.enqueue("deliver_notice", urgent := uuid.uuid4(), owner=ada, ahead=50, urgent=True)
        assert placed(world, work, urgent, "deliver_notice") < placed(world, work, ordinary, "deliver_notice")


def _table(world: World) -> str:
    return "workflow_status" if world.store.engine.dialect.name == "sqlite" else "dbos.workflow_status"


def placed(world: World, work: object, job: uuid.UUID, workflow: str = "generate") -> int:
    statement = text(f"SELECT priority FROM {_table(world)} WHERE workflow_uuid = :job")  # noqa: S608
    found = work.session.execute(statement, {"job": queue.workflow_id(workflow, job)})  # type: ignore[attr-defined]
    return int(found.scalar_one())


def run(work: object, job: uuid.UUID) -> None:
    session = work.session  # type: ignore[attr-defined]
    table = "workflow_status" if session.get_bind().dialect.name == "sqlite" else "dbos.workflow_status"
    statement = text(f"UPDATE {table} SET status = 'PENDING' WHERE workflow_uuid = :job")  # noqa: S608
    session.execute(statement, {"job": queue.workflow_id("generate", job)})


def test_what_an_earlier_release_queued_goes_on(world: World, gateway: Gateway, registered: None) -> None:
    """It named no contributor and no place: it runs, and first; what came after takes turns."""
    order: list[uuid.UUID] = []
    runtime._workflows.pop("generate", None)
    runtime.register("generate", lambda _agents, identity: order.append(identity))
    engine = queue.open_queue_engine(world.store.engine)
    client = DBOSClient(
        system_database_engine=engine,
        dbos_system_schema=queue_tables.SCHEMA,
        serializer=queue.IdsOnly(),
        application_name=queue.APPLICATION,
    )
    old = [uuid.uuid4() for _ in range(4)]
    for identity in old:
        left: EnqueueOptions = {
            "workflow_name": "generate",
            "queue_name": "work",
            "queue_partition_key": "generate",
            "workflow_id": queue.workflow_id("generate", identity),
            "app_version": queue.VERSION,
            "application_name": queue.APPLICATION,
        }
        client.enqueue(left, str(identity))
    queue.close_queue_engine(engine)
    new = uuid.uuid4()
    with world.work() as work:
        work.enqueue("generate", new, owner=new_id())
    agents = at_work(world, gateway)
    try:
        until(lambda: len(order) == 5)
    finally:
        runtime.stop(agents)
    assert sorted(order) == sorted([*old, new])


def test_a_job_that_is_tried_later_occupies_no_worker(world: World, gateway: Gateway, registered: None) -> None:
    """Twenty jobs that wait a minute each, in a queue of two places: the one behind them runs at once."""
    ran: list[uuid.UUID] = []
    waits = {uuid.uuid4() for _ in range(20)}

    def work_on(_agents: Agents, identity: uuid.UUID) -> None:
        ran.append(identity)
        if identity in waits:
            raise TryLater(60)

    runtime.register("later", work_on)
    with world.work() as work:
        for identity in waits:
            work.enqueue("later", identity, owner=new_id())
        work.enqueue("later", last := uuid.uuid4(), owner=new_id())
    agents = at_work(world, gateway)
    try:
        until(lambda: last in ran)
        until(lambda: len(ran) == 21)

        def delayed() -> int:
            with transaction(world.store.engine, read_only=True) as session:
                statement = text(f"SELECT count(*) FROM {_table(world)} WHERE status = 'DELAYED'")  # noqa: S608
                return int(session.execute(statement).scalar_one())

        until(lambda: delayed() == 20)
    finally:
        runtime.stop(agents)


def test_a_job_that_is_tried_later_runs_again(world: World, gateway: Gateway, registered: None) -> None:
    """From its beginning, when it is due; as often as it asks for it."""
    ran: list[uuid.UUID] = []

    def work_on(_agents: Agents, identity: uuid.UUID) -> None:
        ran.append(identity)
        if len(ran) < 3:
            raise TryLater(0.1)

    runtime.register("later", work_on)
    with world.work() as work:
        work.enqueue("later", identity := uuid.uuid4(), owner=new_id())
    agents = at_work(world, gateway)
    try:
        until(lambda: ran == [identity] * 3)
    finally:
        runtime.stop(agents)


def test_a_place_is_within_what_the_queue_takes(world: World) -> None:
    """However long it has been busy."""
    with world.work() as work:
        work.enqueue("generate", busy := uuid.uuid4(), owner=new_id())
        run(work, busy)
        table = _table(world)
        last = {"last": 2**31 - 2}
        work.session.execute(text(f"UPDATE {table} SET priority = :last"), last)  # noqa: S608
        assert fair_queue.place(work.session, "work", "generate", new_id()) <= 2**31 - 1
