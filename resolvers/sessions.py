"""Signing in and out, and proving once more that it is still the same person."""

import uuid
from dataclasses import dataclass, replace

from policies.principals import Kind, Principal
from resolvers import attempts, ceremonies, challenges, identity, inputs, networks
from resolvers.attempts import Attempt
from resolvers.challenges import Asker
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, MfaRequired, RateLimited, Unauthenticated
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
    attempts.remember_address(context, kind, subject)
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
    after too many failures (`resolvers.attempts`). Once a limit is reached, that is all that is said of a wrong
    password or second factor, and both right still sign in.
    """
    attempt, account = _by_password(context, email, password, with_proof=proof.given)
    if account is None:
        raise attempts.refusal(attempt)
    second = _second_factor(context, attempt, account, proof)
    attempt.succeed(context.work)
    roles = frozenset[str]()
    if account.kind is SubjectKind.STAFF:
        roles = accounts.roles_of(context.work.session, account.row.id)
    return open_session(context, account.kind, account.row.id, roles, second_factor=second)


def ask_passkey(context: Context, email: str, password: str) -> str:
    """What `navigator.credentials.get` takes, as JSON, so that one of the account's passkeys signs the sign-in.

    Raises as `sign_in` does for e-mail and password, and `Conflict` where the account has no passkey that is good.
    Once a limit is reached everybody gets options that name no passkey: those for a wrong password are not told from
    those for the right one, which a discoverable passkey signs.
    """
    attempt, account = _by_password(context, email, password, with_proof=True)
    work, tried = context.work, attempt.account
    known = () if tried is None else held(work, tried.kind, tried.row.id).good
    if attempt.opaque and (account is None or not known):
        return challenges.decoy(context, attempt)
    if account is None or not known:
        told = "This account has no passkey. Sign in with totp or recoveryCode, or without a second factor."
        raise Conflict(told, keep=attempt.take_back())
    if not attempt.opaque:  # else what comes next would show that the password was right
        attempt.succeed(work)
    named = () if attempt.opaque else known
    return challenges.to_sign(context, Asker(account.kind, account.row.id, PasskeyUse.SIGN_IN), named)


def ask_passkey_again(context: Context) -> str:
    """As `ask_passkey`, for `step_up` of the session that asks. Raises `Unauthenticated` and `Conflict`."""
    session = _own_session(context)
    known = held(context.work, session.kind, session.subject_id).good
    if not known:
        raise Conflict("This account has no passkey. Step up with totp or recoveryCode, or else with the password.")
    asker = Asker(session.kind, session.subject_id, PasskeyUse.STEP_UP, session.id)
    return challenges.to_sign(context, asker, known)


def _by_password(context: Context, email: str, password: str, *, with_proof: bool) -> tuple[Attempt, Account | None]:
    """Whose e-mail and password these are; None where they are wrong in an opaque attempt. Raises as `sign_in` does."""
    address = inputs.email(email)
    lookups = context.house.store.keyring.keyed_hashes("email", address)
    with context.glance() as work:
        account = accounts.account_by_email(work.session, lookups)
        encoded, known = None, attempts.is_known(context, work, account)
        if account is not None:
            encoded = work.vault.open_as_system(account.row, "password_hash", reason="sign-in")
    attempt = attempts.at_sign_in(context, address, account, known=known, with_proof=with_proof)
    if encoded is None:
        verify_nobody(password)
    if account is not None and encoded is not None and verify_password(encoded, password):
        return attempt, account
    if attempt.opaque:
        return attempt, None
    reason = SignInRefusal.WRONG_SECRET if account else SignInRefusal.UNKNOWN_ACCOUNT
    refused = _Failure(attempts.subject_of(account), reason)
    raise Unauthenticated("E-mail or password is wrong.", keep=refused.keep)


def _second_factor(context: Context, attempt: Attempt, account: Account, proof: Proof) -> bool:
    """Whether the account's second factor was proven; False where a contributor has none, whatever was given."""
    subject = attempts.subject_of(account)
    with context.glance() as work:
        mine = held(work, account.kind, account.row.id)
    if attempt.opaque and not mine:
        raise attempts.refusal(attempt)
    if not mine:
        if account.kind is SubjectKind.CONTRIBUTOR:
            return False
        failure = _Failure(subject, SignInRefusal.NO_SECOND_FACTOR)
        told = (
            "Staff sign in with a second factor, and yours is missing: ask whoever runs the server for `staff enrol`."
        )
        raise MfaRequired(told, keep=attempt.take_back(failure.keep))
    if not proof.given:
        failure = _Failure(subject, SignInRefusal.SECOND_FACTOR_ASKED)
        told = f"This account has a second factor: send the same again with {mine.asked}."
        raise MfaRequired(told, field=mine.field, keep=attempt.take_back(failure.keep))
    if proof.totp is not None:
        attempts.at_code(attempt, account)
    try:
        _demand(context, held(context.work, account.kind, account.row.id), proof, _Failure(subject))
    except Unauthenticated as wrong:
        raise (_opaquely(attempt, wrong) if attempt.opaque else wrong) from None
    return True


