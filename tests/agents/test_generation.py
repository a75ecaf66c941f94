"""The generation agent: what a run does, and that it adds up however it ends."""

import io
import uuid

import pytest
from PIL import Image
from sqlalchemy import select

from agents.generation import generate
from agents.runtime import Agents
from storage import runs
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus, PrivacyPreferences, StyleProfile
from storage.database import transaction
from storage.keys.names import KeysetName
from storage.ledger.reconciling import gaps
from storage.outputs import Output
from storage.projects import MemberRole, ProjectMember
from storage.prompts import Prompt, PromptAsset, PromptStatus, PromptStep
from storage.provider_copies import ProviderCall, ProviderCopy
from tests.agents.standins import StandIn
from tests.agents.worlds import World

MARKER = "marker-2718-saffron"


def counts(world: World, prompt_id: uuid.UUID) -> tuple[PromptStatus, int, int, int]:
    prompt = world.prompt(prompt_id)
    assert prompt is not None
    assert prompt.variations == prompt.stored + prompt.failed + prompt.cancelled
    assert prompt.finished_at is not None
    with transaction(world.store.engine, read_only=True) as session:
        assert gaps(session) == []
    return prompt.status, prompt.stored, prompt.failed, prompt.cancelled


def test_a_brief_becomes_the_variations_asked_for(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Three variations are stored, sealed, with provenance; steps, counts and the trail tell the same story."""
    owner = world.contributor()
    project = world.project(owner)
    prompt_id = world.submit(project, owner, variations=3)
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.COMPLETED, 3, 0, 0)
    assert world.texts(prompt_id, owner) == ["Hello there."] * 3
    assert world.steps(prompt_id) == [
        ("READ_BRIEF", 0, "DONE", None),
        ("ANALYZE_STYLE", 0, "SKIPPED", None),
        ("GENERATE", 1, "DONE", None),
        ("GENERATE", 2, "DONE", None),
        ("GENERATE", 3, "DONE", None),
        ("FINISH", 0, "DONE", None),
    ]
    stored = ["output.stored", "run.step_finished"]
    assert world.events(prompt_id) == [
        "run.started",
        *["run.step_finished"] * 2,
        *stored * 3,
        "run.step_finished",
        "run.finished",
    ]
    seeds = [question["seed"] for question in stand_in.asked]
    assert len(set(seeds)) == 3
    with transaction(world.store.engine) as session:
        output = session.scalars(select(Output)).first()
        assert output is not None
        assert (output.model, output.provider) == ("house-model", stand_in.url.split("/")[2])
        assert output.byte_size == len("Hello there.")
        assert all(step.partial is None for step in session.scalars(select(PromptStep)))


def test_the_model_is_told_brief_texts_and_facts_of_pictures(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Text assets go in as excerpts, pictures as facts, in the order given, all of it bounded."""
    owner = world.contributor()
    project = world.project(owner)
    notes = world.asset(owner, project, "text/plain", b"Salt and rope. " * 5000, "Harbour notes")
    drawn = io.BytesIO()
    Image.new("RGB", (900, 300), (200, 20, 30)).save(drawn, "PNG")
    picture = world.asset(owner, project, "image/png", drawn.getvalue(), "The red wall")
    prompt_id = world.submit(
        project, owner, f"Describe {MARKER}", assets=(picture, notes), temperature=0.2, maxTokens=17, seed=99
    )
    generate(agents, prompt_id)
    (question,) = stand_in.asked
    system, user = (message["content"] for message in question["messages"])
    assert MARKER in user
    assert MARKER not in system
    assert user.index("The red wall: a wide picture, 900 by 300 pixels, mostly red") < user.index("Harbour notes: Salt")
    assert len(user) < 8_000
    assert (question["temperature"], question["max_tokens"], question["seed"]) == (0.2, 17, 99)


def test_a_run_taken_up_again_does_nothing_twice(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Calling an ended run again asks no model, stores nothing, and says nothing to the trail."""
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, variations=2)
    generate(agents, prompt_id)
    before = world.events(prompt_id), len(stand_in.asked), world.count(Output)
    generate(agents, prompt_id)
    assert (world.events(prompt_id), len(stand_in.asked), world.count(Output)) == before


def test_a_failing_model_fails_the_run_with_a_code(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Nothing was stored, so the run is FAILED; the step says why in a code, and asking again was not tried."""
    stand_in.status = 400
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, MARKER, variations=2)
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.FAILED, 0, 2, 0)
    assert world.steps(prompt_id)[2:] == [
        ("GENERATE", 1, "FAILED", "MODEL_REFUSED"),
        ("GENERATE", 2, "FAILED", "MODEL_REFUSED"),
        ("FINISH", 0, "DONE", None),
    ]
    assert len(stand_in.asked) == 2
    assert world.count(Output) == 0


