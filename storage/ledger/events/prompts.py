"""What befalls a prompt, and the run that answers it."""

import enum
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
    """A run ended: `asked` = `stored` + `failed` + `cancelled`.

    What it called of the model, and how long it listened, is counted since it was last taken up.
    """

    action = "run.finished"
    category = Category.AGENT_ACTION
    resource = Resource.PROMPT

    project_id: uuid.UUID
    asked: int
    stored: int
    failed: int
    cancelled: int
    model_calls: int = 0
    model_seconds: int = 0


class RunBudget(enum.StrEnum):
    """Of what a run spent too much."""

    CALLS = "CALLS"
    SECONDS = "SECONDS"
    USUAL = "USUAL"  # no more than it may, and far longer than runs of the last week


class RunOverspent(Event):
    """A run called the model more often, or listened to it longer, than a run may, and was stopped at that.

    Or, USUAL, more than three times as long as the median run of the last week; then it was not stopped.
    """

    action = "run.overspent"
    category = Category.SECURITY_EVENT
    resource = Resource.PROMPT

    project_id: uuid.UUID
    budget: RunBudget
    spent: int
    allowed: int
