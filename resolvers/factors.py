"""Second factors: proving them, enrolling an authenticator app, and doing without it again. Passkeys: `passkeys`.

A code is taken once: in the database, under the row's own lock, so that neither a second process nor a second attempt
at the same moment has it again.
"""

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass

from policies.actions import Action
from policies.errors import StepUpRequired
from resolvers import ceremonies, challenges
from resolvers.challenges import Asker, Unproven
from resolvers.context import Context
from resolvers.credential_notices import Change, notify
from resolvers.errors import BadInput, Conflict, Unauthenticated
from storage import accounts, factors, passkeys, staff, totp
from storage.contributors import Contributor
from storage.factors import RecoveryCode, SecondFactor
from storage.ids import new_id
from storage.ledger import events
from storage.ledger.events import SignInRefusal
from storage.passkeys import Passkey, PasskeyUse
from storage.sessions import Session, SubjectKind
from storage.staff import StaffMember
from storage.work import UnitOfWork

RECOVERY_CODES = 10
_CODE = re.compile(rf"[0-9]{{{totp.DIGITS}}}")
_RECOVERY = re.compile(r"[a-z2-7]{16}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Proof:
    """What somebody gave of their second factor: a code of their app, one of their recovery codes, or what a passkey
    has signed; or nothing.

    Raises `BadInput` for what can't be one, before anything is looked for.
    """

    totp: str | None = None
    recovery_code: str | None = None
    passkey: str | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.totp, self.recovery_code, self.passkey)) > 1:
            raise BadInput("Send one of totp, recoveryCode and passkey.", field=self.field)
        if self.totp is not None and not _CODE.fullmatch(self.totp):
            raise BadInput("totp is the six digits that your authenticator app shows now.", field="totp")
        if self.recovery_code is not None and not _RECOVERY.fullmatch(_plain(self.recovery_code)):
            raise BadInput("recoveryCode has four groups of four letters and digits.", field="recoveryCode")
        if self.passkey is not None:
            ceremonies.assertion(self.passkey, "passkey")

    @property
    def given(self) -> bool:
        """Whether there is anything to prove with."""
        return self != Proof()

    @property
    def field(self) -> str:
        """Under which name it came."""
        if self.recovery_code is not None:
            return "recoveryCode"
        return "totp" if self.passkey is None else "passkey"


