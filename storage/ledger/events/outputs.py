"""What befalls an output."""

import uuid

from storage.assets import Classification
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class OutputStored(Event):
    """The generation agent sealed and stored one variation. Lengths are in characters, sizes in bytes."""

    action = "output.stored"
    category = Category.AGENT_ACTION
    resource = Resource.OUTPUT

    prompt_length: int
    model_used: Identifier
    output_generated: bool
    data_classification: Classification
    project_id: uuid.UUID
    prompt_id: uuid.UUID
    variation: int
    byte_size: int
    provider: Identifier
