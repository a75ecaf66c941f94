"""What was taken in from an archive: of each thing the id that it had before."""

import uuid

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class ImportBegun(Event):
    """The imports agent took up an archive, or took it up again: whole, and signed by a key that is trusted here."""

    action = "import.begun"
    category = Category.AGENT_ACTION
    resource = Resource.EXPORT

    manifest_sha256: Identifier
    byte_size: int


class ProjectImported(Event):
    """A project came out of an archive."""

    action = "project.imported"
    category = Category.AGENT_ACTION
    resource = Resource.PROJECT

    original_id: uuid.UUID


class AssetImported(Event):
    """An asset came out of an archive. `byte_size` is 0 where its bytes had never come."""

    action = "asset.imported"
    category = Category.AGENT_ACTION
    resource = Resource.ASSET

    project_id: uuid.UUID
    original_id: uuid.UUID
    byte_size: int


class PromptImported(Event):
    """A prompt, with the record of its run, came out of an archive."""

    action = "prompt.imported"
    category = Category.AGENT_ACTION
    resource = Resource.PROMPT

    project_id: uuid.UUID
    original_id: uuid.UUID


class OutputImported(Event):
    """An output came out of an archive; what made it, made it elsewhere."""

    action = "output.imported"
    category = Category.AGENT_ACTION
    resource = Resource.OUTPUT

    project_id: uuid.UUID
    original_id: uuid.UUID
    byte_size: int


class StyleImported(Event):
    """What was learned of a contributor's style elsewhere came out of an archive; agents may learn it here too."""

    action = "style_profile.imported"
    category = Category.AGENT_ACTION
    resource = Resource.STYLE_PROFILE


class ImportFinished(Event):
    """All of an archive has been taken in. `record_count`: rows that are there now out of it."""

    action = "import.finished"
    category = Category.AGENT_ACTION
    resource = Resource.EXPORT

    manifest_sha256: Identifier
    record_count: int
    file_count: int
    left_out: int
