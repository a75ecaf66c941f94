"""Every event there is. One module per concept; `docs/audit-events.md` is generated from them."""

from storage.ledger.events.access import (
    AccessDenied,
    AgentStrayed,
    ContentDamaged,
    ContentRead,
    CredentialReason,
    CredentialRefused,
    RefusalCode,
    StrangersDenied,
    SystemStarted,
    TrailRead,
)
from storage.ledger.events.access_reviews import AccessReviewClosed, AccessReviewItemDecided, AccessReviewOpened
from storage.ledger.events.assets import (
    AssetCreated,
    AssetThumbnailMade,
    AssetUpdated,
    AssetUploaded,
    AssetUploadRefused,
    ContentDownloaded,
    FileBound,
    UploadRefusal,
)
from storage.ledger.events.backups import BackedUp, BackupFailed, BackupRehearsed, BackupRestored, BackupTaken
from storage.ledger.events.base import REGISTRY, Event, EventRefused
from storage.ledger.events.changes import ChangeApproved, ChangeDenied, ChangeRegistered, VersionBegan
from storage.ledger.events.contributors import (
    ContributorRegistered,
    PreferenceBypassed,
    PreferencesUpdated,
    StyleCorrected,
    StyleForgotten,
    Used,
)
from storage.ledger.events.controls import (
    ControlsChecked,
    ControlSwitchedOff,
    FindingAccepted,
    FindingClosed,
    FindingOpened,
    FindingReopened,
    LogWithheld,
    Safeguard,
    Secret,
)
from storage.ledger.events.deletions import (
    AccountErased,
    CopiesRecalled,
    DeletionErased,
    DeletionRequested,
    DeletionStarted,
    DeletionSupplemented,
    DeletionVerified,
)
from storage.ledger.events.exports import (
    ExportAnnounced,
    ExportBuilt,
    ExportDeleted,
    ExportDeletion,
    ExportDownloaded,
    ExportFailed,
    ExportFailure,
    ExportLinkMinted,
    ExportRequested,
    ExportWithdrawn,
)
from storage.ledger.events.factors import (
    RecoveryCodeUsed,
    SecondFactorEnrolled,
    SecondFactorOffered,
    SecondFactorRemoved,
)
from storage.ledger.events.federation import IdentityLinked, IdentityUnlinked
from storage.ledger.events.grants import (
    AccessGrantApproved,
    AccessGrantConsented,
    AccessGrantDenied,
    AccessGrantEnded,
    AccessGrantRequested,
    AccessGrantReviewed,
)
from storage.ledger.events.imports import (
    AssetImported,
    ImportBegun,
    ImportFinished,
    OutputImported,
    ProjectImported,
    PromptImported,
    StyleImported,
)
from storage.ledger.events.incidents import (
    DetectionAlarmed,
    IncidentAcknowledged,
    IncidentAlerted,
    IncidentClosed,
    IncidentContained,
    IncidentFollowUpCompleted,
    IncidentFollowUpOpened,
    IncidentFollowUpReassigned,
    IncidentFollowUpReviewed,
    IncidentJoined,
    IncidentMeasureLifted,
    IncidentNoticeDrafted,
    IncidentNotified,
    IncidentOpened,
    IncidentStepRecorded,
    IncidentTriaged,
    SentinelBeat,
)
from storage.ledger.events.investigations import (
    InvestigationEnd,
    InvestigationEnded,
    InvestigationOpened,
    TrailOpened,
)
from storage.ledger.events.keys import KeysOverused, KeysRotated, KeysRotationStarted, KeysUsed, RotatedKeys
from storage.ledger.events.ledger import (
    DeliveryFailure,
    Discrepancy,
    LedgerHalted,
    LogDamage,
    LogDamaged,
    TrailAnonymised,
    TrailArchived,
    WebhookFailed,
    WitnessFailed,
    WitnessFailure,
)
from storage.ledger.events.legal_holds import (
    DeletionDeferred,
    LegalHoldApproved,
    LegalHoldPlaced,
    LegalHoldReleased,
)
from storage.ledger.events.lockdowns import LockdownBegun, LockdownEnded
from storage.ledger.events.loops import LoopItemSetAside, LoopStateCorrected
from storage.ledger.events.notices import (
    NoticeDelivered,
    NoticeIssued,
    NoticePublished,
    NoticeRead,
    NoticeSettingsUpdated,
)
from storage.ledger.events.outages import MaintenanceAnnounced, OutageBegan, OutageEnded, OutageExplained
from storage.ledger.events.outputs import OutputStored
from storage.ledger.events.passkeys import PasskeyAsked, PasskeyCopied, PasskeyEnrolled, PasskeyRemoved
from storage.ledger.events.policies import (
    PolicyEntered,
    PolicyExplained,
    PolicyFault,
    PolicyProposed,
    PolicyRefusal,
    PolicyReloadFailed,
    PolicyReloadRefused,
)
from storage.ledger.events.populations import EvidenceCollected, EvidencePacked
from storage.ledger.events.projects import ProjectCreated, ProjectShared, ProjectUnshared, ProjectUpdated
from storage.ledger.events.prompts import (
    PromptCancelRequested,
    PromptSubmitted,
    RunBudget,
    RunFinished,
    RunOverspent,
    RunStarted,
    RunStepFinished,
)
from storage.ledger.events.queue import QueueRowsRefused
from storage.ledger.events.quotas import QuotaGranted, QuotaHit, QuotasRecounted
from storage.ledger.events.retention import (
    RetentionAnnounced,
    RetentionExpired,
    RetentionFinding,
    RetentionHalted,
    RetentionProblem,
    RetentionSet,
)
from storage.ledger.events.rights import ComplaintFiled, CorrectionRequested, DataCorrected, RightsRequestAnswered
from storage.ledger.events.services import (
    EgressBlocked,
    ServiceAssessed,
    ServiceDisabled,
    ServiceEnabled,
    ServiceRegistered,
)
from storage.ledger.events.sessions import (
    ApiKeyCreated,
    ApiKeyNewPlace,
    ApiKeyRevoked,
    ApiKeyRotated,
    SessionEnd,
    SessionEnded,
    SessionNewPlace,
    SessionRefused,
    SessionStarted,
    SessionSteppedUp,
    SessionThrottled,
    SignInRefusal,
)
from storage.ledger.events.staff import (
    AppointmentApproved,
    AppointmentDenied,
    AppointmentRequested,
    RoleAssigned,
    RoleRefused,
    RoleRevoked,
    StaffAdded,
    StaffRemoved,
)
from storage.ledger.events.values import Category, Identifier, Outcome, Resource