def test_a_passing_trouble_is_waited_out(world: World, agents: Agents, stand_in: StandIn) -> None:
    """An overloaded endpoint is asked again after a pause, and the run completes."""
    stand_in.fail_first = 1
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner)
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.COMPLETED, 1, 0, 0)
    assert len(stand_in.asked) == 2


def test_a_model_that_is_not_offered_any_more_fails_the_run(world: World, agents: Agents) -> None:
    """A prompt queued for a model that a restart took away ends with a code."""
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, model="gone")
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.FAILED, 0, 1, 0)
    assert ("GENERATE", 1, "FAILED", "MODEL_UNKNOWN") in world.steps(prompt_id)


def test_one_variation_may_fail_alone(world: World, agents: Agents, stand_in: StandIn) -> None:
    """What could be stored is kept: the run is COMPLETED with one stored and one failed."""
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, variations=2)
    stand_in.refuse_first = 1
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.COMPLETED, 1, 1, 0)


def test_a_run_cancelled_while_it_writes_stops_and_keeps_what_is_stored(
    world: World, agents: Agents, stand_in: StandIn
) -> None:
    """The second variation is broken off, its partial text is gone, the first stays."""
    stand_in.words, stand_in.pause = ["word "] * 12, 0.05
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, variations=3)

    def cancel() -> None:
        if len(stand_in.asked) == 2:
            with world.work() as work:
                prompt = work.session.get_one(Prompt, prompt_id)
                prompt.cancel_requested_at = prompt.cancel_requested_at or now()

    stand_in.on_word = cancel
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.CANCELLED, 1, 0, 2)
    assert world.steps(prompt_id)[2:] == [
        ("GENERATE", 1, "DONE", None),
        ("GENERATE", 2, "CANCELLED", None),
        ("FINISH", 0, "DONE", None),
    ]
    with transaction(world.store.engine) as session:
        assert all(step.partial is None for step in session.scalars(select(PromptStep)))


def test_a_run_cancelled_before_it_began_asks_no_model(world: World, agents: Agents, stand_in: StandIn) -> None:
    """A queued prompt that was called off ends as cancelled, and says so."""
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner, variations=2)
    with world.work() as work:
        work.session.get_one(Prompt, prompt_id).cancel_requested_at = now()
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.CANCELLED, 0, 0, 2)
    assert stand_in.asked == []
    assert world.events(prompt_id) == ["run.step_finished", "run.finished"]


def test_the_text_grows_sealed_while_it_is_written(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Whoever may read the prompt sees the text so far; the database holds none of it in clear."""
    stand_in.words, stand_in.pause = [f"{MARKER} "] * 12, 0.1
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner)
    seen: list[str] = []

    def look() -> None:
        with world.work() as work:
            for step in work.session.scalars(select(PromptStep).where(PromptStep.partial.is_not(None))):
                assert step.partial is not None
                assert MARKER.encode() not in step.partial.stored
                step.decisions = frozenset({"read_content"})
                seen.append(work.vault.open(step, "partial"))

    stand_in.on_word = look
    generate(agents, prompt_id)
    assert len(set(seen)) >= 2
    assert seen == sorted(seen, key=len)
    assert all(f"{MARKER} " * 12 == text or (f"{MARKER} " * 12).startswith(text) for text in seen)


def test_an_author_who_lost_the_project_stops_the_run(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Permission is asked again at every step: without it the run ends, adds up, and the refusal is in the trail."""
    owner, author = world.contributor(), world.contributor()
    project = world.project(owner)
    world.share(project, owner, author, MemberRole.EDITOR)
    prompt_id = world.submit(project, owner, author=author, variations=2)

    def unshare() -> None:
        with world.work() as work:
            member = work.session.get(ProjectMember, (project, author))
            if member is not None and len(stand_in.asked) == 2:
                work.session.delete(member)

    stand_in.words, stand_in.pause, stand_in.on_word = ["word "] * 12, 0.05, unshare
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.CANCELLED, 1, 0, 1)
    assert world.events(prompt_id).count("access.denied") == 1
    assert world.texts(prompt_id, owner) == [("word " * 12).strip()]


def test_a_member_with_rights_may_have_work_done(world: World, agents: Agents) -> None:
    """The agent works for the author; what it makes belongs to the project's owner, and the author sees it."""
    owner, author = world.contributor(), world.contributor()
    project = world.project(owner)
    world.share(project, owner, author, MemberRole.EDITOR)
    prompt_id = world.submit(project, owner, author=author)
    generate(agents, prompt_id)
    assert world.texts(prompt_id, author) == ["Hello there."]
    with transaction(world.store.engine) as session:
        assert session.scalars(select(Output.owner_id)).one() == owner


