"""Notices: staff publish them, contributors find them in their inbox and say how else they want to be told.

(1) Who publishes may. (2) What changes is told long enough before it does. (3) One text is one notice: nothing is
bundled. (4) Security can't be muted, nor anything else but news.
"""

import uuid
from datetime import datetime, timedelta

from policies.actions import Action
from policies.errors import NotFound
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput
from storage import notices, services
from storage.contributors import Contributor
from storage.ids import new_id
from storage.ledger import envelopes, events
from storage.notices import LEAD, PUBLISHED, Notice, NoticeKind, NoticeSettings, PublishedNotice
from storage.privacy.promises import SORTS, WORK
from storage.services import DataCategory, Service
from storage.work import UnitOfWork

FARTHEST = timedelta(days=366)
_ALL = (Action.READ, Action.UPDATE)
SPREAD, DELIVER, TELL_AFFECTED = "spread_notice", "deliver_notice", "tell_affected"
"""What is queued: with the id of a published text, of one person's notice, and of an incident."""


def publish(
    context: Context,
    kind: NoticeKind,
    title: str,
    body: str,
    effective_at: datetime | None,
    service_id: uuid.UUID | None,
) -> PublishedNotice:
    """Tell everybody, or those whom a service concerns. Each of them gets a notice of their own.

    Raises `BadInput` for words that are missing or too many, for a kind that nobody publishes, a service without
    SERVICES, and a change that takes effect before people had time to hear of it.
    """
    context.access.check(Action.PUBLISH_NOTICE)  # (1)
    if kind not in PUBLISHED:
        raise BadInput("A notice of that kind is written by the platform itself.", field="kind")
    heading = inputs.text(title, "title", at_most=120, at_least=5)
    if not heading.isprintable():
        raise BadInput("title is one line.", field="title")
    text = inputs.text(body, "body", at_most=4_000, at_least=20)
    if service_id is not None:
        if kind is not NoticeKind.SERVICES:
            raise BadInput("serviceId goes with SERVICES alone.", field="serviceId")
        context.access.get(Service, service_id, Action.READ)
    effective = _effective(kind, effective_at, context.work.now)  # (2)
    row = _publish(context.work, context.caller_id, kind, heading, text, effective, service_id)
    context.work.session.flush()
    return context.access.get(PublishedNotice, row.id, Action.READ)


def tell_of_beginning(context: Context, service: Service, begins: datetime) -> None:
    """Tell of a service that was approved, before it begins: everybody, and of other terms those whom they concern."""
    name, about = _named(service), ", ".join(SORTS[DataCategory(each)] for each in service.categories)
    choice = (
        "Nothing of yours is sent there unless you allow it, also where you allowed it on other terms: "
        "updatePrivacyPreferences(services:)."
        if WORK & set(service.categories)
        else "It gets no work of yours that it can read, so there is nothing to allow."
    )
    text = (
        f"{service.purpose}\n\nIt gets: {about}. It keeps that for {service.retention_days} days, and "
        f"{'trains' if service.trains_on_inputs else 'does not train'} models on it. {choice}\n\n"
        "The whole agreement stands at /services."
    )
    versions = services.at(context.work.session, service.address)
    known = any(each.approved_at is not None for each in versions if each.id != service.id)
    title = f"{name} begins on {begins.day} {begins:%B %Y}"
    about_terms = service.id if known else None
    _publish(context.work, context.caller_id, NoticeKind.SERVICES, title, text, begins, about_terms)


def tell_of_end(work: UnitOfWork, service: Service, by: uuid.UUID) -> None:
    """Tell those whom a service concerns that nothing is sent there any more on these terms; `by`: who ended it."""
    text = (
        f"Nothing more of yours is sent to {service.address} on the terms that you knew. What it was sent before goes "
        f"there after {service.retention_days} days. myData shows what that was."
    )
    _publish(work, by, NoticeKind.SERVICES, f"{_named(service)} has ended", text, work.now, service.id)


def _named(service: Service) -> str:
    return " ".join(service.operator.split())[:80]


