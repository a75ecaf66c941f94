"""Security notices about credentials: each that is added, removed or used up is told to the account's owner at once.

They are contributors' alone: staff have no inbox, and their credentials are handed over by a colleague.
"""

import enum
import uuid
from typing import Protocol

from resolvers.notices import issue
from storage.notices import NoticeKind
from storage.sessions import SubjectKind
from storage.work import UnitOfWork


class Change(enum.Enum):
    """What has happened to a credential: the notice's title, and what it says."""

    API_KEY_CREATED = ("An API key was created", "A program that has it can act for your account.")
    API_KEY_REVOKED = ("An API key was revoked", "It does not work any more.")
    API_KEY_ROTATED = ("An API key got a new secret", "The old secret does not work any more.")
    APP_ENROLLED = (
        "An authenticator app was added",
        "Signing in asks for its code from now on. Your other sessions were ended.",
    )
    APP_REMOVED = ("The authenticator app was removed", "Its codes are not good any more.")
    IDENTITY_LINKED = (
        "Your account was linked to a sign-in provider",
        "Whoever signs in there under that identity acts for your account. unlinkIdentity ends it.",
    )
    IDENTITY_UNLINKED = (
        "Your account was unlinked from its sign-in provider",
        "Its tokens are not good here any more.",
    )
    PASSKEY_ENROLLED = ("A passkey was added", "It signs you in from now on. Your other sessions were ended.")
    PASSKEY_REMOVED = ("A passkey was removed", "It does not sign you in any more.")
    RECOVERY_CODE_USED = ("A recovery code was used", "It stood in for your second factor, and can't be used again.")


_IF_NOT_YOU = (
    "If it was you, there is nothing to do. If not: sign in, end all other sessions with revokeSessions, remove what "
    "you do not know, and write to us with fileComplaint."
)


class _Subject(Protocol):
    """Whose credential it is: a session, or the second factors of an account."""

    @property
    def kind(self) -> SubjectKind: ...

    @property
    def subject_id(self) -> uuid.UUID: ...


def notify(work: UnitOfWork, subject: _Subject, change: Change) -> None:
    """Tell the owner of an account what has happened to a credential of theirs, in the transaction of the change.

    Call it before the event of the change is recorded, which is the one that the caller is told.
    """
    if subject.kind is SubjectKind.CONTRIBUTOR:
        notify_contributor(work, subject.subject_id, change)


def notify_contributor(work: UnitOfWork, contributor: uuid.UUID, change: Change) -> None:
    """As `notify`, for a contributor."""
    title, said = change.value
    when = f"On {work.now.day} {work.now:%B %Y} at {work.now:%H:%M} UTC."
    issue(work, contributor, NoticeKind.SECURITY, title, f"{when} {said}\n\n{_IF_NOT_YOU}", work.now)