# fmt: off
__all__ = [
    "REGISTRY", "AccessDenied", "AccessGrantApproved", "AccessGrantConsented", "AccessGrantDenied", "AccessGrantEnded",
    "AccessGrantRequested", "AccessGrantReviewed", "AccessReviewClosed", "AccessReviewItemDecided",
    "AccessReviewOpened", "AccountErased", "AgentStrayed", "ApiKeyCreated", "ApiKeyNewPlace", "ApiKeyRevoked",
    "ApiKeyRotated", "AppointmentApproved", "AppointmentDenied", "AppointmentRequested", "AssetCreated",
    "AssetImported", "AssetThumbnailMade", "AssetUpdated", "AssetUploadRefused", "AssetUploaded", "BackedUp",
    "BackupFailed", "BackupRehearsed", "BackupRestored", "BackupTaken", "Category", "ChangeApproved", "ChangeDenied",
    "ChangeRegistered", "ComplaintFiled", "ContentDamaged", "ContentDownloaded", "ContentRead", "ContributorRegistered",
    "ControlSwitchedOff", "ControlsChecked", "CopiesRecalled", "CorrectionRequested", "CredentialReason",
    "CredentialRefused", "DataCorrected", "DeletionDeferred", "DeletionErased", "DeletionRequested", "DeletionStarted",
    "DeletionSupplemented", "DeletionVerified", "DeliveryFailure", "DetectionAlarmed", "Discrepancy", "EgressBlocked",
    "Event", "EventRefused", "EvidenceCollected", "EvidencePacked", "ExportAnnounced", "ExportBuilt", "ExportDeleted",
    "ExportDeletion", "ExportDownloaded", "ExportFailed", "ExportFailure", "ExportLinkMinted", "ExportRequested",
    "ExportWithdrawn", "FileBound",
    "FindingAccepted", "FindingClosed", "FindingOpened", "FindingReopened", "Identifier",
    "IdentityLinked", "IdentityUnlinked", "ImportBegun", "ImportFinished", "IncidentAcknowledged", "IncidentAlerted",
    "IncidentClosed", "IncidentContained", "IncidentFollowUpCompleted", "IncidentFollowUpOpened",
    "IncidentFollowUpReassigned", "IncidentFollowUpReviewed", "IncidentJoined", "IncidentMeasureLifted",
    "IncidentNoticeDrafted", "IncidentNotified", "IncidentOpened", "IncidentStepRecorded", "IncidentTriaged",
    "InvestigationEnd", "InvestigationEnded", "InvestigationOpened", "KeysOverused", "KeysRotated",
    "KeysRotationStarted", "KeysUsed", "LedgerHalted", "LegalHoldApproved", "LegalHoldPlaced", "LegalHoldReleased",
    "LockdownBegun", "LockdownEnded", "LogDamage", "LogDamaged",
    "LogWithheld", "LoopItemSetAside", "LoopStateCorrected", "MaintenanceAnnounced",
    "NoticeDelivered",
    "NoticeIssued", "NoticePublished", "NoticeRead", "NoticeSettingsUpdated", "OutageBegan", "OutageEnded",
    "OutageExplained", "Outcome", "OutputImported", "OutputStored", "PasskeyAsked", "PasskeyCopied", "PasskeyEnrolled",
    "PasskeyRemoved", "PolicyEntered", "PolicyExplained", "PolicyFault", "PolicyProposed", "PolicyRefusal",
    "PolicyReloadFailed", "PolicyReloadRefused", "PreferenceBypassed", "PreferencesUpdated", "ProjectCreated",
    "ProjectImported", "ProjectShared", "ProjectUnshared", "ProjectUpdated", "PromptCancelRequested", "PromptImported",
    "PromptSubmitted", "QueueRowsRefused", "QuotaGranted", "QuotaHit", "QuotasRecounted", "RecoveryCodeUsed",
    "RefusalCode", "Resource", "RetentionAnnounced", "RetentionExpired", "RetentionFinding", "RetentionHalted",
    "RetentionProblem", "RetentionSet", "RightsRequestAnswered", "RoleAssigned", "RoleRefused", "RoleRevoked",
    "RotatedKeys", "RunBudget", "RunFinished", "RunOverspent", "RunStarted", "RunStepFinished", "Safeguard",
    "SecondFactorEnrolled", "SecondFactorOffered", "SecondFactorRemoved", "Secret", "SentinelBeat", "ServiceAssessed",
    "ServiceDisabled", "ServiceEnabled", "ServiceRegistered", "SessionEnd", "SessionEnded", "SessionNewPlace",
    "SessionRefused", "SessionStarted", "SessionSteppedUp", "SessionThrottled", "SignInRefusal", "StaffAdded",
    "StaffRemoved", "StrangersDenied", "StyleCorrected", "StyleForgotten", "StyleImported", "SystemStarted",
    "TrailAnonymised", "TrailArchived", "TrailOpened", "TrailRead", "UploadRefusal", "Used", "VersionBegan",
    "WebhookFailed", "WitnessFailed", "WitnessFailure",
]
# fmt: on
