"""Outputs in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from schema.nodes import Node, plain, reference, sealed
from storage.outputs import Output as OutputRow


@strawberry.type(description="One variation that an agent made. It belongs to the contributor, like an upload.")
class Output(Node):
    """What came of a prompt."""

    record: ClassVar = OutputRow
    actions: ClassVar = (Action.DELETE, Action.READ, Action.READ_CONTENT)

    prompt_id: strawberry.ID = reference("prompt_id", "Prompt", "The prompt it answers.")
    project_id: strawberry.ID = reference("project_id", "Project", "The project it lies in.")
    owner_id: strawberry.ID = reference("owner_id", "Contributor", "Whose it is.")
    variation: int = plain("variation", int, "Which of the variations asked for, from 1.")
    text: str = sealed("text", str, "What the agent wrote.")
    media_type: str = plain("media_type", str, "Its media type.")
    byte_size: int = plain("byte_size", int, "Its size in bytes.")
    model: str = plain("model", str, "The model that made it.")
    model_digest: str | None = plain(
        "model_digest", str | None, "SHA-256 of the model's weights; null where the provider doesn't say."
    )
    provider: str = plain("provider", str, "Who ran the model.")
    created_at: datetime = plain("created_at", datetime, "When it was stored.")
