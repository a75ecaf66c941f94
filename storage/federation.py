"""Identities that an issuer of tokens vouches for, each tied to one account here."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, keyed, plain, sealed
from storage.sealed import Sealed
from storage.sessions import SubjectKind

PURPOSE = "federated"
"""What the keyed hash of an issuer with its subject is for."""


class FederatedIdentity(Record):
    """Whom an issuer of tokens knows by which name (`iss` and `sub` of its tokens), and whose account that is."""

    __tablename__ = "federated_identities"
    card = DataCard(
        subject="subject_id",
        retention="account",
        export=NotExported("a credential: nothing in the row says more about its owner"),
    )
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    kind: Mapped[SubjectKind] = plain()
    subject_id: Mapped[uuid.UUID] = plain(unique=True)
    name: Mapped[Sealed] = sealed()
    name_lookup: Mapped[bytes] = keyed(unique=True)
    linked_at: Mapped[datetime] = plain(default=now)
    throttled_until: Mapped[datetime | None] = plain()
    newest_token_at: Mapped[datetime | None] = plain()
    """The latest moment at which a token was issued that was used, where the issuer's clock is ahead of ours."""
    tokens_refused_until: Mapped[datetime | None] = plain()
    """Tokens that were issued in this second or before are not good any more: the account's sessions were ended."""


def named(issuer: str, subject: str) -> str:
    """Both in one: no issuer is a URL with a line break, so that no two pairs meet."""
    return f"{issuer}\n{subject}"


def by_name(session: Session, lookups: Sequence[bytes]) -> FederatedIdentity | None:
    """The identity with this name, however old the key is under which it was written down."""
    return session.scalar(select(FederatedIdentity).where(FederatedIdentity.name_lookup.in_(lookups)))


def by_id(session: Session, identity: uuid.UUID) -> FederatedIdentity | None:
    """The identity with this id, while it is tied to an account."""
    return session.get(FederatedIdentity, identity)


def of_account(session: Session, subject: uuid.UUID) -> FederatedIdentity | None:
    """The identity that an account is tied to."""
    return session.scalar(select(FederatedIdentity).where(FederatedIdentity.subject_id == subject))


def note_issued(session: Session, identity: uuid.UUID, moment: datetime) -> None:
    """Note that a token was used that was issued at `moment`, which lies ahead."""
    later = FederatedIdentity.newest_token_at.is_(None) | (FederatedIdentity.newest_token_at < moment)
    mine = update(FederatedIdentity).where(FederatedIdentity.id == identity, later)
    session.execute(mine.values(newest_token_at=moment))


def refuse_tokens(session: Session, subject: uuid.UUID, moment: datetime) -> None:
    """Let no token of an account be good that was issued up to now, by our clock or by the issuer's."""
    ahead = FederatedIdentity.newest_token_at > moment
    until = case((ahead, FederatedIdentity.newest_token_at), else_=moment)
    mine = update(FederatedIdentity).where(FederatedIdentity.subject_id == subject)
    session.execute(mine.values(tokens_refused_until=until))


def forget_tie(session: Session, identity: uuid.UUID) -> int:
    """Untie the account of this identity; returns how many there were."""
    gone = session.execute(delete(FederatedIdentity).where(FederatedIdentity.id == identity))
    return gone.rowcount  # type: ignore[attr-defined, no-any-return]


def forget(session: Session, subject: uuid.UUID) -> None:
    """Untie an account: tokens of its issuer are worth nothing here any more."""
    session.execute(delete(FederatedIdentity).where(FederatedIdentity.subject_id == subject))
