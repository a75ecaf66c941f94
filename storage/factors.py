"""Second factors: what somebody has besides their password, and the codes for the day on which they lost it."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, delete, select, update
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed
from storage.sessions import SubjectKind

_CREDENTIAL = NotExported("a credential: nothing in the row says more about its owner")


class SecondFactor(Record):
    """An authenticator app that shares a secret with us (TOTP, RFC 6238). Not in force before its first code came."""

    __tablename__ = "second_factors"
    card = DataCard(subject="subject_id", retention="account", export=_CREDENTIAL)
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    kind: Mapped[SubjectKind] = plain()
    subject_id: Mapped[uuid.UUID] = plain(index=True)
    secret: Mapped[Sealed] = sealed()
    last_step: Mapped[int] = plain(BigInteger, default=0)
    """The newest step that a code was accepted of: no code is taken twice, nor an older one."""
    enrolled_at: Mapped[datetime] = plain(default=now)
    confirmed_at: Mapped[datetime | None] = plain()


class RecoveryCode(Record):
    """One of the codes that stand in for a lost second factor, once. A digest is kept, sealed."""

    __tablename__ = "recovery_codes"
    card = DataCard(subject="subject_id", retention="account", export=_CREDENTIAL)
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    subject_id: Mapped[uuid.UUID] = plain(index=True)
    digest: Mapped[Sealed] = sealed()
    created_at: Mapped[datetime] = plain(default=now)
    used_at: Mapped[datetime | None] = plain()


def in_force(session: Session, kind: SubjectKind, subject: uuid.UUID) -> SecondFactor | None:
    """The account's second factor, once it was confirmed."""
    mine = (SecondFactor.kind == kind) & (SecondFactor.subject_id == subject)
    return session.scalar(select(SecondFactor).where(mine, SecondFactor.confirmed_at.is_not(None)))


def waiting(session: Session, kind: SubjectKind, subject: uuid.UUID) -> SecondFactor | None:
    """The second factor that the account began to enrol last, and has not confirmed."""
    mine = (SecondFactor.kind == kind) & (SecondFactor.subject_id == subject)
    found = select(SecondFactor).where(mine, SecondFactor.confirmed_at.is_(None))
    return session.scalar(found.order_by(SecondFactor.id.desc()).limit(1))


def take(session: Session, factor: SecondFactor, step: int) -> bool:
    """Use up the code of `step`: whether it was there to be used. Of several who try at once, one succeeds."""
    fresh = update(SecondFactor).where(SecondFactor.id == factor.id, SecondFactor.last_step < step)
    return session.execute(fresh.values(last_step=step)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def unused_codes(session: Session, subject: uuid.UUID) -> list[RecoveryCode]:
    """The account's recovery codes that nobody has used."""
    unused = select(RecoveryCode).where(RecoveryCode.subject_id == subject, RecoveryCode.used_at.is_(None))
    return list(session.scalars(unused.order_by(RecoveryCode.id)))


def take_code(session: Session, code: RecoveryCode, moment: datetime) -> bool:
    """Use up a recovery code: whether it was there to be used. Of several who try at once, one succeeds."""
    fresh = update(RecoveryCode).where(RecoveryCode.id == code.id, RecoveryCode.used_at.is_(None))
    return session.execute(fresh.values(used_at=moment)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def forget_app(session: Session, subject: uuid.UUID) -> None:
    """Remove an account's authenticator apps; its recovery codes stay."""
    session.execute(delete(SecondFactor).where(SecondFactor.subject_id == subject))


def forget(session: Session, subject: uuid.UUID, *, but: uuid.UUID | None = None) -> None:
    """Remove an account's second factors, except the one with the id `but`, and its recovery codes."""
    gone = delete(SecondFactor).where(SecondFactor.subject_id == subject)
    session.execute(gone if but is None else gone.where(SecondFactor.id != but))
    session.execute(delete(RecoveryCode).where(RecoveryCode.subject_id == subject))
