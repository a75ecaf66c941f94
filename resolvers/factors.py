"""Second factors: proving them, enrolling one, and doing without it again.

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
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, Unauthenticated
from storage import accounts, factors, totp
from storage.contributors import Contributor
from storage.factors import RecoveryCode, SecondFactor
from storage.ids import new_id
from storage.ledger import events
from storage.ledger.events import SignInRefusal
from storage.sessions import Session, SubjectKind
from storage.work import UnitOfWork

RECOVERY_CODES = 10
_CODE = re.compile(rf"[0-9]{{{totp.DIGITS}}}")
_RECOVERY = re.compile(r"[a-z2-7]{16}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Proof:
    """What somebody gave of their second factor: a code of their app, or one of their recovery codes; or nothing.

    Raises `BadInput` for what can't be one, before anything is looked for.
    """

    totp: str | None = None
    recovery_code: str | None = None

    def __post_init__(self) -> None:
        if self.totp is not None and self.recovery_code is not None:
            raise BadInput("Send totp or recoveryCode, not both.", field="recoveryCode")
        if self.totp is not None and not _CODE.fullmatch(self.totp):
            raise BadInput("totp is the six digits that your authenticator app shows now.", field="totp")
        if self.recovery_code is not None and not _RECOVERY.fullmatch(_plain(self.recovery_code)):
            raise BadInput("recoveryCode has four groups of four letters and digits.", field="recoveryCode")

    @property
    def given(self) -> bool:
        """Whether there is anything to prove with."""
        return self.totp is not None or self.recovery_code is not None

    @property
    def field(self) -> str:
        """Under which name it came."""
        return "totp" if self.recovery_code is None else "recoveryCode"


def proven(work: UnitOfWork, factor: SecondFactor, proof: Proof) -> SignInRefusal | None:
    """Use up what was given; answers why it proves nothing, None where it does."""
    if proof.recovery_code is not None:
        return None if _use_recovery_code(work, factor, proof.recovery_code) else SignInRefusal.WRONG_CODE
    secret = work.vault.open_as_system(factor, "secret", reason="second factor")
    step = totp.matching_step(secret, proof.totp or "", work.now)
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
    return totp.uri(secret, _address(context, session), work.store.origin)


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
    session, work, proof = stepped_up(context), context.work, Proof(totp=code)
    factor = factors.waiting(work.session, session.kind, session.subject_id)
    if factor is None:
        raise Conflict("No authenticator app waits to be confirmed. Call enrollTotp first.")
    if proven(work, factor, proof) is not None:
        raise Unauthenticated("This is not the code that your new app shows now.", field="totp")
    factors.forget(work.session, session.subject_id, but=factor.id)
    factor.confirmed_at = session.second_factor_at = work.now
    accounts.revoke_sessions(work.session, session.subject_id, except_for=session.id)
    work.record(events.SecondFactorEnrolled(resource_id=factor.id, subject_id=_subject(session)))
    return _new_recovery_codes(work, session.subject_id)


def remove(context: Context) -> None:
    """Do without the authenticator app and its recovery codes.

    Raises as `enrol` does, and `Conflict` where there is none, and for staff, who can't work without one.
    """
    session, work = stepped_up(context), context.work
    if session.kind is SubjectKind.STAFF:
        raise Conflict("Staff work with a second factor. To take another app, call enrollTotp and confirmTotp.")
    factor = factors.in_force(work.session, session.kind, session.subject_id)
    if factor is None:
        raise Conflict("There is no authenticator app to remove.")
    factors.forget(work.session, session.subject_id)
    session.second_factor_at = None
    work.record(events.SecondFactorRemoved(resource_id=factor.id, subject_id=_subject(session)))


def _use_recovery_code(work: UnitOfWork, factor: SecondFactor, given: str) -> bool:
    unused, wanted = factors.unused_codes(work.session, factor.subject_id), _digest(_plain(given))
    found = [code for code in unused if work.vault.matches(code, "digest", wanted)]
    if not found or not factors.take_code(work.session, found[0], work.now):
        return False
    subject = factor.subject_id if factor.kind is SubjectKind.CONTRIBUTOR else None
    work.record(events.RecoveryCodeUsed(resource_id=found[0].id, subject_id=subject, left=len(unused) - 1))
    return True


def _new_recovery_codes(work: UnitOfWork, subject: uuid.UUID) -> list[str]:
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


def _address(context: Context, session: Session) -> str:
    """Their own e-mail, by which they tell the entry in their app from others."""
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
