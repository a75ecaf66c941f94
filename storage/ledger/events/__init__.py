"""Every event there is. One module per concept; `docs/audit-events.md` is generated from them."""

from storage.ledger.events.access import AccessDenied, ContentRead, RefusalCode, SystemStarted, TrailRead
from storage.ledger.events.assets import (
    AssetCreated,
    AssetUpdated,
    AssetUploaded,
    AssetUploadRefused,
    ContentDownloaded,
    UploadRefusal,
)
from storage.ledger.events.base import REGISTRY, Event, EventRefused
from storage.ledger.events.contributors import ContributorRegistered, PreferencesUpdated
from storage.ledger.events.deletions import (
    AccountErased,
    DeletionErased,
    DeletionRequested,
    DeletionStarted,
    DeletionVerified,
)
from storage.ledger.events.exports import (
    ExportBuilt,
    ExportDeleted,
    ExportDeletion,
    ExportDownloaded,
    ExportFailed,
    ExportFailure,
    ExportLinkMinted,
    ExportRequested,
)
from storage.ledger.events.grants import (
    AccessGrantApproved,
    AccessGrantConsented,
    AccessGrantDenied,
    AccessGrantEnded,
    AccessGrantRequested,
)
from storage.ledger.events.keys import KeysRotated, KeysRotationStarted, RotatedKeys
from storage.ledger.events.ledger import Discrepancy, LedgerHalted
from storage.ledger.events.outputs import OutputStored
from storage.ledger.events.projects import ProjectCreated, ProjectShared, ProjectUnshared, ProjectUpdated
from storage.ledger.events.prompts import (
    PromptCancelRequested,
    PromptSubmitted,
    RunFinished,
    RunStarted,
    RunStepFinished,
)
from storage.ledger.events.sessions import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyRotated,
    SessionEnd,
    SessionEnded,
    SessionRefused,
    SessionStarted,
    SessionSteppedUp,
    SessionThrottled,
    SignInRefusal,
)
from storage.ledger.events.staff import RoleAssigned, StaffAdded
from storage.ledger.events.values import Category, Identifier, Outcome, Resource

__all__ = [
    "REGISTRY",
    "AccessDenied",
    "AccessGrantApproved",
    "AccessGrantConsented",
    "AccessGrantDenied",
    "AccessGrantEnded",
    "AccessGrantRequested",
    "AccountErased",
    "ApiKeyCreated",
    "ApiKeyRevoked",
    "ApiKeyRotated",
    "AssetCreated",
    "AssetUpdated",
    "AssetUploadRefused",
    "AssetUploaded",
    "Category",
    "ContentDownloaded",
    "ContentRead",
    "ContributorRegistered",
    "DeletionErased",
    "DeletionRequested",
    "DeletionStarted",
    "DeletionVerified",
    "Discrepancy",
    "Event",
    "EventRefused",
    "ExportBuilt",
    "ExportDeleted",
    "ExportDeletion",
    "ExportDownloaded",
    "ExportFailed",
    "ExportFailure",
    "ExportLinkMinted",
    "ExportRequested",
    "Identifier",
    "KeysRotated",
    "KeysRotationStarted",
    "LedgerHalted",
    "Outcome",
    "OutputStored",
    "PreferencesUpdated",
    "ProjectCreated",
    "ProjectShared",
    "ProjectUnshared",
    "ProjectUpdated",
    "PromptCancelRequested",
    "PromptSubmitted",
    "RefusalCode",
    "Resource",
    "RoleAssigned",
    "RotatedKeys",
    "RunFinished",
    "RunStarted",
    "RunStepFinished",
    "SessionEnd",
    "SessionEnded",
    "SessionRefused",
    "SessionStarted",
    "SessionSteppedUp",
    "SessionThrottled",
    "SignInRefusal",
    "StaffAdded",
    "SystemStarted",
    "TrailRead",
    "UploadRefusal",
]
