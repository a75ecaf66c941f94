"""Notices in the API's words."""

from datetime import datetime
from typing import Annotated, ClassVar

import strawberry

from policies.actions import Action
from resolvers import notices
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.notices import Delivery, NoticeKind
from storage.notices import Notice as NoticeRow
from storage.notices import NoticeSettings as SettingsRow
from storage.notices import PublishedNotice as PublishedRow

strawberry.enum(
    NoticeKind,
    description="What a notice is about: a change of what is promised, news, something of yours that goes soon by your "
    "own choice, your security, or a service that may have your work.",
)
strawberry.enum(
    Delivery,
    name="NoticeDelivery",
    description="How far a notice came on one way: it is under way, there, given up, left out as you wished, or there "
    "is no such way.",
)

Unread = Annotated[bool, strawberry.argument(description="Only those that you have not marked as read.")]


@strawberry.type(description="Something that you were told. None is ever bundled with another.")
class Notice(Node):
    """One person's notice."""

    record: ClassVar = NoticeRow
    actions: ClassVar = (Action.READ, Action.READ_CONTENT, Action.UPDATE)

    kind: NoticeKind = plain("kind", NoticeKind, "What it is about.")
    title: str | None = sealed("title", str | None, "In a line. Null where you may not read it.")
    body: str | None = sealed("body", str | None, "In full. Null where you may not read it.")
    effective_at: datetime = plain("effective_at", datetime, "When what it tells of takes effect.")
    created_at: datetime = plain("created_at", datetime, "When it was put into your inbox.")
    read_at: datetime | None = plain("read_at", datetime | None, "When you marked it as read.")
    email: Delivery = plain("email", Delivery, "How far it came by e-mail.")
    email_at: datetime | None = plain("email_at", datetime | None, "When that was settled.")
    webhook: Delivery = plain("webhook", Delivery, "How far it came to your webhook.")
    webhook_at: datetime | None = plain("webhook_at", datetime | None, "When that was settled.")


@strawberry.type(description="A text that staff published: each contributor whom it concerns gets a notice of it.")
class PublishedNotice(Node):
    """What was told to many."""

    record: ClassVar = PublishedRow
    actions: ClassVar = (Action.READ,)

    kind: NoticeKind = plain("kind", NoticeKind, "What it is about.")
    title: str = plain("title", str, "In a line.")
    body: str = plain("body", str, "In full.")
    effective_at: datetime = plain("effective_at", datetime, "When what it tells of takes effect.")
    published_at: datetime = plain("published_at", datetime, "When it was published.")

    @strawberry.field(description="The service whose contributors it is for; null: everybody.")
    def service_id(self) -> strawberry.ID | None:
        named = self.row.service_id
        return None if named is None else strawberry.ID(encode_id("Service", named))


@strawberry.type(description="How many a published text has come to.")
class NoticeReach:
    """Sums, and nobody's name."""

    told: int = strawberry.field(description="How many have it in their inbox.")
    delivered: int = strawberry.field(description="How many of them got it by e-mail or webhook too.")
    read: int = strawberry.field(description="How many of them have marked it as read.")


@strawberry.type(description="How you want to be told, beside your inbox.")
class NoticeSettings:
    """A contributor's wishes."""

    product_emails: bool = strawberry.field(description="Whether news comes by e-mail. Everything else always does.")
    webhook_url: str | None = strawberry.field(description="Where notices are posted to, signed; null for nowhere.")
    viewer_can: list[Action] = strawberry.field(description="What you may do with it at this moment.")


@strawberry.input(description="What to tell, and whom.")
class PublishNoticeInput:
    """Input of publishNotice."""

    kind: NoticeKind = strawberry.field(description="POLICY, PRODUCT, SECURITY or SERVICES; one text is of one kind.")
    title: str = strawberry.field(description="In a line: what happens.")
    body: str = strawberry.field(description="In full, in plain words: what happens, what it means, what to do.")
    effective_at: datetime | None = strawberry.field(
        default=None,
        description="When it takes effect: of POLICY and SERVICES at least 14 days ahead. Left out of others: now.",
    )
    service_id: strawberry.ID | None = strawberry.field(
        default=None, description="Of SERVICES: tell only those who allow it, or of whom it was sent something."
    )


