"""Signing in and out, and proving once more that it is still the same person."""

import uuid
from dataclasses import dataclass, replace

from policies.principals import Kind, Principal
from resolvers import ceremonies, challenges, identity, inputs, networks
from resolvers.challenges import Asker
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, Keep, MfaRequired, RateLimited, Unauthenticated
from resolvers.factors import Held, Proof, held, proven
from storage import accounts, measures
from storage.accounts import Account
from storage.clock import now
from storage.contributors import Contributor
from storage.ledger import events
from storage.ledger.events import Outcome, SignInRefusal
from storage.passkeys import PasskeyUse
from storage.passwords import verify_nobody, verify_password
from storage.sessions import Session, SubjectKind
from storage.work import UnitOfWork

_NOTHING = Proof()


@dataclass(frozen=True)
class Issued:
    """A session and its bearer token, which is shown this once."""

    token: str
    session: Session


def open_session(
    context: Context,
    kind: SubjectKind,
    subject: uuid.UUID,
    roles: frozenset[str] = frozenset(),
    *,
    second_factor: bool = False,
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
        second_factor_at=work.now if second_factor else None,
    )
    work.session.add(session)
    principal_kind = Kind.STAFF if kind is SubjectKind.STAFF else Kind.CONTRIBUTOR
    context.become(Principal(principal_kind, subject, roles=roles, mfa=second_factor), session.id)
    subject_id = subject if kind is SubjectKind.CONTRIBUTOR else None
    work.record(events.SessionStarted(resource_id=session.id, subject_id=subject_id, kind=kind))
    _look_where(context, session)
    return Issued(token, session)


def _look_where(context: Context, session: Session) -> None:
    """Tell of a contributor who signs in from a network that they were never seen in."""
    if session.kind is not SubjectKind.CONTRIBUTOR or context.asking.ip_address is None:
        return
    work = context.work
    account = accounts.account_of(work.session, session.kind, session.subject_id)
    if account is None or not isinstance(account.row, Contributor):
        return
    if networks.is_new(work, account.row, context.asking.ip_address):
        work.record(events.SessionNewPlace(resource_id=session.id, subject_id=session.subject_id))


def sign_in(context: Context, email: str, password: str, proof: Proof = _NOTHING) -> Issued:
    """Sign in with e-mail and password, and with the second factor of an account that has one.

    Raises `Unauthenticated` in the same words and time for an unknown e-mail and a wrong password, and for a second
    factor that is not good; `MfaRequired` where one is needed and none was given, or staff have none; and `RateLimited`
    once an e-mail has failed too often, known or not.
    """
    account, lookups = _by_password(context, email, password)
    second = _second_factor(context, account, proof, lookups[0])
    accounts.forget_failures(context.work.session, lookups)
    roles = frozenset[str]()
    if account.kind is SubjectKind.STAFF:
        roles = accounts.roles_of(context.work.session, account.row.id)
    return open_session(context, account.kind, account.row.id, roles, second_factor=second)


def ask_passkey(context: Context, email: str, password: str) -> str:
    """What `navigator.credentials.get` takes, as JSON, so that one of the account's passkeys signs the sign-in.

    Raises as `sign_in` does for e-mail and password, and `Conflict` where the account has no passkey that is good.
    """
    account, _ = _by_password(context, email, password)
    known = held(context.work, account.kind, account.row.id).good
    if not known:
        raise Conflict("This account has no passkey. Sign in with totp or recoveryCode, or without a second factor.")
    return challenges.to_sign(context, Asker(account.kind, account.row.id, PasskeyUse.SIGN_IN), known)


def ask_passkey_again(context: Context) -> str:
    """As `ask_passkey`, for `step_up` of the session that asks. Raises `Unauthenticated` and `Conflict`."""
    session = _own_session(context)
    known = held(context.work, session.kind, session.subject_id).good
    if not known:
        raise Conflict("This account has no passkey. Step up with totp or recoveryCode, or else with the password.")
    asker = Asker(session.kind, session.subject_id, PasskeyUse.STEP_UP, session.id)
    return challenges.to_sign(context, asker, known)


def _by_password(context: Context, email: str, password: str) -> tuple[Account, list[bytes]]:
    """Whose e-mail and password these are, and what the e-mail is looked up by. Raises as `sign_in` does."""
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
        reason = SignInRefusal.WRONG_SECRET if account else SignInRefusal.UNKNOWN_ACCOUNT
        counted = _Failure(lookups[0], subject, reason)
        raise Unauthenticated("E-mail or password is wrong.", keep=counted.keep_in(context))
    return account, lookups