def _opaquely(attempt: Attempt, wrong: Unauthenticated) -> RateLimited:
    """As a limit that was reached, with what the failure leaves: a challenge used up, a passkey marked, the entry."""
    refused = attempts.refusal(attempt)
    refused.keep = wrong.keep
    return refused


def _demand(context: Context, mine: Held, proof: Proof, failure: "_Failure") -> None:
    """Use up what was given. Raises `Unauthenticated` where it proves nothing."""
    refused = proven(context, mine, proof, failure.session_id)
    if refused is None:
        return
    told = "This code is not the one that your app shows now, or it has been used. Wait for the next one."
    if proof.recovery_code is not None:
        told = "This recovery code is not good."
    if proof.passkey is not None:
        told = ceremonies.TOLD[refused.reason]
    keep = challenges.with_also(refused, replace(failure, reason=refused.reason).keep)
    raise Unauthenticated(told, field=proof.field, keep=keep)


@dataclass(frozen=True)
class _Failure:
    """An attempt that failed: recorded although nothing else of it is kept."""

    subject: uuid.UUID | None
    reason: SignInRefusal = SignInRefusal.WRONG_SECRET
    session_id: uuid.UUID | None = None

    def keep(self, work: UnitOfWork) -> None:
        refused = events.SessionRefused(resource_id=self.session_id, subject_id=self.subject, reason=self.reason)
        work.record(refused, Outcome.DENIED)


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
    and `RateLimited` after too many of those in sessions of the account: what strangers guess does not count here.
    """
    if (password is None) is not proof.given:
        told = "Send one proof: totp, passkey or recoveryCode with a second factor, password without."
        raise BadInput(told, field="password")
    own = _own_session_id(context)
    with context.glance() as work:
        kind = SubjectKind.STAFF if context.principal.kind is Kind.STAFF else SubjectKind.CONTRIBUTOR
        account = accounts.account_of(work.session, kind, context.caller_id)
        if account is None:
            raise Unauthenticated("This account is gone.")
        encoded = work.vault.open_as_system(account.row, "password_hash", reason="step-up")
        mine = held(work, kind, account.row.id)
    subject = attempts.subject_of(account)
    failure = _Failure(subject, session_id=own)
    if mine and not proof.given:
        asked = replace(failure, reason=SignInRefusal.SECOND_FACTOR_ASKED)
        told = f"Confirm with your second factor: send {mine.asked}."
        raise MfaRequired(told, field=mine.field, keep=asked.keep)
    if not mine and password is None:
        raise BadInput("This account has no second factor: send its password.", field=proof.field)
    # A signature can't be guessed, nor 80 bits: only what can be is counted.
    guessable = password is not None or proof.totp is not None
    attempt = attempts.in_session(context, own, account) if guessable else None
    if password is None:
        _demand(context, held(context.work, kind, account.row.id), proof, failure)
    elif not verify_password(encoded, password):
        raise Unauthenticated("The password is wrong.", field="password", keep=failure.keep)
    if attempt is not None:
        attempt.succeed(context.work)
    session = _own_session(context)
    session.stepped_up_until = now() + context.limits.step_up
    measures.release_exports(context.work.session, session.id, session.subject_id)
    context.work.record(events.SessionSteppedUp(resource_id=session.id, subject_id=subject))
    return session


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