def test_a_prompt_deleted_while_it_runs_ends_quietly(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Rows and keyset are destroyed in mid-sentence: the run ends, writes nothing more, and raises nothing."""
    owner = world.contributor()
    project = world.project(owner)
    prompt_id = world.submit(project, owner, variations=2)

    def erase() -> None:
        if world.prompt(prompt_id) is not None:
            with world.work() as work:
                runs.claim(work.session, prompt_id)  # first, like whoever writes a step of it
                for model in (PromptStep, PromptAsset, Output, ProviderCall, ProviderCopy):
                    for row in work.session.scalars(select(model).where(model.prompt_id == prompt_id)):
                        work.session.delete(row)
                work.session.delete(work.session.get_one(Prompt, prompt_id))
            world.store.keyring.destroy(KeysetName("project", str(project)))

    stand_in.words, stand_in.pause, stand_in.on_word = ["word "] * 8, 0.1, erase
    generate(agents, prompt_id)
    assert world.prompt(prompt_id) is None
    assert world.count(Output) == world.count(PromptStep) == 0
    assert "run.finished" not in world.events(prompt_id)


def test_a_project_whose_keys_are_gone_stores_nothing(world: World, agents: Agents, stand_in: StandIn) -> None:
    """Between the destruction of its keyset and of its rows a run fails with a code, and nothing is written."""
    owner = world.contributor()
    project = world.project(owner)
    prompt_id = world.submit(project, owner)
    world.store.keyring.destroy(KeysetName("project", str(project)))
    generate(agents, prompt_id)
    assert counts(world, prompt_id) == (PromptStatus.FAILED, 0, 1, 0)
    assert world.steps(prompt_id)[0] == ("READ_BRIEF", 0, "FAILED", "KEY_DESTROYED")
    assert stand_in.asked == []


def test_an_account_being_erased_stops_its_runs_without_a_trace(
    world: World, agents: Agents, stand_in: StandIn
) -> None:
    """From the moment an account is ERASING no run of its goes on, and none writes a new event about its person."""
    owner = world.contributor()
    prompt_id = world.submit(world.project(owner), owner)
    with world.work() as work:
        work.session.get_one(Contributor, owner).status = ContributorStatus.ERASING
    generate(agents, prompt_id)
    assert stand_in.asked == []
    assert world.events(prompt_id) == []


def test_a_prompt_that_is_gone_is_nothing_to_do(world: World, agents: Agents) -> None:
    """A job that outlived its prompt ends without a word."""
    unknown = uuid.uuid4()
    generate(agents, unknown)
    assert world.events(unknown) == []


@pytest.mark.parametrize("allowed", [True, False])
def test_style_is_learned_only_with_the_opt_in(world: World, agents: Agents, stand_in: StandIn, allowed: bool) -> None:
    """With it, a profile of numbers is kept sealed and shapes what is asked; without it, there is none."""
    owner = world.contributor(style_learning=allowed)
    project = world.project(owner)
    prompt_id = world.submit(project, owner, f"I love short lines! Write one for my {MARKER}!")
    generate(agents, prompt_id)
    assert ("ANALYZE_STYLE", 0, "DONE" if allowed else "SKIPPED", None) in world.steps(prompt_id)
    assert world.count(StyleProfile) == (1 if allowed else 0)
    system = stand_in.asked[0]["messages"][0]["content"]
    assert ("Write as this author likes it: short sentences" in system) is allowed
    if allowed:
        generate(agents, world.submit(project, owner, "I love short lines! Yes!"))
        with world.work() as work:
            profile = work.session.get_one(StyleProfile, owner)
            profile.decisions = frozenset({"read_content"})
            learned = work.vault.open(profile, "profile")
        assert learned["briefs"] == 2
        assert MARKER not in str(learned)
        assert all(isinstance(value, int | float) for value in learned.values())


def test_what_was_learned_goes_when_the_opt_in_goes(world: World, agents: Agents) -> None:
    """Taken back, the permission takes the profile with it: the next run deletes what it finds."""
    owner = world.contributor(style_learning=True)
    project = world.project(owner)
    generate(agents, world.submit(project, owner, "I love short lines!"))
    assert world.count(StyleProfile) == 1
    with world.work() as work:
        work.session.get_one(PrivacyPreferences, owner).style_learning = False
    generate(agents, world.submit(project, owner, "I love short lines!"))
    assert world.count(StyleProfile) == 0
