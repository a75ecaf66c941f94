"""Contributors: the people who own the work, and their choices about its use."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import JSON, select, update
from sqlalchemy.orm import Mapped, Session, foreign, relationship

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, Record, keyed, plain, sealed
from storage.sealed import Sealed


class ContributorStatus(enum.StrEnum):
    """Whether an account is in use, or on its way out."""

    ACTIVE = "ACTIVE"
    ERASING = "ERASING"


class Contributor(Record):
    """A person who owns work. The row goes when the account is erased; nothing is kept behind a flag."""

    __tablename__ = "contributors"
    card = DataCard(subject="id", retention="account", export=Exported("profile.json"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = plain(default=now)
    status: Mapped[ContributorStatus] = plain(default=ContributorStatus.ACTIVE)
    email: Mapped[Sealed] = sealed(opens_with="read_contact")
    email_lookup: Mapped[bytes] = keyed(unique=True)
    email_refused_at: Mapped[datetime | None] = plain()
    """When a mail server refused this address for good; None again once a letter was accepted, or it was changed."""
    display_name: Mapped[Sealed] = sealed(opens_with="read_contact")
    password_hash: Mapped[Sealed] = sealed(under="platform")
    networks: Mapped[Sealed | None] = sealed(under="platform")
    """Those that they have signed in from; each sign-in's own address is in the trail, and exported with that."""

    preferences: Mapped["PrivacyPreferences"] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin=lambda: Contributor.id == foreign(PrivacyPreferences.owner_id),
        uselist=False,
    )


class PrivacyPreferences(Record):
    """What a contributor allows. Everything optional is off until they switch it on."""

    __tablename__ = "privacy_preferences"
    card = DataCard(subject="owner_id", retention="account", export=Exported("preferences.json"))

    owner_id: Mapped[uuid.UUID] = plain(primary_key=True)
    style_learning: Mapped[bool] = plain(default=False)
    training: Mapped[bool] = plain(default=False)
    analytics: Mapped[bool] = plain(default=False)
    strip_metadata: Mapped[bool] = plain(default=False)
    support_access: Mapped[bool] = plain(default=False)
    services: Mapped[list[str]] = plain(JSON, default=list)
    """The ids of those versions of services to which their work may be sent (`storage.services`)."""
    updated_at: Mapped[datetime] = plain(default=now)


class Consent(Record):
    """One change of one preference: the history behind `PrivacyPreferences`."""

    __tablename__ = "consents"
    card = DataCard(subject="owner_id", retention="account", export=Exported("consents.jsonl"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    preference: Mapped[str] = plain()
    allowed: Mapped[bool] = plain()
    at: Mapped[datetime] = plain(default=now)


class StyleProfile(Record):
    """What style analysis learned, kept only with the contributor's opt-in. It is theirs like any work."""

    __tablename__ = "style_profiles"
    card = DataCard(subject="owner_id", retention="account", export=Exported("style_profile.json"))

    owner_id: Mapped[uuid.UUID] = plain(primary_key=True)
    profile: Mapped[Sealed] = sealed()
    updated_at: Mapped[datetime] = plain(default=now)


def strips_metadata(session: Session, owner: uuid.UUID) -> bool:
    """Whether this contributor wants metadata taken out of images, whoever uploads them. No wish is no."""
    wish = select(PrivacyPreferences.strip_metadata).where(PrivacyPreferences.owner_id == owner)
    return bool(session.scalar(wish))


def mark_email(session: Session, contributor_id: uuid.UUID, refused_at: datetime | None) -> None:
    """Note that a mail server refused a contributor's address for good, or (None) that one has accepted it."""
    same = Contributor.email_refused_at.is_(None) if refused_at is None else Contributor.email_refused_at.is_not(None)
    marked = update(Contributor).where(Contributor.id == contributor_id, ~same).values(email_refused_at=refused_at)
    session.execute(marked, execution_options={"synchronize_session": False})
