"""Agents in a lock-down: who goes on, who waits, and an answer of a model that is coming in at that moment."""

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from agents import erasures
from agents.access_reviews import Reviewer
from agents.generation import generate
from agents.retention import Sweeper
from agents.runtime import Agents, StandStill, Stopping
from policies.principals import AgentName
from resolvers.lockdowns import holding
from storage.access_reviews.records import AccessReview
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.lockdowns import Span
from storage.outputs import Output
from storage.prompts import PromptStatus
from tests.agents.households import Person, ask_deletion
from tests.agents.standins import StandIn
from tests.agents.test_access_reviews import job, put
from tests.agents.worlds import World

WAITING = sorted(set(AgentName) - holding.OF_AGENTS)


def lock(agents: Agents) -> None:
    agents.force.lockdown = Span(now(), now() + timedelta(hours=1))


@pytest.mark.one_database("sqlite", reason="no database has a part in it")
def test_what_serves_contributors_rights_goes_on_and_nothing_else(agents: Agents) -> None:
    """Whoever waits does so before anything is begun; the end of the process ends that too."""
    lock(agents)
    agents._stopping.set()
    for name in holding.OF_AGENTS:
        with agents.acting(name, None, run=uuid.uuid4()) as (work, _access):
            assert work.scope.component == f"agent:{name}"
    assert {"generation", "imports", "retention", "thumbnails"} == set(WAITING)
    for name in WAITING:
        with pytest.raises(Stopping), agents.acting(name, None, run=uuid.uuid4()):
            pytest.fail(f"{name} went on")


def test_nothing_is_destroyed_because_its_time_is_up(world: World, agents: Agents) -> None:
    """What is due waits with everything else, and the sweep is not noted as done."""
    lock(agents)
    with pytest.raises(StandStill):
        Sweeper(agents, timedelta(days=7)).sweep()
    agents.force.lockdown = None
    assert not Sweeper(agents, timedelta(days=7)).sweep().gone


def test_nothing_ends_because_nobody_could_confirm_it(world: World, agents: Agents) -> None:
    """A review of access is neither begun nor closed: staff can't answer it now."""
    put(world, job())
    lock(agents)
    with pytest.raises(StandStill):
        Reviewer(agents).advance()
    assert world.count(AccessReview) == 0
    agents.force.lockdown = None
    Reviewer(agents).advance()
    assert world.count(AccessReview) == 1


def test_an_answer_that_is_coming_in_is_broken_off_and_asked_for_anew(
    world: World, agents: Agents, stand_in: StandIn
) -> None:
    """While it lasts nothing is stored, and nobody is asked; afterwards the run ends as if nothing had been."""
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner)
    begun = threading.Event()

    def on_word() -> None:
        if len(stand_in.asked) == 1 and stand_in.sent == 2:
            lock(agents)
            begun.set()

    stand_in.words, stand_in.pause, stand_in.on_word = ["word "] * 8, 0.02, on_word
    running = threading.Thread(target=generate, args=(agents, prompt_id), daemon=True)
    running.start()
    assert begun.wait(60)
    time.sleep(1.5)  # left alone it would have been stored by now
    prompt = world.prompt(prompt_id)
    assert prompt is not None
    assert (prompt.status, world.count(Output), len(stand_in.asked)) == (PromptStatus.RUNNING, 0, 1)
    agents.force.lockdown = None
    running.join(60)
    prompt = world.prompt(prompt_id)
    assert prompt is not None
    assert (prompt.status, prompt.stored, len(stand_in.asked)) == (PromptStatus.COMPLETED, 1, 2)
    assert world.texts(prompt_id, owner) == [("word " * 8).strip()]


@pytest.mark.one_database("sqlite", reason="deletions under way are tried on both in test_deleted_while_running")
def test_what_waits_can_be_deleted_meanwhile(
    world: World, started: Agents, stand_in: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    """The erasure does not wait for the run that waits; when that wakes up there is nothing left for it to do."""
    stand_in.words, stand_in.pause = ["word "] * 40, 0.1
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner)
    until(lambda: stand_in.sent >= 2)
    lock(started)
    deletion_id = ask_deletion(started, Person(owner, "marker"), DeletionScope.PROMPT, prompt_id)
    with world.work() as work:
        work.enqueue(erasures.WORKFLOW, deletion_id)
    until(lambda: deletion_status(world, deletion_id) is DeletionStatus.ERASED)
    started.force.lockdown = None
    time.sleep(1.5)
    assert (world.prompt(prompt_id), world.count(Output), len(stand_in.asked)) == (None, 0, 1)
    assert "a run ended in an error" not in capfd.readouterr().out


def deletion_status(world: World, deletion_id: uuid.UUID) -> DeletionStatus:
    with transaction(world.store.engine, read_only=True) as session:
        return session.get_one(Deletion, deletion_id).status


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
