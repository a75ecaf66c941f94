"""Reconciling: each thing an agent did has one entry, and a missing or a second one is named."""

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import text

from agents.generation import generate
from agents.runtime import Agents
from storage.clock import now
from storage.database import transaction
from storage.exports import Export, ExportScope, ExportStatus
from storage.ids import new_id
from storage.ledger.reconciling import Gap, gaps
from tests.agents.standins import StandIn
from tests.agents.test_ledger import settle
from tests.agents.worlds import World


def found(world: World) -> list[Gap]:
    with transaction(world.store.engine, read_only=True) as session:
        return gaps(session)


@pytest.fixture
def run(world: World, agents: Agents, stand_in: StandIn) -> uuid.UUID:
    """A run of two variations, one of which failed; and another run that is still waiting."""
    owner = world.contributor()
    project = world.project(owner)
    stand_in.refuse_first = 1
    prompt_id = world.submit(project, owner, variations=2)
    world.submit(project, owner)
    generate(agents, prompt_id)
    assert found(world) == []
    return prompt_id


def lose(action: str) -> Callable[[World], None]:
    def act(world: World) -> None:
        with transaction(world.store.engine) as session:
            chosen = "SELECT id FROM audit_events WHERE action = :action ORDER BY id LIMIT 1"
            session.execute(text(f"DELETE FROM audit_events WHERE id = ({chosen})"), {"action": action})  # noqa: S608

    return act


@pytest.mark.parametrize(
    ("action", "executed"), [("run.step_finished", 5), ("run.finished", 1), ("output.stored", 1)], ids=str
)
def test_an_entry_that_is_missing_is_named(world: World, run: uuid.UUID, action: str, executed: int) -> None:
    """Which run or output, how often it was done, and how many entries there are."""
    lose(action)(world)
    (gap,) = found(world)
    assert (gap.action, gap.executed, gap.recorded) == (action, executed, executed - 1)
    assert (gap.about == run) is (action != "output.stored")


def test_a_step_without_its_record_is_named(world: World, run: uuid.UUID) -> None:
    """An entry that nothing on record bears out is a gap like one that is missing."""
    with transaction(world.store.engine) as session:
        session.execute(text("DELETE FROM prompt_steps WHERE name = 'FINISH'"))
    assert found(world) == [Gap("run.step_finished", run, 4, 5)]


def test_an_export_without_its_entry_is_named(world: World, run: uuid.UUID) -> None:
    """One that is still being made has none yet."""
    with world.work() as work:
        ready, waiting = new_id(), new_id()
        for identity, status in ((ready, ExportStatus.READY), (waiting, ExportStatus.RUNNING)):
            work.session.add(Export(id=identity, owner_id=uuid.uuid4(), scope=ExportScope.ACCOUNT, status=status))
    assert found(world) == [Gap("export.built", ready, 1, 0)]


def test_what_went_to_the_archive_is_not_missed(world: World, run: uuid.UUID) -> None:
    """Nor is anything older than what the database still has; what is younger is still compared."""
    settle(world)
    with transaction(world.store.engine) as session:
        session.execute(text("DELETE FROM audit_events"))
        session.execute(text("DELETE FROM audit_sequence WHERE leaf_index < 3"))
        assert gaps(session)  # nobody is remembered at all: then everything is missing
    with world.work() as work:
        from storage.ledger.events import SystemStarted

        work.record(SystemStarted())
    assert found(world) == []
    with world.work() as work:
        identity = new_id()
        work.session.add(
            Export(
                id=identity,
                owner_id=uuid.uuid4(),
                scope=ExportScope.ACCOUNT,
                status=ExportStatus.READY,
                created_at=now(),
            )
        )
    assert found(world) == [Gap("export.built", identity, 1, 0)]
