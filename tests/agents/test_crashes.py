"""Killed in the middle and started again: each run ends right, and nothing is there twice."""

import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from agents.models.local import NAME
from storage.database import transaction
from storage.ledger.entries import AuditEvent
from storage.ledger.reconciling import gaps
from storage.outputs import Output
from storage.prompts import PromptStatus, PromptStep
from tests.agents.standins import StandIn
from tests.agents.worlds import ROOT, World
from tests.forks import Forked

MARKER = "marker-1618-vermilion"


@contextmanager
def process(world: World, provider: str | None = None) -> Iterator[Forked]:
    url = world.store.engine.url.render_as_string(hide_password=False)
    arguments = ["-m", "tests.agents.working", world.home, url, *filter(None, [provider])]
    log = (world.home / "process.log").open("a")
    with log, Forked(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "started\n"
        try:
            yield running
        finally:
            running.kill()


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_completed(world: World, prompt_id: uuid.UUID) -> bool:
    prompt = world.prompt(prompt_id)
    return prompt is not None and prompt.status is PromptStatus.COMPLETED


def assert_each_variation_once(world: World, prompt_id: uuid.UUID, variations: int) -> None:
    prompt = world.prompt(prompt_id)
    assert prompt is not None
    assert (prompt.variations, prompt.stored, prompt.failed, prompt.cancelled) == (variations, variations, 0, 0)
    with transaction(world.store.engine, read_only=True) as session:
        outputs = session.scalars(select(Output).order_by(Output.variation)).all()
        assert [output.variation for output in outputs] == list(range(1, variations + 1))
        told = session.scalars(select(AuditEvent.resource_id).where(AuditEvent.action == "output.stored")).all()
        assert sorted(told, key=str) == sorted((output.id for output in outputs), key=str)
        assert all(step.partial is None for step in session.scalars(select(PromptStep)))
        assert gaps(session) == []
    steps = world.steps(prompt_id)
    assert len(steps) == len({step[:2] for step in steps}) == variations + 3
    actions = world.events(prompt_id)
    assert actions.count("run.finished") == 1
    assert actions.count("run.step_finished") == variations + 3


def assert_nothing_in_clear(world: World) -> None:
    for file in world.home.rglob("*"):
        if file.is_file():
            assert MARKER.encode() not in file.read_bytes(), file.name


def test_a_run_killed_while_it_writes_is_finished_by_the_next_process(world: World, stand_in: StandIn) -> None:
    """kill -9 in the second of four variations, three times over: four outputs, each stored and told once."""
    stand_in.words, stand_in.pause = [f"{MARKER} "] * 10, 0.1
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, MARKER, variations=4)
    for kills in range(1, 4):
        with process(world, stand_in.url) as running:
            wait_for(lambda at_least=kills + 1: len(stand_in.asked) >= at_least)
            time.sleep(0.1)
            running.send_signal(signal.SIGKILL)
            running.wait()
    with process(world, stand_in.url):
        wait_for(lambda: is_completed(world, prompt_id))
    assert_each_variation_once(world, prompt_id, 4)
    assert world.events(prompt_id).count("run.started") == 4
    assert world.texts(prompt_id, owner) == [(f"{MARKER} " * 10).strip()] * 4
    assert_nothing_in_clear(world)


@pytest.mark.one_database("sqlite", reason="it is the model's process that is looked at, not the database")
def test_the_offline_model_goes_with_a_killed_server_and_comes_back_with_the_next(world: World) -> None:
    """The child dies with its parent; the next process starts its own and finishes what was begun."""
    owner = world.contributor()
    text = f"A long letter from the harbour, {MARKER}."
    prompt_id = world.submit(world.project(owner), owner, text, model=NAME, variations=2, maxTokens=60)
    with process(world) as running:
        assert running.stdout is not None
        child = int(running.stdout.readline())
        wait_for(lambda: any(step[0] == "GENERATE" for step in world.steps(prompt_id)))
        time.sleep(0.3)
        running.send_signal(signal.SIGKILL)
        running.wait()
    wait_for(lambda: not is_running(child), 60)
    with process(world) as running:
        wait_for(lambda: is_completed(world, prompt_id))
        assert running.stdout is not None
        child = int(running.stdout.readline())
    wait_for(lambda: not is_running(child), 60)
    assert_each_variation_once(world, prompt_id, 2)
    assert all(len(text.split()) > 5 for text in world.texts(prompt_id, owner))
    assert_nothing_in_clear(world)


def is_running(process_id: int) -> bool:
    state = Path(f"/proc/{process_id}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
