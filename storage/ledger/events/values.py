"""The words events are made of: categories, outcomes, kinds of thing, and names that are not free text."""

import enum
import re
from typing import Self

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,79}")


class Category(enum.StrEnum):
    """What sort of happening an event is."""

    USER_ACTION = "user_action"
    AGENT_ACTION = "agent_action"
    SYSTEM_DECISION = "system_decision"
    SECURITY_EVENT = "security_event"
    ADMIN_ACTION = "admin_action"


class Outcome(enum.StrEnum):
    """How it went: done, refused by a rule, or broken on the way."""

    SUCCESS = "SUCCESS"
    DENIED = "DENIED"
    FAILED = "FAILED"


class Resource(enum.StrEnum):
    """The kind of thing an event is about: one for each model, and the platform itself. None is ever removed."""

    ACCESS_GRANT = "access_grant"
    ACCESS_REVIEW = "access_review"
    ACCESS_REVIEW_ITEM = "access_review_item"
    API_KEY = "api_key"
    APPOINTMENT = "appointment"
    ASSET = "asset"
    ASSET_WORD = "asset_word"
    AUDIT_CHECKPOINT = "audit_checkpoint"
    AUDIT_DELIVERY = "audit_delivery"
    AUDIT_EVENT = "audit_event"
    AUDIT_LEASE = "audit_lease"
    AUDIT_PENDING = "audit_pending"
    AUDIT_PERSONAL = "audit_personal"
    AUDIT_SEQUENCE = "audit_sequence"
    AUDIT_TILE = "audit_tile"
    BLOB = "blob"
    CHANGE = "change"
    CONSENT = "consent"
    CONTRIBUTOR = "contributor"
    DELETION = "deletion"
    DELETION_RECEIPT = "deletion_receipt"
    DEPLOYMENT = "deployment"
    EXPORT = "export"
    FEDERATED_IDENTITY = "federated_identity"
    FINDING = "finding"
    FOLLOW_UP = "follow_up"
    IDEMPOTENT_ANSWER = "idempotent_answer"
    INCIDENT = "incident"
    INVESTIGATION = "investigation"
    KNOWN_ADDRESS = "known_address"
    LEGAL_HOLD = "legal_hold"
    LOCKDOWN = "lockdown"
    NOTICE = "notice"
    NOTICE_SETTINGS = "notice_settings"
    OUTAGE = "outage"
    OUTAGE_WATCH = "outage_watch"
    OUTPUT = "output"
    PASSKEY = "passkey"
    PASSKEY_CHALLENGE = "passkey_challenge"
    PLATFORM = "platform"
    POLICY_CHANGE = "policy_change"
    POLICY_VERSION = "policy_version"
    PRIVACY_PREFERENCES = "privacy_preferences"
    PROJECT = "project"
    PROJECT_MEMBER = "project_member"
    PROMPT = "prompt"
    PROMPT_ASSET = "prompt_asset"
    PROMPT_STEP = "prompt_step"
    PROMPT_WORD = "prompt_word"
    PROVIDER_CALL = "provider_call"
    PROVIDER_COPY = "provider_copy"
    PROVIDER_RECALL = "provider_recall"
    PUBLISHED_NOTICE = "published_notice"
    QUOTA = "quota"
    RECOVERY_CODE = "recovery_code"
    RETENTION_SETTING = "retention_setting"
    RETENTION_SWEEP = "retention_sweep"
    RIGHTS_REQUEST = "rights_request"
    ROLE_ASSIGNMENT = "role_assignment"
    SCHEMA = "schema"
    SECOND_FACTOR = "second_factor"
    SENTINEL_MARK = "sentinel_mark"
    SERVICE = "service"
    SESSION = "session"
    SET_ASIDE_ITEM = "set_aside_item"
    SIGN_IN_THROTTLE = "sign_in_throttle"
    STAFF_MEMBER = "staff_member"
    STYLE_PROFILE = "style_profile"
    TICKET = "ticket"

    @classmethod
    def of(cls, model: str) -> Self:
        """The kind of thing that a model, or a refusal, calls by this class name: `StyleProfile`, `Platform`.

        Raises ValueError for a name that is none.
        """
        return cls(_WORD.sub("_", model).lower())

    @property
    def is_person(self) -> bool:
        """Whether the id of such a thing is the id of a person, and so never stands in a leaf in clear."""
        return self in _PEOPLE


# Preferences, notice settings and style profiles are keyed by the id of the contributor they belong to; memberships by
# the member's.
_PEOPLE = frozenset(
    {
        Resource.CONTRIBUTOR,
        Resource.NOTICE_SETTINGS,
        Resource.PRIVACY_PREFERENCES,
        Resource.PROJECT_MEMBER,
        Resource.STAFF_MEMBER,
        Resource.STYLE_PROFILE,
    }
)


class Identifier(str):
    """A short name that an operator or the program chose, never a contributor: a model, a component, an action.

    Lower-case letters, digits and `. _ : / -`, at most 80, starting with a letter or digit. Anything else raises
    ValueError, and the message does not repeat it.
    """

    def __new__(cls, name: str) -> Self:
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError("not an identifier: at most 80 of a-z 0-9 . _ : / - starting with a letter or digit")
        return super().__new__(cls, name)
