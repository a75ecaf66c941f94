"""Signing in and out, and proving once more that it is still the same person."""

import uuid
from dataclasses import dataclass

from policies.principals import Kind, Principal
from resolvers import identity, inputs
from resolvers.context import Context
from resolvers.errors import RateLimited, Unauthenticated
from storage import accounts
from storage.clock import now
from storage.ledger import events
from storage.ledger.events import Outcome
from storage.passwords import verify_nobody, verify_password
from storage.sessions import Session, SubjectKind
from storage.work import UnitOfWork


@dataclass(frozen=True)
class Issued:
    """A session and its bearer token, which is shown this once."""

    token: str
    session: Session


def open_session(
    context: Context, kind: SubjectKind, subject: uuid.UUID, roles: frozenset[str] = frozenset()
) -> Issued:
    """Start a session for an account that has just proven who it is; the operation goes on as that account."""
    work = context.work
    token = identity.new_token(identity.SESSION_TOKEN)
    session = Session(
        id=uuid.uuid4(),
        token_hash=work.store.keyring.keyed_hash("session", token),
        kind=kind,
        subject_id=subject,
        expires_at=now() + context.limits.session,
    )
    work.session.add(session)
    principal_kind = Kind.STAFF if kind is SubjectKind.STAFF else Kind.CONTRIBUTOR
    context.become(Principal(principal_kind, subject, roles=roles), session.id)
    subject_id = subject if kind is SubjectKind.CONTRIBUTOR else None
    work.record(events.SessionStarted(resource_id=session.id, subject_id=subject_id, kind=kind))
    return Issued(token, session)


def sign_in(context: Context, email: str, password: str) -> Issued:
    """Sign in with e-mail and password.

    Raises `Unauthenticated` in the same words and time for an unknown e-mail and a wrong password, and `RateLimited`
    once an e-mail has failed too often, known or not.
    """
    limits = context.limits
    lookups = context.house.store.keyring.keyed_hashes("email", inputs.email(email))
    with context.glance() as work:
        since = now() - limits.sign_in_window
        failures = accounts.failures_since(work.session, lookups, since)
        account = accounts.account_by_email(work.session, lookups)
        encoded = None
        if account is not None:
            encoded = work.vault.open_as_system(account.row, "password_hash", reason="sign-in")
    subject = account.row.id if account is not None and account.kind is SubjectKind.CONTRIBUTOR else None
    if failures >= limits.sign_in_failures:
        raise _throttled(context, subject, failures)
    if encoded is None:
        verify_nobody(password)
    if account is None or encoded is None or not verify_password(encoded, password):

        def keep_failure(work: UnitOfWork) -> None:
            accounts.count_failure(work.session, lookups[0], limits.sign_in_window)
            reason = events.SignInRefusal.WRONG_SECRET if account else events.SignInRefusal.UNKNOWN_ACCOUNT
            work.record(events.SessionRefused(resource_id=None, subject_id=subject, reason=reason), Outcome.DENIED)

        raise Unauthenticated("E-mail or password is wrong.", keep=keep_failure)
    accounts.forget_failures(context.work.session, lookups)
    roles = frozenset[str]()
    if account.kind is SubjectKind.STAFF:
        roles = accounts.roles_of(context.work.session, account.row.id)
    return open_session(context, account.kind, account.row.id, roles)


def sign_out(context: Context) -> None:
    """End the session that is asking."""
    session = _own_session(context)
    session.revoked_at = now()
    reason = events.SessionEnd.SIGNED_OUT
    context.work.record(events.SessionEnded(resource_id=session.id, subject_id=_subject(session), reason=reason))


def revoke_sessions(context: Context) -> int:
    """End every other session of the account; answers how many."""
    session = _own_session(context)
    ended = accounts.revoke_sessions(context.work.session, session.subject_id, except_for=session.id)
    reason = events.SessionEnd.REVOKED
    context.work.record(events.SessionEnded(resource_id=None, subject_id=_subject(session), reason=reason))
    return ended


def step_up(context: Context, password: str) -> Session:
    """Prove again who is asking, for what needs it: exports and deletions. Lasts minutes; the token stays the same.

    Raises `Unauthenticated` for a wrong password, which counts as a failed sign-in, and `RateLimited` after too many.
    """
    limits = context.limits
    own = _own_session_id(context)
    with context.glance() as work:
        kind = SubjectKind.STAFF if context.principal.kind is Kind.STAFF else SubjectKind.CONTRIBUTOR
        account = accounts.account_of(work.session, kind, context.caller_id)
        if account is None:
            raise Unauthenticated("This account is gone.")
        encoded = work.vault.open_as_system(account.row, "password_hash", reason="step-up")
        lookup = account.row.email_lookup
        failures = accounts.failures_since(work.session, [lookup], now() - limits.sign_in_window)
    subject = account.row.id if kind is SubjectKind.CONTRIBUTOR else None
    if failures >= limits.sign_in_failures:
        raise _throttled(context, subject, failures)
    if not verify_password(encoded, password):

        def keep_failure(work: UnitOfWork) -> None:
            accounts.count_failure(work.session, lookup, limits.sign_in_window)
            reason = events.SignInRefusal.WRONG_SECRET
            work.record(events.SessionRefused(resource_id=own, subject_id=subject, reason=reason), Outcome.DENIED)

        raise Unauthenticated("The password is wrong.", field="password", keep=keep_failure)
    accounts.forget_failures(context.work.session, [lookup])
    session = _own_session(context)
    session.stepped_up_until = now() + limits.step_up
    context.work.record(events.SessionSteppedUp(resource_id=session.id, subject_id=subject))
    return session


def _throttled(context: Context, subject: uuid.UUID | None, failures: int) -> RateLimited:
    def keep(work: UnitOfWork) -> None:
        work.record(events.SessionThrottled(resource_id=None, subject_id=subject, failures=failures), Outcome.DENIED)

    minutes = int(context.limits.sign_in_window.total_seconds() // 60)
    return RateLimited(f"Too many failed attempts for this e-mail. Try again in {minutes} minutes.", keep=keep)


def _own_session_id(context: Context) -> uuid.UUID:
    if context.asking.session_id is None:
        raise Unauthenticated("This needs a session: sign in with e-mail and password. An API key won't do.")
    return context.asking.session_id


def _own_session(context: Context) -> Session:
    session = accounts.live_session_by_id(context.work.session, _own_session_id(context))
    if session is None:
        raise Unauthenticated("This session has ended. Sign in again.")
    return session


def _subject(session: Session) -> uuid.UUID | None:
    return session.subject_id if session.kind is SubjectKind.CONTRIBUTOR else None
