"""Notices: what contributors are told by the platform, each with how it reached them and whether they have read it.

A notice belongs to one person and is sealed under their keys like anything of theirs; it never quotes their work. What
is published for many becomes one notice for each of them. None is ever bundled with another.
"""

import enum
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Index, Text, cast, exists, false, func, or_, select, update
from sqlalchemy.orm import Mapped, Session

from storage import services
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus, PrivacyPreferences
from storage.ids import new_id
from storage.provider_copies import ProviderCopy
from storage.records import DataCard, Exported, NotExported, Record, plain, sealed
from storage.sealed import Sealed
from storage.services import Service


class NoticeKind(enum.StrEnum):
    """What a notice is about. Values are stored: none is ever renamed."""

    POLICY = "POLICY"  # what is promised changes: privacy policy, terms
    PRODUCT = "PRODUCT"  # news of the platform
    RETENTION = "RETENTION"  # something of theirs goes soon, by their own choice
    SECURITY = "SECURITY"  # what they should know or do to stay safe
    SERVICES = "SERVICES"  # a service that may have their work comes, changes or goes


PUBLISHED = (NoticeKind.POLICY, NoticeKind.PRODUCT, NoticeKind.SECURITY, NoticeKind.SERVICES)
"""The kinds that staff publish."""
MUTABLE = (NoticeKind.PRODUCT,)
"""The kinds that contributors may have kept out of their e-mail. All stand in their inbox."""
LEAD = {NoticeKind.POLICY: timedelta(days=14), NoticeKind.SERVICES: timedelta(days=14)}
"""How long before it takes effect a change must be told."""


class Channel(enum.StrEnum):
    """How a notice reaches somebody beside their inbox."""

    EMAIL = "EMAIL"
    WEBHOOK = "WEBHOOK"


class Delivery(enum.StrEnum):
    """How far it came. UNUSED: there is no such way here, or to them. Values are stored."""

    FAILED = "FAILED"
    MUTED = "MUTED"
    QUEUED = "QUEUED"
    SENT = "SENT"
    UNUSED = "UNUSED"


_ATTEMPTS = "says how often the platform tried, and is needed until it has come or was given up"


class PublishedNotice(Record):
    """A text that staff published, for everybody or for those whom a service concerns. It is about nobody."""

    __tablename__ = "published_notices"
    card = DataCard(
        subject=None, retention="published_notice", export=NotExported("each contributor's own notice has its text")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    kind: Mapped[NoticeKind] = plain()
    title: Mapped[str] = plain()
    body: Mapped[str] = plain()
    service_id: Mapped[uuid.UUID | None] = plain()
    effective_at: Mapped[datetime] = plain()
    published_at: Mapped[datetime] = plain(default=now)
    published_by: Mapped[uuid.UUID] = plain()


class Notice(Record):
    """Something that a contributor was told: sealed for them, with how it was delivered and when they read it.

    `published_id` is what it is one notice of: a text that was published, or an incident.
    """

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_owner_id_published_id", "owner_id", "published_id", unique=True),
        Index("ix_notices_published_id", "published_id"),
    )
    card = DataCard(subject="owner_id", retention="account", export=Exported("notices.jsonl"))

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain()
    kind: Mapped[NoticeKind] = plain()
    published_id: Mapped[uuid.UUID | None] = plain()
    title: Mapped[Sealed] = sealed()
    body: Mapped[Sealed] = sealed()
    effective_at: Mapped[datetime] = plain()
    created_at: Mapped[datetime] = plain(default=now)
    read_at: Mapped[datetime | None] = plain()
    email: Mapped[Delivery] = plain(default=Delivery.QUEUED)
    email_at: Mapped[datetime | None] = plain()
    webhook: Mapped[Delivery] = plain(default=Delivery.QUEUED)
    webhook_at: Mapped[datetime | None] = plain()
    email_attempts: Mapped[int] = plain(default=0, withheld=_ATTEMPTS)
    email_due_at: Mapped[datetime | None] = plain(withheld=_ATTEMPTS)
    webhook_attempts: Mapped[int] = plain(default=0, withheld=_ATTEMPTS)
    webhook_due_at: Mapped[datetime | None] = plain(withheld=_ATTEMPTS)


class NoticeSettings(Record):
    """How a contributor wants to be told, beside their inbox. No row is no wish: e-mail, and no webhook."""

    __tablename__ = "notice_settings"
    card = DataCard(subject="owner_id", retention="account", export=Exported("notice_settings.json"))

    owner_id: Mapped[uuid.UUID] = plain(primary_key=True)
    product_emails: Mapped[bool] = plain(default=True)
    webhook_url: Mapped[Sealed | None] = sealed()
    webhook_secret: Mapped[Sealed | None] = sealed(under="platform")
    updated_at: Mapped[datetime] = plain(default=now)


