"""What befalls an asset, from the announcement to the download."""

import enum
import uuid

from storage.assets import Classification
from storage.grants import ReasonCode
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.metadata import Handling
from storage.staff import StaffRole


class UploadRefusal(enum.StrEnum):
    """Why an upload was turned away."""

    TOO_LARGE = "TOO_LARGE"
    TRUNCATED = "TRUNCATED"
    WRONG_TYPE = "WRONG_TYPE"
    ALREADY_UPLOADED = "ALREADY_UPLOADED"


class AssetCreated(Event):
    """A place for a file was made; the file itself follows by upload."""

    action = "asset.created"
    category = Category.USER_ACTION
    resource = Resource.ASSET

    project_id: uuid.UUID
    byte_size: int
    data_classification: Classification = Classification.USER_CONTENT


class AssetUpdated(Event):
    """What is said about a file was changed: its name, title, description or tags."""

    action = "asset.updated"
    category = Category.USER_ACTION
    resource = Resource.ASSET

    project_id: uuid.UUID
    fields_changed: int


class AssetUploaded(Event):
    """A file arrived whole and was sealed. `byte_size` is what was kept; less may be kept than came."""

    action = "asset.uploaded"
    category = Category.USER_ACTION
    resource = Resource.ASSET

    project_id: uuid.UUID
    byte_size: int
    metadata: Handling = Handling.AS_SENT
    data_classification: Classification = Classification.USER_CONTENT


class AssetUploadRefused(Event):
    """A file was turned away; nothing of it was kept."""

    action = "asset.upload_refused"
    category = Category.SYSTEM_DECISION
    resource = Resource.ASSET

    project_id: uuid.UUID
    reason: UploadRefusal
    bytes_received: int


class AssetThumbnailMade(Event):
    """The thumbnails agent made a small picture of an image, sealed like the image itself."""

    action = "asset.thumbnail_made"
    category = Category.AGENT_ACTION
    resource = Resource.ASSET

    project_id: uuid.UUID
    byte_size: int


class FileBound(Event):
    """A file in an older format was written anew under a fresh key, bound to its asset and owner."""

    action = "asset.file_bound"
    category = Category.SYSTEM_DECISION
    resource = Resource.ASSET

    project_id: uuid.UUID
    byte_size: int


class ContentDownloaded(Event):
    """Someone was about to be sent a file's bytes: written before the first byte leaves.

    Of staff who fetch it under a grant the job and the reason are said, which are the grant's.
    """

    action = "content.downloaded"
    category = Category.USER_ACTION
    resource = Resource.ASSET

    project_id: uuid.UUID
    byte_size: int
    partial: bool
    role: StaffRole | None = None
    reason: ReasonCode | None = None
