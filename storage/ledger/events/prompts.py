"""What befalls a prompt, and the run that answers it."""

import uuid

from storage.assets import Classification
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource
from storage.prompts import StepName, StepStatus


class PromptSubmitted(Event):
    """A contributor handed in a brief. Its length in characters is recorded, its text is not."""

    action = "prompt.submitted"
    category = Category.USER_ACTION
    resource = Resource.PROMPT

    project_id: uuid.UUID
    prompt_length: int
    asset_count: int
    variations: int
    model_used: Identifier
    data_classification: Classification = Classification.USER_CONTENT


class PromptCancelRequested(Event):
    """A contributor asked for a run to stop; what is already stored stays."""

    action = "prompt.cancel_requested"
    category = Category.USER_ACTION
    resource = Resource.PROMPT

    project_id: uuid.UUID


class RunStarted(Event):
    """The generation agent took up a prompt, or took it up again after a crash."""

    action = "run.started"
    category = Category.AGENT_ACTION
    resource = Resource.PROMPT

    project_id: uuid.UUID
    variations: int
    model_used: Identifier
    provider: Identifier


class RunStepFinished(Event):
    """One step of a run came to its end. `variation` counts from 1; 0 is a step that belongs to the whole run."""

    action = "run.step_finished"
    category = Category.AGENT_ACTION
    resource = Resource.PROMPT

    project_id: uuid.UUID
    step: StepName
    status: StepStatus
    variation: int = 0


class RunFinished(Event):
    """A run ended: `asked` = `stored` + `failed` + `cancelled`."""

    action = "run.finished"
    category = Category.AGENT_ACTION
    resource = Resource.PROMPT

    project_id: uuid.UUID
    asked: int
    stored: int
    failed: int
    cancelled: int
