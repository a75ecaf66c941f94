"""Signing in and out, by people and by programs."""

import enum

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.sessions import SubjectKind


class SessionEnd(enum.StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "SIGNED_OUT"
    REVOKED = "REVOKED"


class SignInRefusal(enum.StrEnum):
    """Why someone was not let in. Told to the trail only: the caller learns no more than that it failed."""

    COPIED_PASSKEY = "COPIED_PASSKEY"
    NO_SECOND_FACTOR = "NO_SECOND_FACTOR"
    REPEATED_CODE = "REPEATED_CODE"
    SECOND_FACTOR_ASKED = "SECOND_FACTOR_ASKED"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    UNKNOWN_CHALLENGE = "UNKNOWN_CHALLENGE"
    UNKNOWN_PASSKEY = "UNKNOWN_PASSKEY"
    UNVERIFIED_USER = "UNVERIFIED_USER"
    WRONG_CODE = "WRONG_CODE"
    WRONG_ORIGIN = "WRONG_ORIGIN"
    WRONG_SECRET = "WRONG_SECRET"  # noqa: S105 - a reason, not a secret
    WRONG_SIGNATURE = "WRONG_SIGNATURE"
    WRONG_SITE = "WRONG_SITE"


class SessionStarted(Event):
    """Someone signed in."""

    action = "session.started"
    category = Category.USER_ACTION
    resource = Resource.SESSION

    kind: SubjectKind


class SessionNewPlace(Event):
    """Somebody signed in from a network that their account was never seen in: it may be they, and they are asked."""

    action = "session.new_place"
    category = Category.SECURITY_EVENT
    resource = Resource.SESSION


class SessionEnded(Event):
    """A session stopped being good, by its holder's wish or otherwise."""

    action = "session.ended"
    category = Category.USER_ACTION
    resource = Resource.SESSION

    reason: SessionEnd


class SessionSteppedUp(Event):
    """Someone proved again who they are, before an export or a deletion. What an incident held of theirs goes on."""

    action = "session.stepped_up"
    category = Category.SECURITY_EVENT
    resource = Resource.SESSION


class SessionRefused(Event):
    """Someone failed to sign in, to step up or to register a passkey. The subject is the account they tried, if any."""

    action = "session.refused"
    category = Category.SECURITY_EVENT
    resource = Resource.SESSION

    reason: SignInRefusal


class SessionThrottled(Event):
    """Too many failures on one account: further attempts are turned away unheard for a while."""

    action = "session.throttled"
    category = Category.SECURITY_EVENT
    resource = Resource.SESSION

    failures: int


class ApiKeyCreated(Event):
    """A contributor made a key for a program."""

    action = "api_key.created"
    category = Category.USER_ACTION
    resource = Resource.API_KEY

    scope_count: int
    lifetime_seconds: int


class ApiKeyNewPlace(Event):
    """A key was used from a network that it was never seen in; `known_count` says how many it had been seen in."""

    action = "api_key.new_place"
    category = Category.SECURITY_EVENT
    resource = Resource.API_KEY

    known_count: int


class ApiKeyRotated(Event):
    """A key got a new secret; the old one stopped working."""

    action = "api_key.rotated"
    category = Category.USER_ACTION
    resource = Resource.API_KEY


class ApiKeyRevoked(Event):
    """A key was withdrawn."""

    action = "api_key.revoked"
    category = Category.USER_ACTION
    resource = Resource.API_KEY