@strawberry.type(description="The text, on its way to everybody it concerns.")
class PublishNoticePayload:
    """Answer of publishNotice."""

    published_notice: PublishedNotice = strawberry.field(description="What was published.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="Which notice was read.")
class MarkNoticeReadInput:
    """Input of markNoticeRead."""

    notice_id: strawberry.ID = strawberry.field(description="The notice.")


@strawberry.type(description="The notice, read.")
class MarkNoticeReadPayload:
    """Answer of markNoticeRead."""

    notice: Notice = strawberry.field(description="The notice.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="How to be told. What is left out stays; a webhookUrl of null ends the webhook.")
class UpdateNoticeSettingsInput:
    """Input of updateNoticeSettings."""

    product_emails: bool | None = strawberry.field(
        default=None, description="Whether news comes by e-mail. Security, changes and what goes soon always do."
    )
    webhook_url: str | None = strawberry.field(
        default=strawberry.UNSET, description="An https address that takes POSTs, signed as Standard Webhooks says."
    )


@strawberry.type(description="How you are told from now on.")
class UpdateNoticeSettingsPayload:
    """Answer of updateNoticeSettings."""

    notice_settings: NoticeSettings = strawberry.field(description="Your wishes.")
    webhook_secret: str | None = strawberry.field(
        description="What messages to a webhookUrl that was named now are signed with. Shown this once."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def settings_of(info: Info, row: SettingsRow) -> NoticeSettings:
    """A row of wishes in the API's words."""
    url = None if row.webhook_url is None else info.context.work.vault.open(row, "webhook_url")
    can = [each for each in (Action.READ, Action.READ_CONTENT, Action.UPDATE) if each in row.decisions]
    return NoticeSettings(product_emails=row.product_emails, webhook_url=url, viewer_can=can)


@strawberry.type
class NoticeQueries:
    """Questions about notices."""

    @question("What you were told, the newest first.")
    def notices(
        self,
        info: Info,
        unread: Unread = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Notice]:
        part = part_of(info, "Notice", first, after, last, before)
        narrowed = {"read_at": None} if unread else {}
        connection: Connection[Notice] = listed(info, Notice, part, **narrowed)
        return connection

    @question("How you want to be told beside your inbox; null where you never said: news and all by e-mail.")
    def notice_settings(self, info: Info) -> NoticeSettings | None:
        row = notices.settings(info.context)
        return None if row is None else settings_of(info, row)

    @question("What staff have published, the newest first. For staff who publish, and who check that it was.")
    def published_notices(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[PublishedNotice]:
        part = part_of(info, "PublishedNotice", first, after, last, before)
        connection: Connection[PublishedNotice] = listed(info, PublishedNotice, part)
        return connection

    @question("How many a published text has come to, and how many have read it.")
    def notice_reach(
        self,
        info: Info,
        published_notice_id: Annotated[strawberry.ID, strawberry.argument(description="The published text.")],
    ) -> NoticeReach:
        row_id = decode_id_of("PublishedNotice", published_notice_id, "publishedNoticeId")
        told, delivered, read = notices.reach(info.context, row_id)
        return NoticeReach(told=told, delivered=delivered, read=read)


@strawberry.type
class NoticeMutations:
    """Mutations about notices."""

    @mutation("Tell contributors something: each of them in a notice of their own. Staff of privacy and security only.")
    def publish_notice(self, info: Info, input: PublishNoticeInput) -> PublishNoticePayload:
        said = input
        service = None if said.service_id is None else decode_id_of("Service", said.service_id, "serviceId")
        row = notices.publish(info.context, said.kind, said.title, said.body, said.effective_at, service)
        return PublishNoticePayload(published_notice=PublishedNotice.of(row), audit_event_id=audit_event_id(info))

    @mutation("Say that you have read a notice. The first time counts.")
    def mark_notice_read(self, info: Info, input: MarkNoticeReadInput) -> MarkNoticeReadPayload:
        row = notices.mark_read(info.context, decode_id_of("Notice", input.notice_id, "noticeId"))
        return MarkNoticeReadPayload(notice=Notice.of(row), audit_event_id=audit_event_id(info))

    @mutation("Choose how you are told beside your inbox. Only news can be left out.")
    def update_notice_settings(self, info: Info, input: UpdateNoticeSettingsInput) -> UpdateNoticeSettingsPayload:
        named = input.webhook_url is not strawberry.UNSET
        url = input.webhook_url if named else None
        row, secret = notices.update_settings(info.context, input.product_emails, url, webhook_named=named)
        return UpdateNoticeSettingsPayload(
            notice_settings=settings_of(info, row), webhook_secret=secret, audit_event_id=audit_event_id(info)
        )
