"""Passkeys (Web Authentication): keys that never leave somebody's authenticator, and the challenges that they sign."""

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, delete, select, update
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed
from storage.sessions import SubjectKind

CHALLENGE_LASTS = timedelta(minutes=5)
"""How long somebody has to find their key: twice the least that Web Authentication (level 3, 15.1) recommends."""
MOST_CHALLENGES = 5
"""Challenges of one account for one use that wait at once: for several devices, and not for a flood."""


class PasskeyUse(enum.StrEnum):
    """What a challenge is for. One for the one is good for no other."""

    REGISTER = "REGISTER"
    SIGN_IN = "SIGN_IN"
    STEP_UP = "STEP_UP"


class Passkey(Record):
    """A passkey of an account: its id, its public key and its authenticator's model, sealed; never a private key."""

    __tablename__ = "passkeys"
    card = DataCard(
        subject="subject_id",
        retention="account",
        export=NotExported("a credential: it opens nothing without the authenticator that holds its private key"),
    )
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    kind: Mapped[SubjectKind] = plain()
    subject_id: Mapped[uuid.UUID] = plain(index=True)
    credential: Mapped[Sealed] = sealed()
    """What Web Authentication calls attested credential data (level 3, 6.5.1)."""
    sign_count: Mapped[int] = plain(BigInteger, default=0)
    """The highest count of signatures that its authenticator has told; 0 from one that does not count."""
    synced: Mapped[bool] = plain()
    """Whether its provider may copy it to other devices of the same person."""
    created_at: Mapped[datetime] = plain(default=now)
    last_used_at: Mapped[datetime | None] = plain()
    copied_at: Mapped[datetime | None] = plain()
    """Since when its count is known to have gone back: two devices have its key, and it proves nothing any more."""


class PasskeyChallenge(Record):
    """Random bytes that a passkey is to sign once, within minutes."""

    __tablename__ = "passkey_challenges"
    card = DataCard(
        subject="subject_id", retention="session", export=NotExported("random bytes, which end within minutes")
    )
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    kind: Mapped[SubjectKind] = plain()
    subject_id: Mapped[uuid.UUID] = plain(index=True)
    use: Mapped[PasskeyUse] = plain()
    session_id: Mapped[uuid.UUID | None] = plain(index=True)
    """The session that asked for it, and is the only one to answer it; null before there is one."""
    challenge: Mapped[Sealed] = sealed()
    expires_at: Mapped[datetime] = plain()


def of_account(session: Session, kind: SubjectKind, subject: uuid.UUID) -> list[Passkey]:
    """The account's passkeys, oldest first; copied ones too."""
    mine = (Passkey.kind == kind) & (Passkey.subject_id == subject)
    return list(session.scalars(select(Passkey).where(mine).order_by(Passkey.id)))


def use(session: Session, passkey: Passkey, count: int, moment: datetime) -> bool:
    """Note a use with this count of signatures: whether it may be. Of several who try at once with one, one succeeds.

    A count must be higher than the one before; two of 0 are an authenticator that does not count.
    """
    mine = update(Passkey).where(Passkey.id == passkey.id, Passkey.copied_at.is_(None))
    fresh = mine.where(Passkey.sign_count < count if count else Passkey.sign_count == 0)
    done = session.execute(fresh.values(sign_count=count, last_used_at=moment))
    return done.rowcount == 1  # type: ignore[attr-defined, no-any-return]


def mark_copied(session: Session, passkey_id: uuid.UUID, moment: datetime) -> None:
    """From here on this passkey proves nothing."""
    session.execute(update(Passkey).where(Passkey.id == passkey_id).values(copied_at=moment))


def remove(session: Session, passkey: Passkey) -> None:
    """The account does without this passkey."""
    session.execute(delete(Passkey).where(Passkey.id == passkey.id))


def forget(session: Session, subject: uuid.UUID) -> None:
    """Remove an account's passkeys, and the challenges that wait for them."""
    session.execute(delete(Passkey).where(Passkey.subject_id == subject))
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.subject_id == subject))


def ask(session: Session, asked: PasskeyChallenge) -> None:
    """Add a challenge. Of the account's others for the same use the newest stay."""
    mine = (PasskeyChallenge.subject_id == asked.subject_id) & (PasskeyChallenge.use == asked.use)
    newest = select(PasskeyChallenge.id).where(mine).order_by(PasskeyChallenge.id.desc())
    kept = session.scalars(newest.limit(MOST_CHALLENGES - 1)).all()
    session.execute(delete(PasskeyChallenge).where(mine, PasskeyChallenge.id.not_in(kept)))
    session.add(asked)


def waiting(session: Session, challenge_id: uuid.UUID, moment: datetime) -> PasskeyChallenge | None:
    """The challenge with this id, unless it was used or its time is up."""
    live = (PasskeyChallenge.id == challenge_id) & (PasskeyChallenge.expires_at > moment)
    return session.scalar(select(PasskeyChallenge).where(live))


def use_up(session: Session, challenge_id: uuid.UUID) -> bool:
    """Use up a challenge: whether it was there to be used. Of several who try at once, one succeeds."""
    gone = delete(PasskeyChallenge).where(PasskeyChallenge.id == challenge_id)
    return session.execute(gone).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def forget_challenges(session: Session, moment: datetime) -> None:
    """Remove challenges whose time is up."""
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= moment))
