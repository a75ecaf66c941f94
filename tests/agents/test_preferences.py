"""What a contributor did not allow is not sent; what they take back stops where it is."""

import uuid
from collections.abc import Collection

import pytest

from agents.generation import generate
from agents.models.endpoints import Endpoint
from agents.models.gateway import Gateway
from agents.runtime import Agents
from policies.force import InForce
from storage.contributors import PrivacyPreferences
from storage.projects import MemberRole
from storage.prompts import PromptStatus
from storage.services import Terms
from tests.agents.standins import StandIn
from tests.agents.worlds import World

REFUSED = ("GENERATE", 1, "CANCELLED", "CONSENT_REQUIRED")


def outside(world: World, stand_in: StandIn, terms: Terms) -> Agents:
    """Agents whose only model is a service of somebody else's."""
    return Agents(world.store, InForce(world.policy), Gateway([Endpoint("house-model", stand_in.url, terms=terms)]))


def host(stand_in: StandIn) -> str:
    return stand_in.url.removeprefix("http://").removesuffix("/v1")


def allow(world: World, person: uuid.UUID, services: Collection[str], *, training: bool = False) -> None:
    with world.work() as work:
        row = work.session.get_one(PrivacyPreferences, person)
        row.services, row.training = list(services), training


def ending(world: World, prompt_id: uuid.UUID) -> tuple[PromptStatus, int, int]:
    prompt = world.prompt(prompt_id)
    assert prompt is not None
    return prompt.status, prompt.stored, prompt.cancelled


def test_nothing_is_sent_to_a_service_that_was_not_allowed(world: World, stand_in: StandIn) -> None:
    """Off by default: the queued run ends before its first step, with the refusal in the trail; allowed, it runs."""
    owner, agents = world.contributor(), outside(world, stand_in, Terms.NO_TRAINING)
    project = world.project(owner)
    refused = world.submit(project, owner, variations=2)
    generate(agents, refused)
    assert stand_in.asked == []
    assert ending(world, refused) == (PromptStatus.CANCELLED, 0, 2)
    assert world.events(refused) == ["access.denied", "run.step_finished", "run.finished"]
    allow(world, owner, ["elsewhere.example"])  # another one is not this one
    generate(agents, world.submit(project, owner))
    assert stand_in.asked == []
    allow(world, owner, [host(stand_in)])
    allowed = world.submit(project, owner)
    generate(agents, allowed)
    assert ending(world, allowed) == (PromptStatus.COMPLETED, 1, 0)


def test_nothing_is_sent_where_it_may_train_models(world: World, stand_in: StandIn) -> None:
    """A service that promised nothing needs `training` beside `services`; both alone are not enough."""
    owner, agents = world.contributor(training=True), outside(world, stand_in, Terms.MAY_TRAIN)
    project = world.project(owner)
    generate(agents, world.submit(project, owner))
    allow(world, owner, [host(stand_in)], training=False)
    generate(agents, world.submit(project, owner))
    assert stand_in.asked == []
    allow(world, owner, [host(stand_in)], training=True)
    allowed = world.submit(project, owner)
    generate(agents, allowed)
    assert ending(world, allowed) == (PromptStatus.COMPLETED, 1, 0)


@pytest.mark.parametrize("who", ["owner", "author"])
def test_everybody_whose_work_it_is_must_allow_it(world: World, stand_in: StandIn, who: str) -> None:
    """The project is its owner's, the words are the author's: one without the other sends nothing."""
    owner, author, agents = world.contributor(), world.contributor(), outside(world, stand_in, Terms.NO_TRAINING)
    project = world.project(owner)
    world.share(project, owner, author, MemberRole.EDITOR)
    allow(world, {"owner": owner, "author": author}[who], [host(stand_in)])
    prompt = world.submit(project, owner, author=author)
    generate(agents, prompt)
    assert stand_in.asked == []
    assert ending(world, prompt) == (PromptStatus.CANCELLED, 0, 1)


def test_taken_back_while_it_runs_the_run_stops(world: World, stand_in: StandIn) -> None:
    """In the middle of the second answer: it is not kept, the third is never asked for, and the counts add up."""
    owner, agents = world.contributor(), outside(world, stand_in, Terms.NO_TRAINING)
    project = world.project(owner)
    allow(world, owner, [host(stand_in)])
    stand_in.words, stand_in.pause = ["word "] * 12, 0.1

    def second() -> None:
        if len(stand_in.asked) == 2:
            stand_in.on_word = None
            allow(world, owner, [])

    stand_in.on_word = second
    prompt = world.submit(project, owner, variations=3)
    generate(agents, prompt)
    assert len(stand_in.asked) == 2
    assert ending(world, prompt) == (PromptStatus.CANCELLED, 1, 2)
    assert ("GENERATE", 2, "CANCELLED", "CONSENT_REQUIRED") in world.steps(prompt)
    assert REFUSED not in world.steps(prompt)
    assert world.events(prompt)[-4] == "access.denied"


def test_at_the_moment_of_sending_it_is_asked_once_more(stand_in: StandIn) -> None:
    """Between the brief and the wire lies the wait for a turn: who says no there sends nothing, and gives the turn back."""
    gateway = Gateway([Endpoint("house-model", stand_in.url)])

    def no() -> None:
        raise PermissionError

    for _ in range(5):  # more often than there are turns
        with pytest.raises(PermissionError):
            list(gateway.stream("house-model", [], permitted=no, seed=1, max_tokens=5, temperature=0))
    assert stand_in.asked == []
