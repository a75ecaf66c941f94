"""Deletion always wins: what is being written when its prompt, project or account goes, is not written any more."""

import time
import uuid

import pytest

from agents import erasures
from agents.runtime import Agents
from storage.contributors import Contributor, ContributorStatus
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.outputs import Output
from storage.prompts import PromptStep
from tests.agents.households import Person, ask_deletion
from tests.agents.standins import StandIn
from tests.agents.worlds import World

MARKER = "marker-3303-umber"

assert erasures.WORKFLOW


@pytest.mark.parametrize("scope", [DeletionScope.PROMPT, DeletionScope.PROJECT, DeletionScope.ACCOUNT])
def test_a_deletion_in_mid_sentence_leaves_nothing_and_ends_the_run_quietly(
    world: World, started: Agents, stand_in: StandIn, scope: DeletionScope, capfd: pytest.CaptureFixture[str]
) -> None:
    """The eraser and its counter find everything gone while the model still talks; the run ends without an error."""
    stand_in.words, stand_in.pause = [f"{MARKER} "] * 180, 0.1
    owner = world.contributor()
    project = world.project(owner)
    prompt_id = world.submit(project, owner, MARKER, variations=3)
    while stand_in.sent < 10:
        time.sleep(0.05)
    thing = {DeletionScope.PROMPT: prompt_id, DeletionScope.PROJECT: project, DeletionScope.ACCOUNT: owner}[scope]
    deletion_id = ask_deletion(started, Person(owner, MARKER), scope, thing)
    with world.work() as work:
        if scope is DeletionScope.ACCOUNT:
            work.session.get_one(Contributor, owner).status = ContributorStatus.ERASING
        work.enqueue(erasures.WORKFLOW, deletion_id)
    deletion = _wait_until_erased(world, deletion_id)
    assert deletion.status is DeletionStatus.ERASED
    asked = len(stand_in.asked)
    time.sleep(1.0)
    assert len(stand_in.asked) == asked == 1
    assert world.prompt(prompt_id) is None
    assert world.count(Output) == world.count(PromptStep) == 0
    assert "a run ended in an error" not in capfd.readouterr().out
    if world.store.engine.dialect.name == "sqlite":
        for file in world.home.rglob("*"):
            assert not file.is_file() or MARKER.encode() not in file.read_bytes()


def _wait_until_erased(world: World, deletion_id: uuid.UUID) -> Deletion:
    for _ in range(2_000):
        with transaction(world.store.engine, read_only=True) as session:
            deletion = session.get_one(Deletion, deletion_id)
        if deletion.status in (DeletionStatus.ERASED, DeletionStatus.PARTIALLY_ERASED):
            return deletion
        time.sleep(0.05)
    raise AssertionError(deletion.status)
