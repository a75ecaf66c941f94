"""What a contributor takes back stops where it is: the gate is asked again while an answer comes in."""

import uuid
from urllib.parse import urlsplit

import pytest

from agents.egress import Register
from agents.generation import generate
from agents.models import gateway
from agents.models.endpoints import Endpoint
from agents.runtime import Agents
from policies.force import InForce
from storage.contributors import PrivacyPreferences
from storage.prompts import PromptStatus
from tests.agents.standins import StandIn
from tests.agents.worlds import World
from tests.registered import enter

WORDS = 100


def outside(world: World, stand_in: StandIn) -> Agents:
    """Agents whose only model is a service of somebody else's, behind the gate of the house."""
    force = InForce(world.policy)
    gate = Register(world.store, force, unapproved_models=True)
    asked = gateway.Gateway([Endpoint("house-model", stand_in.url)], gate=gate)
    return Agents(world.store, force, asked)


def allow(world: World, person: uuid.UUID, *services: str, training: bool = True) -> None:
    with world.work() as work:
        row = work.session.get_one(PrivacyPreferences, person)
        row.services, row.training = list(services), training


@pytest.mark.parametrize("taken_back", ["services", "training"])
def test_taken_back_while_it_runs_the_run_stops(
    world: World, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, taken_back: str
) -> None:
    """In the middle of the second answer: it is not kept, the third is never asked for, and the counts add up."""
    monkeypatch.setattr(gateway, "_ASK_SECONDS", 0.1)
    owner, agents = world.contributor(), outside(world, stand_in)
    service = enter(world.store.engine, urlsplit(stand_in.url).netloc, trains_on_inputs=True)
    allow(world, owner, service)
    stand_in.words = ["word "] * WORDS

    def second() -> None:
        if len(stand_in.asked) == 2:
            stand_in.on_word, stand_in.pause = None, 0.1
            allow(world, owner, *([] if taken_back == "services" else [service]), training=taken_back == "services")

    stand_in.on_word = second
    prompt = world.submit(world.project(owner), owner, variations=3)
    generate(agents, prompt)
    assert len(stand_in.asked) == 2
    ended = world.prompt(prompt)
    assert ended is not None
    assert (ended.status, ended.stored, ended.failed) == (PromptStatus.COMPLETED, 1, 2)
    stopped = [(variation, failure) for name, variation, _, failure in world.steps(prompt) if name == "GENERATE"]
    assert stopped == [(1, None), (2, "CONSENT_REQUIRED"), (3, "CONSENT_REQUIRED")]


def test_a_style_taken_back_while_it_runs_shapes_no_further_answer(
    world: World, agents: Agents, stand_in: StandIn
) -> None:
    """The first variation is asked for in the style that was learned; the permission goes, and the second is not."""
    owner = world.contributor(style_learning=True)

    def taken_back() -> None:
        stand_in.on_word = None
        with world.work() as work:
            work.session.get_one(PrivacyPreferences, owner).style_learning = False

    stand_in.on_word = taken_back
    generate(agents, world.submit(world.project(owner), owner, "I love short lines! Write one!", variations=2))
    told = [asked["messages"][0]["content"] for asked in stand_in.asked]
    assert ["as this author likes it" in each for each in told] == [True, False]
