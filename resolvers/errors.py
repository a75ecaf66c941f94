"""Refusals and faults, each with a code that programs may rely on and a sentence for people.

`docs/errors/CODE.md` says of each code what happened and what to do. Policy refusals (`policies.errors`) carry codes of
the same catalogue.
"""

import enum
from collections.abc import Callable
from datetime import UTC, datetime

from storage.work import UnitOfWork

Keep = Callable[[UnitOfWork], None]


class Code(enum.StrEnum):
    """Every code that `extensions.code` of an error can have."""

    ARCHIVE_REFUSED = "ARCHIVE_REFUSED"  # of the command line alone: storage.archives.reading
    BACKUP_REFUSED = "BACKUP_REFUSED"  # of the command line alone: storage.backups.streams
    BAD_USER_INPUT = "BAD_USER_INPUT"
    CONFLICT = "CONFLICT"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    CONTENT_MISSING = "CONTENT_MISSING"
    COST_EXCEEDED = "COST_EXCEEDED"
    FORBIDDEN = "FORBIDDEN"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    LEGAL_HOLD = "LEGAL_HOLD"
    LOCKED_DOWN = "LOCKED_DOWN"
    MFA_REQUIRED = "MFA_REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    SERVICE_NOT_APPROVED = "SERVICE_NOT_APPROVED"
    STEP_UP_REQUIRED = "STEP_UP_REQUIRED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNAVAILABLE = "UNAVAILABLE"


class CodedError(Exception):
    """Something the caller should know about: `message` is for people and never holds content, `code` for programs."""

    code = Code.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, *, field: str | None = None, keep: "Keep | None" = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.keep = keep
        """What must be written although the change is rolled back: a counted failure, a security event."""


class BadInput(CodedError):
    """The input can't be used as it is; `field` names the part of it."""

    code = Code.BAD_USER_INPUT


class LegalHold(CodedError):
    """What this is about is only still there because of a legal hold."""

    code = Code.LEGAL_HOLD


class LockedDown(CodedError):
    """The platform is locked down, and this waits until it is not. Nothing was changed."""

    code = Code.LOCKED_DOWN

    def __init__(self, since: datetime, until: datetime) -> None:
        began, ends = (moment.astimezone(UTC).isoformat(timespec="seconds") for moment in (since, until))
        super().__init__(
            f"This platform has been locked down since {began}, until {ends} at the latest. "
            "What is yours you can read, export and delete; everything else waits."
        )
        self.since = since
        self.until = until


class ConsentRequired(CodedError):
    """Whoever's work this is has not allowed what was asked for, or does not any more."""

    code = Code.CONSENT_REQUIRED


class ServiceNotApproved(CodedError):
    """A service that this needs may be sent nothing at present."""

    code = Code.SERVICE_NOT_APPROVED


class Conflict(CodedError):
    """The thing is in a state in which this can't be done, or exists already."""

    code = Code.CONFLICT


class Unauthenticated(CodedError):
    """Nobody is signed in, or the proof of who is calling is not good (any more)."""

    code = Code.UNAUTHENTICATED


class MfaRequired(CodedError):
    """A second factor is needed, and has not been given or does not exist yet."""

    code = Code.MFA_REQUIRED


class IdempotencyMismatch(CodedError):
    """An Idempotency-Key was used before, for another request. Nothing was done now."""

    code = Code.IDEMPOTENCY_MISMATCH


class NoAccount(CodedError):
    """An e-mail has no account. Whoever asks for many of them is stopped: `keep` counts."""

    code = Code.NOT_FOUND


def again_in(seconds: int) -> str:
    """Return a sentence that says when to come back."""
    return f"Try again in {seconds} second{'s' * (seconds != 1)}."


class RateLimited(CodedError):
    """Too many attempts; the message says when to come back, and `retry_after` in how many seconds."""

    code = Code.RATE_LIMITED

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        keep: "Keep | None" = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, field=field, keep=keep)
        self.retry_after = retry_after


class TooLarge(CodedError):
    """More bytes than are accepted."""

    code = Code.PAYLOAD_TOO_LARGE


class OverQuota(CodedError):
    """There is no room for it among the files of whose it would be. Nothing of it was kept."""

    code = Code.QUOTA_EXCEEDED


class CostExceeded(CodedError):
    """The operation asks for more than one request may."""

    code = Code.COST_EXCEEDED


class ContentMissing(CodedError):
    """A row names a file that storage does not have. Sending the request again does not help."""

    code = Code.CONTENT_MISSING


class Unavailable(CodedError):
    """A part that this needs can't be reached. Whether something was changed is only said by the message.

    `retry_after` is in seconds, where it is known.
    """

    code = Code.UNAVAILABLE

    def __init__(self, message: str, *, field: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message, field=field)
        self.retry_after = retry_after
