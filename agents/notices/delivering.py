"""Delivering: one notice to one person, by e-mail and to their webhook, each tried some times and then given up.

Between two attempts nothing waits here: the job goes back into the queue until the next one is due (`agents.turns`).

What is sent is the notice itself and a link: ids, counts, dates and the words of staff, never anything of their work.
At least once: killed between sending and noting it, the same is sent again under the same id.
"""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from agents.egress import EgressRefused, Sending
from agents.mail import Mail
from agents.notices.spreading import NAME
from agents.runtime import Agents, patiently
from agents.turns import TryLater
from agents.webhooks import posted
from policies.access import Access
from policies.actions import Action
from policies.errors import NotFound
from storage import contributors, notices
from storage.clock import now
from storage.contributors import Contributor
from storage.database import transaction
from storage.ids import global_id
from storage.ledger.envelopes import cloud_event, secrets_of
from storage.ledger.events import DeliveryFailure, NoticeDelivered, Outcome
from storage.notices import MUTABLE, Channel, Delivery, Notice, NoticeSettings
from storage.services import DataCategory
from storage.work import UnitOfWork

TYPE = "dev.muniment.notice.v1"
PAUSES = (2, 10, 60, 300, 900)
"""Seconds before what was not received is sent again; then it is given up, and the inbox still has it."""

_SETTLED = (
    None,
    DeliveryFailure.ADDRESS_UNUSABLE,
    DeliveryFailure.MESSAGE_REFUSED,
    DeliveryFailure.SERVICE_NOT_APPROVED,
)
"""What waiting some minutes changes nothing about."""

Send = Callable[[], DeliveryFailure | None]


def deliver_notice(agents: Agents, notice_id: uuid.UUID) -> None:
    """Bring a notice to its owner. Does nothing for one that is gone, or where that is settled already.

    One way that fails does not keep the other from its first attempt. Raises TryLater until both are settled.
    """
    pauses = [_bring(agents, notice_id, channel, letter) for channel, letter in _WAYS]
    again = [pause for pause in pauses if pause is not None]
    if again:
        raise TryLater(min(again))


def _bring(
    agents: Agents,
    notice_id: uuid.UUID,
    channel: Channel,
    letter: "Callable[[Agents, UnitOfWork, Access, Notice], Send | Delivery]",
) -> float | None:
    """One attempt; the seconds until the next one is due, None once this way is settled."""
    found = patiently(agents, lambda: _written(agents, notice_id, channel, letter))  # anew: it may be muted, or gone
    if found is None:
        return None
    owner, written = found
    if isinstance(written, Delivery):
        _note(agents, notice_id, owner, channel, written, 0, None)
        return None
    attempt, wait = patiently(agents, partial(_begin, agents, notice_id, channel))
    if wait > 0:
        return wait
    failure = written()
    if failure in _SETTLED or attempt > len(PAUSES):
        state = Delivery.SENT if failure is None else Delivery.FAILED
        patiently(agents, partial(_note, agents, notice_id, owner, channel, state, attempt, failure))
        return None
    return PAUSES[attempt - 1]


def _begin(agents: Agents, notice_id: uuid.UUID, channel: Channel) -> tuple[int, float]:
    """Count an attempt, unless the next one is not due yet; answers which it is, and for how long to wait."""
    with transaction(agents.store.engine) as session:
        return notices.begin_attempt(session, notice_id, channel, PAUSES, now())


def _written(
    agents: Agents, notice_id: uuid.UUID, channel: Channel, letter: Callable[..., Send | Delivery]
) -> tuple[uuid.UUID, Send | Delivery] | None:
    """Whose it is, and how to send it or why not; None where nobody is to be told on this way any more."""
    with transaction(agents.store.engine, read_only=True) as session:
        owner = notices.owner_of(session, notice_id)
    if owner is None:
        return None
    with agents.acting(NAME, owner, run=notice_id, read_only=True) as (work, access):
        notice = access.get(Notice, notice_id, Action.DELIVER)
        if (notice.email if channel is Channel.EMAIL else notice.webhook) is not Delivery.QUEUED:
            return None
        return owner, letter(agents, work, access, notice)


