"""Prompts: giving an agent a brief, and calling it off."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from policies.actions import Action
from resolvers import inputs, quotas, services
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, LegalHold
from storage import legal_holds, search
from storage.assets import Asset, AssetStatus
from storage.ids import new_id
from storage.ledger import events
from storage.projects import Project
from storage.prompts import Prompt, PromptAsset, PromptStatus, PromptStep, steps_of
from storage.services import DataCategory, Parcel

MAX_ASSETS = 10


@dataclass(frozen=True)
class Parameters:
    """How the model is asked to write. None leaves the choice to the agent."""

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None

    def checked(self) -> "Parameters":
        """Raises `BadInput` for a value the models can't use."""
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise BadInput("temperature must lie between 0 and 2.", field="parameters.temperature")
        if self.max_tokens is not None:
            inputs.between(self.max_tokens, "parameters.maxTokens", at_least=1, at_most=2048)
        if self.seed is not None:
            inputs.between(self.seed, "parameters.seed", at_least=0, at_most=2**31 - 1)
        return self

    def as_json(self) -> dict[str, float | int | None]:
        return {"temperature": self.temperature, "maxTokens": self.max_tokens, "seed": self.seed}


def submit(
    context: Context,
    project_id: uuid.UUID,
    *,
    text: str,
    asset_ids: Sequence[uuid.UUID],
    model: str | None,
    variations: int,
    parameters: Parameters,
) -> Prompt:
    """Queue a brief for the generation agent: row, event and job in one transaction.

    Raises `BadInput` for an empty or over-long text, an unknown model, a number of variations out of bounds, or an
    asset that is not in this project or has no bytes yet; `OverQuota` for more than may wait, or be submitted in a
    day; `LegalHold` for what its owner has let go of;
    `ServiceNotApproved` and `ConsentRequired` where a service would answer to which this may not be sent now.
    """
    limits = context.limits
    inputs.text(text, "text", at_most=limits.prompt_characters)
    inputs.between(variations, "variations", at_least=1, at_most=limits.variations)
    chosen = model if model is not None else limits.models[0]
    if chosen not in limits.models:
        raise BadInput(f"model is not offered here; offered are {', '.join(limits.models)}.", field="model")
    if len(asset_ids) > MAX_ASSETS or len(set(asset_ids)) != len(asset_ids):
        raise BadInput(f"assetIds takes at most {MAX_ASSETS} different assets.", field="assetIds")
    settings = parameters.checked().as_json()
    project = context.access.get(Project, project_id, Action.SUBMIT_PROMPT)
    for asset_id in asset_ids:
        asset = context.access.get(Asset, asset_id, Action.READ_CONTENT)
        if asset.project_id != project.id:
            raise BadInput("assetIds names an asset of another project.", field="assetIds")
        if asset.status is not AssetStatus.AVAILABLE:
            raise BadInput("assetIds names an asset whose bytes have not arrived yet.", field="assetIds")
    work = context.work
    categories = {DataCategory.PROMPTS, *({DataCategory.ASSETS} if asset_ids else ())}
    parcel = Parcel(limits.model_address, frozenset(categories), frozenset({project.owner_id, context.caller_id}))
    services.demand_in_order(context, parcel, Action.SUBMIT_PROMPT, "Prompt")
    if legal_holds.is_let_go(work.session, project.owner_id, project.id, *asset_ids):
        raise LegalHold("Its owner has let go of this; only a legal hold keeps it, and no agent works with it.")
    waiting = quotas.demand_prompt(context)
    prompt = Prompt(
        id=new_id(),
        owner_id=project.owner_id,
        author_id=context.caller_id,
        project_id=project.id,
        model=chosen,
        variations=variations,
    )
    work.vault.seal(prompt, text=text, parameters=settings)
    work.session.add(prompt)
    work.session.flush()
    for position, asset_id in enumerate(asset_ids):
        work.session.add(
            PromptAsset(
                prompt_id=prompt.id,
                asset_id=asset_id,
                owner_id=prompt.owner_id,
                project_id=project.id,
                position=position,
            )
        )
    work.record(
        events.PromptSubmitted(
            resource_id=prompt.id,
            subject_id=prompt.owner_id,
            project_id=project.id,
            prompt_length=len(text),
            model_used=events.Identifier(chosen),
            variations=variations,
            asset_count=len(asset_ids),
        ),
        beside=search.words_of(work.vault, prompt),
    )
    work.enqueue("generate", prompt.id, owner=prompt.author_id, ahead=waiting)
    work.session.flush()
    return context.access.get(Prompt, prompt.id, Action.READ)


def cancel(context: Context, prompt_id: uuid.UUID) -> Prompt:
    """Call a run off. What is stored already stays; the agent stops at its next step.

    Raises `Conflict` for a run that has ended.
    """
    prompt = context.access.get(Prompt, prompt_id, Action.CANCEL)
    if prompt.status not in (PromptStatus.QUEUED, PromptStatus.RUNNING):
        raise Conflict(f"This run has ended: it is {prompt.status.value}.")
    prompt.cancel_requested_at = prompt.cancel_requested_at or context.work.now
    context.work.record(
        events.PromptCancelRequested(resource_id=prompt.id, subject_id=prompt.owner_id, project_id=prompt.project_id)
    )
    context.work.session.flush()
    return prompt


@dataclass(frozen=True)
class Progress:
    """How far a run is, at one moment."""

    prompt: Prompt
    steps: list[PromptStep]
    percentage: int

    @property
    def ended(self) -> bool:
        return self.prompt.status not in (PromptStatus.QUEUED, PromptStatus.RUNNING)


def progress(context: Context, prompt_id: uuid.UUID) -> Progress:
    """How far the run of a prompt is; asked anew for every event of a subscription."""
    prompt = context.access.get(Prompt, prompt_id, Action.READ)
    steps = steps_of(context.work.session, context.access.select(PromptStep, Action.READ), prompt.id)
    ended = prompt.stored + prompt.failed + prompt.cancelled
    done = prompt.status not in (PromptStatus.QUEUED, PromptStatus.RUNNING)
    return Progress(prompt, steps, 100 if done else min(99, 100 * ended // prompt.variations))