@dataclass(frozen=True)
class Held:
    """The second factors of an account: its authenticator app and its passkeys, those that were copied too."""

    kind: SubjectKind
    subject_id: uuid.UUID
    app: SecondFactor | None
    passkeys: tuple[Passkey, ...]

    def __bool__(self) -> bool:
        """Whether there is one at all. One that was copied proves nothing, and is asked for nevertheless."""
        return self.app is not None or bool(self.passkeys)

    @property
    def good(self) -> tuple[Passkey, ...]:
        """The passkeys that prove something."""
        return tuple(each for each in self.passkeys if each.copied_at is None)

    @property
    def field(self) -> str:
        """Under which name a client should send a proof: what can't be phished before what can."""
        return self._names[0]

    @property
    def asked(self) -> str:
        """What can be sent, for people."""
        return ", or ".join(self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        passkeys, app = ("passkey",) * bool(self.good), ("totp",) * (self.app is not None)
        return (*passkeys, *app, "recoveryCode")


def held(work: UnitOfWork, kind: SubjectKind, subject: uuid.UUID) -> Held:
    """The second factors of an account that are in force."""
    app = factors.in_force(work.session, kind, subject)
    return Held(kind, subject, app, tuple(passkeys.of_account(work.session, kind, subject)))


def proven(context: Context, mine: Held, proof: Proof, session_id: uuid.UUID | None = None) -> Unproven | None:
    """Use up what was given, to sign in or, with a session, to step up; answers why it proves nothing, None where it
    does."""
    work = context.work
    if proof.passkey is not None:
        use = PasskeyUse.SIGN_IN if session_id is None else PasskeyUse.STEP_UP
        asker = Asker(mine.kind, mine.subject_id, use, session_id)
        return challenges.proven(context, asker, mine.passkeys, ceremonies.assertion(proof.passkey, "passkey"))
    if proof.recovery_code is not None:
        good = _use_recovery_code(work, mine, proof.recovery_code)
        return None if good else Unproven(SignInRefusal.WRONG_CODE)
    refused = SignInRefusal.WRONG_CODE if mine.app is None else _refused_code(work, mine.app, proof.totp or "")
    return None if refused is None else Unproven(refused)


def _refused_code(work: UnitOfWork, factor: SecondFactor, code: str) -> SignInRefusal | None:
    secret = work.vault.open_as_system(factor, "secret", reason="second factor")
    step = totp.matching_step(secret, code, work.now)
    if step is None:
        return SignInRefusal.WRONG_CODE
    return None if factors.take(work.session, factor, step) else SignInRefusal.REPEATED_CODE


def enrol(context: Context) -> str:
    """Begin to enrol an authenticator app; answers its otpauth URI, shown this once. One that is in force stays so.

    Raises `Unauthenticated` without a session, and `StepUpRequired` unless it has just been stepped up.
    """
    session = stepped_up(context)
    work = context.work
    factor, secret = offered(work, session.kind, session.subject_id)
    work.record(events.SecondFactorOffered(resource_id=factor.id, subject_id=_subject(session)))
    return totp.uri(secret, address_of(context, session), work.store.origin)


def offered(work: UnitOfWork, kind: SubjectKind, subject: uuid.UUID) -> tuple[SecondFactor, bytes]:
    """A second factor that waits for its first code, and its secret."""
    secret = totp.new_secret()
    factor = SecondFactor(id=new_id(), kind=kind, subject_id=subject)
    work.vault.seal(factor, secret=secret)
    work.session.add(factor)
    return factor, secret


def confirm(context: Context, code: str) -> list[str]:
    """Put the app that was enrolled last in force by its first code; answers fresh recovery codes, shown this once.

    The app before it and its recovery codes are worth nothing from here on, and every other session ends. Raises as
    `enrol` does, `Conflict` where nothing waits, and `Unauthenticated` for another code.
    """
    Proof(totp=code)
    session, work = stepped_up(context), context.work
    factor = factors.waiting(work.session, session.kind, session.subject_id)
    if factor is None:
        raise Conflict("No authenticator app waits to be confirmed. Call enrollTotp first.")
    if _refused_code(work, factor, code) is not None:
        raise Unauthenticated("This is not the code that your new app shows now.", field="totp")
    factors.forget(work.session, session.subject_id, but=factor.id)
    factor.confirmed_at = session.second_factor_at = work.now
    accounts.revoke_sessions(work.session, session.subject_id, except_for=session.id)
    notify(work, session, Change.APP_ENROLLED)
    work.record(events.SecondFactorEnrolled(resource_id=factor.id, subject_id=_subject(session)))
    return new_recovery_codes(work, session.subject_id)


def remove(context: Context) -> None:
    """Do without the authenticator app; where no good passkey is left either, without the recovery codes too.

    Raises as `enrol` does, and `Conflict` where there is none, and for staff who have no good passkey.
    """
    session, work = stepped_up(context), context.work
    mine = locked(work, session)
    if mine.app is None:
        raise Conflict("There is no authenticator app to remove.")
    if session.kind is SubjectKind.STAFF and not mine.good:
        raise Conflict("Staff work with a second factor. To take another app, call enrollTotp and confirmTotp.")
    factors.forget_app(work.session, session.subject_id)
    without(work, session, last=not mine.good)
    notify(work, session, Change.APP_REMOVED)
    work.record(events.SecondFactorRemoved(resource_id=mine.app.id, subject_id=_subject(session)))


def locked(work: UnitOfWork, session: Session) -> Held:
    """The session's second factors, of which nobody else takes one from a member of staff before this is done."""
    account = accounts.account_of(work.session, session.kind, session.subject_id)
    if account is not None and isinstance(account.row, StaffMember):
        staff.lock(work.session, account.row)
    return held(work, session.kind, session.subject_id)


def without(work: UnitOfWork, session: Session, *, last: bool) -> None:
    """What follows from doing without a second factor: with the `last` good one goes all that stands beside it."""
    if last:
        factors.forget(work.session, session.subject_id)
        passkeys.forget(work.session, session.subject_id)
        session.second_factor_at = None


def _use_recovery_code(work: UnitOfWork, mine: Held, given: str) -> bool:
    unused, wanted = factors.unused_codes(work.session, mine.subject_id), _digest(_plain(given))
    found = [code for code in unused if work.vault.matches(code, "digest", wanted)]
    if not found or not factors.take_code(work.session, found[0], work.now):
        return False
    subject = mine.subject_id if mine.kind is SubjectKind.CONTRIBUTOR else None
    notify(work, mine, Change.RECOVERY_CODE_USED)
    work.record(events.RecoveryCodeUsed(resource_id=found[0].id, subject_id=subject, left=len(unused) - 1))
    return True


def new_recovery_codes(work: UnitOfWork, subject: uuid.UUID) -> list[str]:
    """Fresh recovery codes for an account, as they are shown."""
    shown = []
    for _ in range(RECOVERY_CODES):
        code = "".join(secrets.choice(_ALPHABET) for _ in range(16))  # 80 bits: needs no slow hash
        row = RecoveryCode(id=new_id(), subject_id=subject)
        work.vault.seal(row, digest=_digest(code))
        work.session.add(row)
        shown.append("-".join(code[start : start + 4] for start in range(0, 16, 4)))
    return shown


def stepped_up(context: Context) -> Session:
    """The session that asks, which has just proven who it is. Raises `Unauthenticated` and `StepUpRequired`."""
    if context.asking.session_id is None:
        raise Unauthenticated("This needs a session: sign in with e-mail and password. An API key won't do.")
    session = accounts.live_session_by_id(context.work.session, context.asking.session_id)
    if session is None:
        raise Unauthenticated("This session has ended. Sign in again.")
    if not context.principal.stepped_up:
        raise StepUpRequired("SecondFactor", Action.UPDATE)
    return session


def address_of(context: Context, session: Session) -> str:
    """Their own e-mail, by which they tell the entry in their app, or among their passkeys, from others."""
    vault = context.work.vault
    if session.kind is SubjectKind.CONTRIBUTOR:
        row = context.access.get(Contributor, session.subject_id, Action.READ, (Action.READ_CONTACT,))
        return str(vault.open(row, "email"))
    account = accounts.account_of(context.work.session, session.kind, session.subject_id)
    if account is None:
        raise Unauthenticated("This account is gone.")
    return str(vault.open_as_system(account.row, "email", reason="enrolment"))


def _subject(session: Session) -> uuid.UUID | None:
    return session.subject_id if session.kind is SubjectKind.CONTRIBUTOR else None


def _plain(code: str) -> str:
    return code.strip().lower().replace("-", "").replace(" ", "")


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