def _email(agents: Agents, work: UnitOfWork, access: Access, notice: Notice) -> Send | Delivery:
    mail = agents.mail
    if mail is None:
        return Delivery.UNUSED
    wishes = _wishes(access, notice)
    if notice.kind in MUTABLE and wishes is not None and not wishes.product_emails:
        return Delivery.MUTED
    person = access.get(Contributor, notice.owner_id, Action.READ_CONTACT)
    address, title = work.vault.open(person, "email"), work.vault.open(notice, "title")
    text = f"{work.vault.open(notice, 'body')}\n\n{_foot(agents, notice)}\n"
    identity = f"{notice.id}@{agents.store.origin.partition('/')[0]}"
    return lambda: _handed_in(agents, mail, address, title, text, identity)


def _handed_in(
    agents: Agents, mail: Mail, address: str, title: str, text: str, identity: str
) -> DeliveryFailure | None:
    """Past the gate, which asks nobody's consent: who is told at all is no choice of theirs, and the inbox has it."""
    try:
        agents.gate.clear(mail.service, Sending(frozenset({DataCategory.CONTACT})))
    except EgressRefused:
        return DeliveryFailure.SERVICE_NOT_APPROVED
    return mail.send(address, title, text, identity)


def _webhook(agents: Agents, work: UnitOfWork, access: Access, notice: Notice) -> Send | Delivery:
    wishes = _wishes(access, notice)
    if wishes is None or wishes.webhook_url is None:
        return Delivery.UNUSED
    url = work.vault.open(wishes, "webhook_url")
    keys = secrets_of(work.vault.open_as_system(wishes, "webhook_secret", reason="sign a webhook"))
    message_id, body = str(notice.id), _envelope(agents, work, notice)
    return lambda: posted(url, keys, message_id, body, inside_too=agents.inside_too, receivers=agents.receivers)


def _wishes(access: Access, notice: Notice) -> NoticeSettings | None:
    try:
        return access.get(NoticeSettings, notice.owner_id, Action.READ_CONTENT)
    except NotFound:
        return None


_WAYS = ((Channel.EMAIL, _email), (Channel.WEBHOOK, _webhook))


def _foot(agents: Agents, notice: Notice) -> str:
    lines = [f"{notice.kind.value.title()} notice {global_id('Notice', notice.id)}."]
    if notice.effective_at > notice.created_at:
        lines.append(f"It takes effect on {notice.effective_at.day} {notice.effective_at:%B %Y at %H:%M} UTC.")
    lines.append(f"More: {agents.link}")
    if notice.kind in MUTABLE:
        lines.append("To get no more news by e-mail, switch productEmails off with updateNoticeSettings.")
    return "\n".join(lines)


def _envelope(agents: Agents, work: UnitOfWork, notice: Notice) -> bytes:
    data: dict[str, Any] = {
        "noticeId": global_id("Notice", notice.id),
        "kind": notice.kind.value,
        "title": work.vault.open(notice, "title"),
        "body": work.vault.open(notice, "body"),
        "effectiveAt": notice.effective_at.isoformat(),
        "link": agents.link,
    }
    return cloud_event(TYPE, str(notice.id), notice.created_at.isoformat(), data, origin=work.store.origin)


def _note(
    agents: Agents,
    notice_id: uuid.UUID,
    owner: uuid.UUID,
    channel: Channel,
    state: Delivery,
    attempts: int,
    failure: DeliveryFailure | None,
) -> None:
    with agents.acting(NAME, owner, run=notice_id) as (work, _access):
        if not notices.delivered(work.session, notice_id, channel, state, work.now) or state is Delivery.UNUSED:
            return
        told = NoticeDelivered(
            resource_id=notice_id, subject_id=owner, channel=channel, state=state, attempts=attempts, reason=failure
        )
        work.record(told, Outcome.FAILED if failure is not None else Outcome.SUCCESS)
        if channel is Channel.EMAIL and (failure is None or failure is DeliveryFailure.ADDRESS_UNUSABLE):
            contributors.mark_email(work.session, owner, None if failure is None else work.now)
