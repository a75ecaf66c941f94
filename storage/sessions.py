"""What proves who is calling: sessions, API keys, and the brake on guessing."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import JSON, func, select
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import Session as OrmSession

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, NotExported, Record, keyed, plain, sealed
from storage.sealed import Sealed


class SubjectKind(enum.StrEnum):
    """Whose account a session or ticket belongs to."""

    CONTRIBUTOR = "CONTRIBUTOR"
    STAFF = "STAFF"


class Session(Record):
    """A signed-in device. Only a keyed hash of the bearer token is kept."""

    __tablename__ = "sessions"
    card = DataCard(
        subject="subject_id", retention="session", export=NotExported("credentials: nothing in the row says more")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    token_hash: Mapped[bytes] = keyed(unique=True)
    kind: Mapped[SubjectKind] = plain()
    subject_id: Mapped[uuid.UUID] = plain(index=True)
    created_at: Mapped[datetime] = plain(default=now)
    expires_at: Mapped[datetime] = plain()
    second_factor_at: Mapped[datetime | None] = plain()
    stepped_up_until: Mapped[datetime | None] = plain()
    exports_held_at: Mapped[datetime | None] = plain()
    """Since when it exports nothing before its holder has proven anew who they are; null while it does."""
    throttled_until: Mapped[datetime | None] = plain()
    revoked_at: Mapped[datetime | None] = plain()


class ApiKey(Record):
    """A contributor's key for programs: scoped, expiring, shown once. A digest of its secret is kept, sealed."""

    __tablename__ = "api_keys"
    card = DataCard(subject="owner_id", retention="account", export=Exported("api_keys.jsonl"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    name: Mapped[Sealed] = sealed()
    prefix: Mapped[str] = plain(unique=True)
    secret_digest: Mapped[Sealed | None] = sealed(under="platform")
    networks: Mapped[Sealed | None] = sealed(under="platform")
    """The one that it was made from, and those that it was used from."""
    scopes: Mapped[list[str]] = plain(JSON)
    created_at: Mapped[datetime] = plain(default=now)
    expires_at: Mapped[datetime] = plain()
    last_used_at: Mapped[datetime | None] = plain()
    exports_held_at: Mapped[datetime | None] = plain()
    """Since when it exports nothing before its owner has proven anew who they are; null while it does."""
    throttled_until: Mapped[datetime | None] = plain()
    suspended_at: Mapped[datetime | None] = plain()
    """Since when it does not work, because of an incident; null while it does."""
    revoked_at: Mapped[datetime | None] = plain()


class KnownAddress(Record):
    """An address from which an account has signed in, as a keyed hash of both."""

    __tablename__ = "known_addresses"
    card = DataCard(
        subject="subject_id", retention="account", export=NotExported("a keyed hash: nothing in the row says more")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    kind: Mapped[SubjectKind] = plain()
    subject_id: Mapped[uuid.UUID] = plain(index=True)
    lookup: Mapped[bytes] = keyed(unique=True)
    used_at: Mapped[datetime] = plain(default=now)


class SignInThrottle(Record):
    """Attempts to prove who is asking that failed or are being judged, counted under a keyed hash of what is tried.

    That is an e-mail with an address, an address, an account, a session: whether or not the account exists.
    """

    __tablename__ = "sign_in_throttles"
    card = DataCard(subject=None, retention="session", export=NotExported("keyed by a hash, swept within the hour"))

    lookup: Mapped[bytes] = keyed(primary_key=True)
    failures: Mapped[int] = plain(default=0)
    window_started_at: Mapped[datetime] = plain(default=now)


def count_working_keys(session: OrmSession, owner_id: uuid.UUID, moment: datetime) -> int:
    """Return how many API keys of somebody have not ended."""
    working = (ApiKey.owner_id == owner_id) & ApiKey.revoked_at.is_(None) & (ApiKey.expires_at > moment)
    return session.scalar(select(func.count()).select_from(ApiKey).where(working)) or 0
