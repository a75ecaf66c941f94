"""Prompts and their runs, in the API's words."""

from datetime import datetime
from typing import Any, ClassVar

import strawberry

from policies.actions import Action
from resolvers import prompts
from resolvers.prompts import Progress
from schema.connections import Connection, Order, below
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.nodes import Info, Level, Node, plain, reference, sealed
from schema.outputs import Output
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.prompts import Prompt as PromptRow
from storage.prompts import PromptStatus, StepName, StepStatus

strawberry.enum(PromptStatus, description="Where a prompt's run stands.")
strawberry.enum(StepName, name="StepName", description="A step of a run. GENERATE occurs once per variation.")
strawberry.enum(
    StepStatus, name="StepStatus", description="How a step went. SKIPPED: a preference of the contributor's forbids it."
)


@strawberry.type(description="A brief given to an agent, and the run that answers it.")
class Prompt(Node):
    """A brief. Once the run has ended, variations = stored + failed + cancelled."""

    record: ClassVar = PromptRow
    actions: ClassVar = (Action.CANCEL, Action.DELETE, Action.READ, Action.READ_CONTENT)

    project_id: strawberry.ID = reference("project_id", "Project", "The project it lies in.")
    owner_id: strawberry.ID = reference("owner_id", "Contributor", "Whose it is, with all that comes of it.")
    author_id: strawberry.ID = reference("author_id", "Contributor", "Who wrote it.")
    status: PromptStatus = plain("status", PromptStatus, "Where the run stands.")
    text: str = sealed("text", str, "The brief.")
    model: str = plain("model", str, "The model asked for.")
    variations: int = plain("variations", int, "How many variations were asked for.")
    stored: int = plain("stored", int, "How many variations were made and kept.")
    failed: int = plain("failed", int, "How many variations could not be made.")
    cancelled: int = plain("cancelled", int, "How many variations were called off.")
    created_at: datetime = plain("created_at", datetime, "When it was submitted.")
    finished_at: datetime | None = plain("finished_at", datetime | None, "When the run ended.")

    outputs: Connection[Output] = below(
        Output, "prompt_id", "What came of it, variation by variation.", order=Order.OLDEST_FIRST
    )


@strawberry.type(description="One step of a run.")
class PromptStep:
    """A step, as far as it has come."""

    row: strawberry.Private[Any]
    level: strawberry.Private[Level]

    name: StepName = plain("name", StepName, "Which step it is.")
    variation: int = plain("variation", int, "The variation being written, from 1; 0 for steps of the whole run.")
    status: StepStatus = plain("status", StepStatus, "How it went.")
    partial_text: str | None = sealed("partial", str | None, "The text so far, while a variation is being written.")
    started_at: datetime = plain("started_at", datetime, "When it began.")
    ended_at: datetime | None = plain("ended_at", datetime | None, "When it ended.")


@strawberry.type(description="How far a run is, at one moment.")
class PromptProgress:
    """An event of the promptProgress subscription."""

    prompt: Prompt = strawberry.field(description="The prompt, as it is now.")
    steps: list[PromptStep] = strawberry.field(description="The steps begun so far, in order.")
    percentage: int = strawberry.field(description="Share of the variations that have ended, 0 to 100.")


def progress_of(progress: Progress) -> PromptProgress:
    """A run's state in the API's words."""
    prompt = Prompt(row=progress.prompt, level=Level([progress.prompt]))
    level = Level(progress.steps)
    steps = [PromptStep(row=row, level=level) for row in progress.steps]
    return PromptProgress(prompt=prompt, steps=steps, percentage=progress.percentage)


@strawberry.input(description="How the model is asked to write. What is left out is the agent's choice.")
class GenerationParameters:
    """Settings of a generation."""

    temperature: float | None = strawberry.field(default=None, description="0 (always the same) to 2 (wild).")
    max_tokens: int | None = strawberry.field(default=None, description="Length of each variation, 1 to 2048 tokens.")
    seed: int | None = strawberry.field(default=None, description="Makes a run repeatable where the provider allows.")


@strawberry.input(description="A brief for the generation agent.")
class SubmitPromptInput:
    """Input of submitPrompt."""

    project_id: strawberry.ID = strawberry.field(description="The project to work in.")
    text: str = strawberry.field(description="The brief: what to make.")
    asset_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Up to 10 assets of the same project to work from."
    )
    model: str | None = strawberry.field(default=None, description="A model offered here; the default if left out.")
    variations: int = strawberry.field(default=1, description="How many variations to make.")
    parameters: GenerationParameters | None = strawberry.field(default=None, description="How to write them.")


@strawberry.input(description="Which run to call off.")
class CancelPromptInput:
    """Input of cancelPrompt."""

    prompt_id: strawberry.ID = strawberry.field(description="The prompt whose run to call off.")


@strawberry.type(description="The prompt, as it is now.")
class PromptPayload:
    """Answer of submitPrompt and cancelPrompt."""

    prompt: Prompt = strawberry.field(description="The prompt. Follow its run with promptProgress.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class PromptMutations:
    """Mutations about prompts."""

    @mutation("Give the generation agent a brief. It is queued at once and runs by itself.")
    def submit_prompt(self, info: Info, input: SubmitPromptInput) -> PromptPayload:
        given = input.parameters or GenerationParameters()
        row = prompts.submit(
            info.context,
            decode_id_of("Project", input.project_id, "projectId"),
            text=input.text,
            asset_ids=[decode_id_of("Asset", asset, "assetIds") for asset in input.asset_ids],
            model=input.model,
            variations=input.variations,
            parameters=prompts.Parameters(given.temperature, given.max_tokens, given.seed),
        )
        return PromptPayload(prompt=Prompt.of(row), audit_event_id=audit_event_id(info))

    @mutation("Call a run off. What is stored already stays.")
    def cancel_prompt(self, info: Info, input: CancelPromptInput) -> PromptPayload:
        row = prompts.cancel(info.context, decode_id_of("Prompt", input.prompt_id, "promptId"))
        return PromptPayload(prompt=Prompt.of(row), audit_event_id=audit_event_id(info))
