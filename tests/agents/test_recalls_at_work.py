"""Providers asked to delete by agents that are killed, and by agents that nobody tells to."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import erasures, runtime
from agents.erasures import recall
from agents.runtime import Agents
from storage.deletions import Deletion, DeletionScope
from storage.ids import new_id
from tests.agents.standins import StandIn
from tests.agents.test_crashes import wait_for
from tests.agents.test_recalls import PATH, asking, erased, host, lines, made, owner, row, said
from tests.agents.worlds import ROOT, World
from tests.forks import Forked

__all__ = ["asking", "host", "owner"]

KILLED = """
import sys, uuid
from pathlib import Path
from agents.erasures import recall
from agents.models.gateway import Gateway
from agents.models.providers import Door
from agents.runtime import Agents
from policies.force import InForce
from storage.catalogue import models
from storage.database import open_engine
from tests.agents.worlds import open_store
from tests.house_policy import house_policy
models()
home, url, asked, host = sys.argv[1:]
store = open_store(open_engine(url), Path(home))
recall(Agents(store, InForce(house_policy()), Gateway([]), doors={host: Door("http://" + host, "k-1")}), uuid.UUID(asked))
"""


def test_killed_while_the_provider_answers_it_is_asked_again_and_ends_the_same(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, host: str, home: Path, database_url: str
) -> None:
    """The answer comes when nobody is there any more: the next process asks again, and hears that it is not there."""
    asked = erased(world, asking, owner, DeletionScope.PROMPT, made(world, asking, owner)[DeletionScope.PROMPT])
    child: list[Forked] = []
    stand_in.on_delete = lambda: (child[0].kill(), child[0].wait(timeout=60), None)[-1]
    child.append(Forked(["-c", KILLED, home, database_url, asked, host], cwd=ROOT))
    assert child[0].wait(timeout=120) == -9
    assert lines(world) == [(None, 0)]
    stand_in.on_delete = None
    wait_for(lambda: stand_in.kept == [])
    recall(asking, asked)
    assert lines(world) == []
    assert said(row(world, asked).addendum)["copies"][0]["recall"]["notThere"] == 1
    assert [path for path, *_ in stand_in.deleted] == [PATH.format(1)] * 2


@pytest.fixture
def at_work(asking: Agents) -> Iterator[Agents]:
    running = runtime.start(asking)
    yield running
    runtime.stop(running)


def test_the_agents_at_work_ask_by_themselves(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, at_work: Agents
) -> None:
    """Queued in the transaction that destroys, and done without anybody's help."""
    prompt = world.submit(world.project(owner), owner)
    wait_for(lambda: bool((found := world.prompt(prompt)) and found.stored))
    deletion = Deletion(id=new_id(), owner_id=owner, scope=DeletionScope.PROMPT, object_id=prompt)
    with world.work() as work:
        work.session.add(deletion)
        work.enqueue(erasures.WORKFLOW, deletion.id)
        asked = deletion.id
    wait_for(lambda: row(world, asked).addendum is not None or "1 it says" in json.dumps(row(world, asked).copies))
    assert stand_in.kept == []