def _second_factor(context: Context, account: Account, proof: Proof, lookup: bytes) -> bool:
    """Whether the account's second factor was proven; False where a contributor has none, whatever was given."""
    subject = account.row.id if account.kind is SubjectKind.CONTRIBUTOR else None
    mine = held(context.work, account.kind, account.row.id)
    if not mine:
        if account.kind is SubjectKind.CONTRIBUTOR:
            return False
        failure = _Failure(None, subject, SignInRefusal.NO_SECOND_FACTOR)
        told = (
            "Staff sign in with a second factor, and yours is missing: ask whoever runs the server for `staff enrol`."
        )
        raise MfaRequired(told, keep=failure.keep_in(context))
    if not proof.given:
        failure = _Failure(None, subject, SignInRefusal.SECOND_FACTOR_ASKED)
        told = f"This account has a second factor: send the same again with {mine.asked}."
        raise MfaRequired(told, field=mine.field, keep=failure.keep_in(context))
    _demand(context, mine, proof, _Failure(lookup, subject, SignInRefusal.WRONG_CODE))
    return True


def _demand(context: Context, mine: Held, proof: Proof, failure: "_Failure") -> None:
    """Use up what was given. Raises `Unauthenticated` where it proves nothing, which counts as a failed sign-in."""
    refused = proven(context, mine, proof, failure.session_id)
    if refused is None:
        return
    told = "This code is not the one that your app shows now, or it has been used. Wait for the next one."
    if proof.recovery_code is not None:
        told = "This recovery code is not good."
    if proof.passkey is not None:
        told = ceremonies.TOLD[refused.reason]
    keep = challenges.with_also(refused, replace(failure, reason=refused.reason).keep_in(context))
    raise Unauthenticated(told, field=proof.field, keep=keep)


@dataclass(frozen=True)
class _Failure:
    """An attempt that failed: kept although nothing else of it is. Without a `lookup` it is recorded, not counted."""

    lookup: bytes | None
    subject: uuid.UUID | None
    reason: SignInRefusal
    session_id: uuid.UUID | None = None

    def keep_in(self, context: Context) -> Keep:
        window = context.limits.sign_in_window

        def keep(work: UnitOfWork) -> None:
            if self.lookup is not None:
                accounts.count_failure(work.session, self.lookup, window)
            refused = events.SessionRefused(resource_id=self.session_id, subject_id=self.subject, reason=self.reason)
            work.record(refused, Outcome.DENIED)

        return keep


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


def step_up(context: Context, password: str | None = None, proof: Proof = _NOTHING) -> Session:
    """Prove again who is asking, for what needs it: exports and deletions. Lasts minutes; the token stays the same.

    With the second factor where the account has one, with the password otherwise. Raises `BadInput` for anything but
    one of them, `MfaRequired` for a password in the place of a second factor, `Unauthenticated` for what is wrong,
    which counts as a failed sign-in, and `RateLimited` after too many.
    """
    if (password is None) is not proof.given:
        told = "Send one proof: totp, passkey or recoveryCode with a second factor, password without."
        raise BadInput(told, field="password")
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
        mine = held(work, kind, account.row.id)
    subject = account.row.id if kind is SubjectKind.CONTRIBUTOR else None
    if failures >= limits.sign_in_failures:
        raise _throttled(context, subject, failures)
    failure = _Failure(lookup, subject, SignInRefusal.WRONG_SECRET, own)
    if mine:
        if not proof.given:
            asked = replace(failure, lookup=None, reason=SignInRefusal.SECOND_FACTOR_ASKED)
            told = f"Confirm with your second factor: send {mine.asked}."
            raise MfaRequired(told, field=mine.field, keep=asked.keep_in(context))
        _demand(context, mine, proof, failure)
    elif password is None:
        raise BadInput("This account has no second factor: send its password.", field=proof.field)
    elif not verify_password(encoded, password):
        raise Unauthenticated("The password is wrong.", field="password", keep=failure.keep_in(context))
    accounts.forget_failures(context.work.session, [lookup])
    session = _own_session(context)
    session.stepped_up_until = now() + limits.step_up
    measures.release_exports(context.work.session, session.id, session.subject_id)
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
