"""Data cards: for each kind of data about a person what it is, why, where, how long, who sees it, what they can do.

Why and what stand here; the rest follows from the models, the retention schedule and the policy. A table about people
that no card names fails `tests/contract/test_the_privacy_policy.py`.
"""

from dataclasses import dataclass

from sqlalchemy import inspect

from storage.catalogue import models
from storage.holdings import KEPT
from storage.records import Holding, Record

_WORDS = {
    "display_name": "name", "email": "e-mail address", "file_name": "file name", "password_hash": "password",
    "partial": "half-written text", "secret_digest": "secret", "webhook_url": "webhook address",
    "webhook_secret": "webhook secret", "failure_code": "error", "actor_salts": "who it was",
    "subject_salts": "whom it was about", "user_agent": "browser", "ip_address": "network address",
    "networks": "networks you were seen in", "profile": "what was learned", "parameters": "settings",
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """One kind of data. `options` are the fields of the API by which a person does something about it."""

    name: str
    title: str
    what: str
    why: str
    tables: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def models(self) -> tuple[type[Record], ...]:
        """The tables it is about."""
        return tuple(model for model in models() if model.__tablename__ in self.tables)

    @property
    def where(self) -> str:
        """Where it lies, and how protected: of each locked field its name."""
        columns = [column for model in self.models for column in inspect(model).columns]
        locked = sorted({_word(each.name) for each in columns if each.info["holding"] is Holding.SEALED})
        if not locked:
            return "In the database. It is made up of ids, times, sizes and states, and holds no word of yours."
        return (
            f"In the database, locked: {', '.join(locked)}. The keys are kept apart from it. "
            "Ids, times, sizes and states are not locked."
        )

    @property
    def how_long(self) -> str:
        """How long it stays: of each class of the schedule its sentence."""
        return " ".join(dict.fromkeys(KEPT[model.card.retention] for model in self.models))


def _word(column: str) -> str:
    return _WORDS.get(column, column.replace("_", " "))


CARDS: tuple[Card, ...] = (
    Card(
        "account", "Your account", "Your e-mail address, your name, and a scrambled form of your password.",
        "So that you can sign in, and so that we can reach you.", ("contributors",),
        ("viewer", "requestExport", "deleteAccount"),
    ),
    Card(
        "choices", "Your choices", "What you allow, since when, how long your work stays, and how we may tell you.",
        "So that we do what you chose, and can show that we did.",
        ("consents", "notice_settings", "privacy_preferences", "retention_settings"),
        ("updatePrivacyPreferences", "setRetention", "updateNoticeSettings"),
    ),
    Card(
        "access", "Signing in",
        "Your sessions, a scrambled form of the places you sign in from, your second factor and passkeys, who you are "
        "elsewhere if you sign in from there, your keys for programs, what came of those not used for long, and "
        "answers kept in case you ask twice.",
        "So that you stay signed in, and so that nothing is done twice.",
        ("access_review_items", "api_keys", "federated_identities", "idempotent_answers", "known_addresses",
         "passkey_challenges", "passkeys", "recovery_codes", "second_factors", "sessions"),
        ("apiKeys", "passkeys", "removePasskey", "revokeApiKey", "revokeSessions"),
    ),
    Card(
        "projects", "Your projects", "The name of each project, and who else may see it.",
        "So that your work is kept together, and shared only with those you choose.",
        ("project_members", "projects"), ("projects", "shareProject", "unshareProject", "deleteProject"),
    ),
    Card(
        "files", "Your files", "The files you upload, with their names, titles, tags and a small picture of each.",
        "So that you and your agents can work with them.", ("asset_words", "assets", "blobs", "quotas"),
        ("assets", "updateAsset", "deleteAsset"),
    ),
    Card(
        "prompts", "Your prompts", "What you ask agents to make, and each step of their work.",
        "So that agents can do what you ask.", ("prompt_assets", "prompt_steps", "prompt_words", "prompts"),
        ("prompts", "cancelPrompt", "deletePrompt"),
    ),
    Card(
        "outputs", "What agents made for you", "The texts that agents wrote for you. They are yours, like your files.",
        "So that you can use them.", ("outputs",), ("outputs", "deleteOutput"),
    ),
    Card(
        "style", "Your style", "How you tend to write, as a few numbers. We learn it only if you let us.",
        "So that agents can write more like you.", ("style_profiles",),
        ("styleProfile", "correctStyleProfile", "deleteStyleProfile"),
    ),
    Card(
        "looks", "Who asked to see your work",
        "Each time staff asked for access, why, and what came of it. Each time a law made us keep something.",
        "So that nobody looks at your work behind your back.", ("access_grants", "legal_holds"),
        ("accessGrants", "consentToAccess", "denyAccess", "endAccess", "legalHolds"),
    ),
    Card(
        "elsewhere", "What went elsewhere", "Which service outside was sent which work of yours, how often, and until "
        "when it may keep it.", "So that you know where copies are, and so that we can ask for them to be deleted.",
        ("provider_calls", "provider_copies"), ("myData", "services", "updatePrivacyPreferences"),
    ),
    Card(
        "asked", "What you asked of us", "What you had us put right, what you complained of, and what we answered.",
        "So that you get an answer in time.", ("rights_requests",),
        ("rightsRequests", "correctMyData", "fileComplaint"),
    ),
    Card(
        "notices", "What we told you", "The notices we sent you, how they reached you, and when you read them.",
        "So that you learn of changes in time.", ("notices",), ("notices", "markNoticeRead"),
    ),
    Card(
        "copies", "Copies you took out", "Each copy you asked for, and the file itself for a few days.",
        "So that you can take your data with you.", ("exports",), ("exports", "requestExport", "deleteExport"),
    ),
    Card(
        "deletions", "What you had deleted", "Which deletion was done, when, and how many things went. Nothing of what "
        "they were.",
        "So that you and we can prove that it was done.", ("deletions",), ("deletions",),
    ),
    Card(
        "record", "The record of what was done", "Who did what with which thing, when and from where. It holds no word "
        "of your work.",
        "So that anybody can check what happened here.", ("audit_events", "audit_personal"),
        ("auditEvents", "accessLog", "auditProof"),
    ),
)  # fmt: skip