def _publish(
    work: UnitOfWork,
    by: uuid.UUID,
    kind: NoticeKind,
    title: str,
    body: str,
    effective: datetime,
    service_id: uuid.UUID | None,
) -> PublishedNotice:
    row = PublishedNotice(
        id=new_id(),
        kind=kind,
        title=title,
        body=body,
        service_id=service_id,
        effective_at=effective,
        published_at=work.now,
        published_by=by,
    )
    work.session.add(row)
    ahead = int((effective - work.now).total_seconds())
    published = events.NoticePublished(
        resource_id=row.id, subject_id=None, kind=kind, takes_effect_in_seconds=ahead, service_id=service_id
    )
    work.record(published)
    work.enqueue(SPREAD, row.id)
    return row


def _effective(kind: NoticeKind, said: datetime | None, moment: datetime) -> datetime:
    lead = LEAD.get(kind, timedelta())
    if said is None:
        if lead:
            raise BadInput("effectiveAt says when the change takes effect.", field="effectiveAt")
        return moment
    if said.tzinfo is None or not moment + lead <= said <= moment + FARTHEST:
        days = f"{lead.days} days" if lead else "now"
        raise BadInput(
            f"effectiveAt lies at least {days} ahead, at most a year, and carries its time zone.", field="effectiveAt"
        )
    return said


def reach(context: Context, published_id: uuid.UUID) -> tuple[int, int, int]:
    """Of a published text: how many were told, how many reached beside their inbox, and how many have read it."""
    row = context.access.get(PublishedNotice, published_id, Action.READ)
    return notices.counts(context.work.session, row.id)


def issue(
    work: UnitOfWork,
    owner_id: uuid.UUID,
    kind: NoticeKind,
    title: str,
    body: str,
    effective_at: datetime,
    published_id: uuid.UUID | None = None,
) -> Notice:
    """Put a notice into somebody's inbox and have it brought to them, in the caller's transaction.

    With a `published_id` they get one of it and no more: the database refuses another. `title` and `body` hold no
    content of works: ids, counts and dates. Raises KeyDestroyed for an account that goes.
    """
    ahead = notices.count_queued(work.session, owner_id)
    row = Notice(id=new_id(), owner_id=owner_id, kind=kind, published_id=published_id, effective_at=effective_at)
    row.created_at = work.now
    work.vault.seal(row, title=title, body=body)
    work.session.add(row)
    work.record(events.NoticeIssued(resource_id=row.id, subject_id=owner_id, kind=kind))
    work.enqueue(DELIVER, row.id, owner=owner_id, ahead=ahead, urgent=kind is NoticeKind.SECURITY)
    return row


def mark_read(context: Context, notice_id: uuid.UUID) -> Notice:
    """Note that its owner has read a notice. The first time counts."""
    row = context.access.get(Notice, notice_id, Action.UPDATE)
    if row.read_at is None:
        row.read_at = context.work.now
    context.work.record(events.NoticeRead(resource_id=row.id, subject_id=row.owner_id))
    context.work.session.flush()
    return row


def settings(context: Context) -> NoticeSettings | None:
    """How the caller wants to be told; None where they never said."""
    try:
        return context.access.get(NoticeSettings, context.caller_id, Action.READ, _ALL)
    except NotFound:
        return None


def update_settings(
    context: Context, product_emails: bool | None, webhook_url: str | None, *, webhook_named: bool
) -> tuple[NoticeSettings, str | None]:
    """Choose how to be told. Also answers the secret of a webhook that is named now; None with `webhook_named` ends it.

    Raises `BadInput` for an address that can't be used.
    """
    address = None
    if webhook_url is not None:
        address = inputs.webhook(webhook_url, plain_too=context.limits.plain_webhooks)
    row = notices.settings_for(context.work.session, _own(context))
    if product_emails is not None:
        row.product_emails = product_emails
    secret = None
    if webhook_named:
        secret = None if address is None else envelopes.new_secret()
        row.webhook_url = row.webhook_secret = None
        if address is not None:
            context.work.vault.seal(row, webhook_url=address, webhook_secret=secret)
    row.updated_at = context.work.now
    updated = events.NoticeSettingsUpdated(
        resource_id=row.owner_id,
        subject_id=row.owner_id,
        product_emails=row.product_emails,
        webhook=row.webhook_url is not None,
    )
    context.work.record(updated)
    context.work.session.flush()
    return context.access.get(NoticeSettings, row.owner_id, Action.UPDATE, _ALL), secret


def _own(context: Context) -> uuid.UUID:
    """The caller's account, which they may change: settings that were never made are asked for there."""
    return context.access.get(Contributor, context.caller_id, Action.UPDATE).id