def owner_of(session: Session, notice_id: uuid.UUID) -> uuid.UUID | None:
    """Whose notice it is; None if it is gone, or its owner's account is on its way out."""
    active = (Contributor.id == Notice.owner_id) & (Contributor.status == ContributorStatus.ACTIVE)
    return session.scalar(select(Notice.owner_id).join(Contributor, active).where(Notice.id == notice_id))


def published(session: Session, published_id: uuid.UUID) -> PublishedNotice | None:
    """A text that was published."""
    return session.get(PublishedNotice, published_id)


def not_told(
    session: Session, text: PublishedNotice, at_most: int, after: uuid.UUID | None = None
) -> Sequence[uuid.UUID]:
    """Contributors whom a published text concerns and who have no notice of it yet, so many at a time, by their id.

    Who came after it was published is told by the policy as it then stands, and by nothing else.
    """
    told = exists().where(Notice.owner_id == Contributor.id, Notice.published_id == text.id)
    there = (Contributor.status == ContributorStatus.ACTIVE) & (Contributor.created_at <= text.published_at)
    concerned = select(Contributor.id).where(there, ~told, _concerns(session, text))
    if after is not None:
        concerned = concerned.where(Contributor.id > after)
    return session.scalars(concerned.order_by(Contributor.id).limit(at_most)).all()


def told_of(session: Session, published_id: uuid.UUID) -> set[uuid.UUID]:
    """Those who have a notice of it: of a text that was published, or of an incident that they were told of."""
    return set(session.scalars(select(Notice.owner_id).where(Notice.published_id == published_id)))


def _concerns(session: Session, text: PublishedNotice) -> ColumnElement[bool]:
    """A text about a service concerns those who allow it on any terms, and those of whom it was sent something."""
    service = None if text.service_id is None else session.get(Service, text.service_id)
    if service is None:
        return ~false()
    sent = exists().where(ProviderCopy.owner_id == Contributor.id, ProviderCopy.provider == service.address)
    # The list is JSON, of ids: as text it holds each between quotes.
    listed = cast(PrivacyPreferences.services, Text)
    versions = or_(*(listed.contains(f'"{each.id}"') for each in services.at(session, service.address)))
    return sent | exists().where(PrivacyPreferences.owner_id == Contributor.id, versions)


def delivered(session: Session, notice_id: uuid.UUID, channel: Channel, state: Delivery, moment: datetime) -> bool:
    """Note how far a notice came on one way. Answers False, and changes nothing, if that was settled before."""
    column = Notice.email if channel is Channel.EMAIL else Notice.webhook
    at = Notice.email_at if channel is Channel.EMAIL else Notice.webhook_at
    settled = (
        update(Notice).where(Notice.id == notice_id, column == Delivery.QUEUED).values({column: state, at: moment})
    )
    return session.execute(settled.returning(Notice.id)).one_or_none() is not None


def count_queued(session: Session, owner_id: uuid.UUID) -> int:
    """Return how many notices of this contributor have not been delivered yet, nor given up."""
    waiting = or_(Notice.email == Delivery.QUEUED, Notice.webhook == Delivery.QUEUED)
    return session.scalar(select(func.count()).where(Notice.owner_id == owner_id, waiting)) or 0


def begin_attempt(
    session: Session, notice_id: uuid.UUID, channel: Channel, pauses: Sequence[float], moment: datetime
) -> tuple[int, float]:
    """Count an attempt at delivery before it is made. Return which it is, and 0; or the seconds until it is due.

    `pauses` are those between two attempts.
    """
    count, due = Notice.webhook_attempts, Notice.webhook_due_at
    if channel is Channel.EMAIL:
        count, due = Notice.email_attempts, Notice.email_due_at
    found = session.execute(select(count, due).where(Notice.id == notice_id).with_for_update()).one_or_none()
    if found is None:
        return len(pauses) + 1, 0.0
    attempts, due_at = found
    if due_at is not None and due_at > moment:
        return attempts, (due_at - moment).total_seconds()
    pause = timedelta(seconds=pauses[min(attempts, len(pauses) - 1)])
    begun = update(Notice).where(Notice.id == notice_id).values({count: attempts + 1, due: moment + pause})
    session.execute(begun, execution_options={"synchronize_session": False})
    return attempts + 1, 0.0


def counts(session: Session, published_id: uuid.UUID) -> tuple[int, int, int]:
    """Of a published text: how many were told, how many of them by e-mail or webhook too, and how many have read it."""
    reached = (Notice.email == Delivery.SENT) | (Notice.webhook == Delivery.SENT)
    statement = select(
        func.count(),
        func.count().filter(reached),
        func.count().filter(Notice.read_at.is_not(None)),
    ).where(Notice.published_id == published_id)
    told, sent, read = session.execute(statement).one()
    return told, sent, read


def settings_for(session: Session, owner_id: uuid.UUID) -> NoticeSettings:
    """How this contributor wants to be told, made as it is unsaid where they never said."""
    row = session.get(NoticeSettings, owner_id, with_for_update=True)
    if row is None:
        row = NoticeSettings(owner_id=owner_id, product_emails=True)
        session.add(row)
    return row
