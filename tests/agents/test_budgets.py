"""What a run may spend of the model, and what is far more than runs usually spend."""

from typing import Any

import pytest

from agents.generation import budgets, generate
from agents.generation.budgets import CALLS, LEAST_SECONDS, RUNS, SECONDS, OverBudget, Spent, judge
from agents.runtime import Agents
from storage.blobs.errors import BlobDamaged
from storage.blobs.reader import BlobReader
from storage.ledger import trail
from storage.ledger.events import RunBudget
from storage.prompts import PromptStatus
from tests.agents.standins import StandIn
from tests.agents.worlds import World

ONE = pytest.mark.one_database("sqlite", reason="what is counted in the process")


def usual(seconds: int, asked: int = 1, runs: int = RUNS) -> list[dict[str, Any]]:
    return [{"modelSeconds": seconds, "asked": asked}] * runs


@ONE
def test_a_run_gets_what_its_variations_may_spend_and_no_more() -> None:
    """Of calls and of time; what is over stays over, and is said with how much there was."""
    spent = Spent(variations=2)
    for _ in range(CALLS * 2):
        spent.call()
    assert judge(spent, []) is None
    with pytest.raises(OverBudget):
        spent.call()
    assert judge(spent, []) == budgets.Verdict(RunBudget.CALLS, CALLS * 2, CALLS * 2)
    slow = Spent(variations=2)
    slow.listen(SECONDS)
    with pytest.raises(OverBudget):
        slow.listen(SECONDS)
    with pytest.raises(OverBudget):
        slow.call()
    assert judge(slow, []) == budgets.Verdict(RunBudget.SECONDS, int(SECONDS) * 2, int(SECONDS) * 2)


@ONE
def test_three_times_the_usual_is_unusual_once_it_is_known_what_is_usual() -> None:
    """By the median for one variation; a short run never is, and a few runs say nothing."""
    spent = Spent(variations=2, seconds=2 * 301)
    assert judge(spent, usual(400, asked=4)) == budgets.Verdict(RunBudget.USUAL, 602, 600)
    assert judge(spent, usual(404, asked=4)) is None
    assert judge(spent, usual(100, runs=RUNS - 1)) is None
    assert judge(Spent(seconds=LEAST_SECONDS - 1), usual(0)) is None
    assert judge(Spent(seconds=LEAST_SECONDS), usual(0)) is not None
    assert judge(spent, [{"asked": 1}] * RUNS) is None  # from before it was counted


@ONE
def test_a_run_that_may_not_call_any_more_fails_with_a_code_and_is_told_of(
    world: World, agents: Agents, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is asked no more, for no variation; the entry is what D22 counts."""
    monkeypatch.setattr(budgets, "CALLS", 1)
    stand_in.status = 503  # so that each variation would be asked for four times
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, variations=2)
    generate(agents, prompt_id)
    assert world.steps(prompt_id)[2:4] == [("GENERATE", at, "FAILED", "RUN_OVER_BUDGET") for at in (1, 2)]
    found = world.prompt(prompt_id)
    assert found is not None
    assert (found.status, found.stored, found.failed) == (PromptStatus.FAILED, 0, 2)
    assert len(stand_in.asked) == 2
    assert world.events(prompt_id)[-2:] == ["run.finished", "run.overspent"]
    with world.work() as work:
        said = trail.last_details(work.session, "run.overspent", "agent:generation")
        finished = trail.last_details(work.session, "run.finished", "agent:generation")
    assert (said["budget"], said["spent"]) == ("CALLS", 2)
    assert finished["modelCalls"] == 2


@ONE
def test_a_run_far_longer_than_the_last_ones_is_told_and_not_stopped(
    world: World, agents: Agents, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once there are runs to compare it with, and only where it was long."""
    monkeypatch.setattr(budgets, "RUNS", 2)  # the run itself among them
    monkeypatch.setattr(budgets, "TIMES", 0)
    owner = world.contributor()
    project = world.project(owner)
    told = []
    for least in (1e-9, 1e-9, 1e9):
        monkeypatch.setattr(budgets, "LEAST_SECONDS", least)
        prompt_id = world.submit(project, owner)
        generate(agents, prompt_id)
        found = world.prompt(prompt_id)
        assert found is not None
        assert found.failed == 0
        told.append("run.overspent" in world.events(prompt_id))
    assert told == [False, True, False]
    with world.work() as work:
        said = trail.last_details(work.session, "run.overspent", "agent:generation")
    assert (said["budget"], said["allowed"]) == ("USUAL", 0)


@ONE
def test_a_damaged_file_that_a_run_comes_upon_is_in_the_trail(
    world: World, agents: Agents, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose it is, by the agent; the run fails, and the model is not asked."""
    owner = world.contributor()
    project = world.project(owner)
    notes = world.asset(owner, project, "text/plain", b"Salt and rope.", "Harbour notes")
    prompt_id = world.submit(project, owner, assets=(notes,))

    def spoilt(*_: object, **__: object) -> None:
        raise BlobDamaged("it does not open")

    monkeypatch.setattr(BlobReader, "read", spoilt)
    generate(agents, prompt_id)
    assert world.steps(prompt_id)[0] == ("READ_BRIEF", 0, "FAILED", "BLOB_DAMAGED")
    assert stand_in.asked == []
    with world.work() as work:
        said = trail.last_details(work.session, "content.damaged", "agent:generation")
    assert said == {"place": "blobs.file", "damage": "BLOB_DAMAGED"}
