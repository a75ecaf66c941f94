"""The notifier: who is told, on which ways, how often it is tried, and what is never in it."""

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from agents.egress import Register
from agents.mail import Mail
from agents.notices import deliver_notice, delivering, spread_notice, spreading
from agents.runtime import Agents
from agents.turns import TryLater
from policies.access import Policy
from policies.force import InForce
from resolvers.notices import issue
from storage import provider_copies
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus, PrivacyPreferences
from storage.database import transaction
from storage.ids import global_id, new_id
from storage.ledger.entries import AuditEvent
from storage.ledger.envelopes import new_secret, secrets_of
from storage.notices import Delivery, Notice, NoticeKind, NoticeSettings, PublishedNotice
from storage.prompts import Prompt
from storage.services import ServiceKind
from tests.agents.gates import Open
from tests.agents.test_outward import Receiver, receiver
from tests.agents.worlds import World
from tests.footprints import jobs
from tests.registered import enter
from tests.services.postbox import Postbox, postbox

__all__ = ["receiver"]

pytestmark = pytest.mark.one_database("sqlite", reason="rows of one's own; whom a text concerns is asked on both below")


def telling(agents: Agents, box: Postbox | None = None) -> Agents:
    """Agents that hand e-mail to `box`, and whose webhooks may lead to this machine."""
    sent = None if box is None else Mail.at(f"smtp://127.0.0.1:{box.port}", "notices@muniment.example")
    link = "https://app.example/inbox"
    return Agents(agents.store, agents.force, agents.models, inside_too=True, gate=Open(), mail=sent, link=link)


def tell(world: World, owner: uuid.UUID, kind: NoticeKind) -> uuid.UUID:
    with world.work() as work:
        return issue(
            work, owner, kind, "Change your password", "Somebody tried many.\n\nTwo of them were yours.", now()
        ).id


def row(world: World, notice: uuid.UUID) -> Notice:
    with transaction(world.store.engine, read_only=True) as session:
        return session.get_one(Notice, notice)


def wish(world: World, owner: uuid.UUID, *, news: bool = True, url: str | None = None) -> bytes:
    """How they want to be told; answers the key of their webhook."""
    secret = new_secret()
    with world.work() as work:
        settings = NoticeSettings(owner_id=owner, product_emails=news)
        if url is not None:
            work.vault.seal(settings, webhook_url=url, webhook_secret=secret)
        work.session.add(settings)
    return secrets_of(secret)[0]


def brought(agents: Agents, notice: uuid.UUID) -> bool:
    """One attempt; whether that settled it. Else it is to be tried again by a later job."""
    try:
        deliver_notice(agents, notice)
    except TryLater:
        return False
    return True


def told(world: World, notice: uuid.UUID) -> list[tuple[str, dict[str, object]]]:
    with transaction(world.store.engine, read_only=True) as session:
        chosen = select(AuditEvent.leaf).where(AuditEvent.resource_id == notice).order_by(AuditEvent.id)
        return [(each["action"], each["details"]) for each in map(json.loads, session.scalars(chosen))]


def test_it_comes_by_mail_and_to_the_webhook(world: World, agents: Agents, receiver: Receiver, tmp_path: Path) -> None:
    """The same words on both ways, signed on the second; noted once, however often the workflow is repeated."""
    owner = world.contributor()
    key = wish(world, owner, url=f"http://127.0.0.1:{receiver.port}/told")
    notice = tell(world, owner, NoticeKind.SECURITY)
    with postbox(tmp_path) as box:
        for _ in range(2):
            deliver_notice(telling(agents, box), notice)
    [message], [(path, headers, body)] = box.messages, receiver.got
    assert box.to == [["a@example.org"]]
    assert message["Subject"] == "Change your password"
    text = message.get_content()
    assert "Two of them were yours." in text
    assert "https://app.example/inbox" in text
    assert "productEmails" not in text
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert (path, headers["webhook-signature"]) == ("/told", f"v1,{expected}")
    envelope = json.loads(body)
    assert (envelope["type"], envelope["id"]) == ("dev.muniment.notice.v1", str(notice))
    assert (envelope["data"]["kind"], envelope["data"]["title"]) == ("SECURITY", "Change your password")
    found = row(world, notice)
    assert (found.email, found.webhook) == (Delivery.SENT, Delivery.SENT)
    assert found.email_at is not None
    delivered = {"state": "SENT", "attempts": 1, "reason": None}
    assert told(world, notice) == [
        ("notice.issued", {"kind": "SECURITY"}),
        ("notice.delivered", {"channel": "EMAIL", **delivered}),
        ("notice.delivered", {"channel": "WEBHOOK", **delivered}),
    ]


def test_two_notices_are_two_letters(world: World, agents: Agents, tmp_path: Path) -> None:
    """However much waits for somebody, a warning is bundled with nothing: each letter is of one notice alone."""
    owner = world.contributor()
    told_of = [tell(world, owner, kind) for kind in (NoticeKind.PRODUCT, NoticeKind.SECURITY)]
    assert {f"deliver_notice:{each}" for each in told_of} == jobs(world.store.engine)
    with postbox(tmp_path) as box:
        for each in told_of:
            deliver_notice(telling(agents, box), each)
    letters = [message.get_content() for message in box.messages]
    named = [[global_id("Notice", each) in letter for each in told_of] for letter in letters]
    assert named == [[True, False], [False, True]]


@pytest.mark.parametrize("kind", NoticeKind)
def test_news_alone_can_be_muted(world: World, agents: Agents, tmp_path: Path, kind: NoticeKind) -> None:
    """Whoever wants no news by e-mail finds it in the inbox; everything else comes all the same."""
    owner = world.contributor()
    wish(world, owner, news=False)
    notice = tell(world, owner, kind)
    with postbox(tmp_path) as box:
        deliver_notice(telling(agents, box), notice)
    muted = kind is NoticeKind.PRODUCT
    assert len(box.messages) == (0 if muted else 1)
    found = row(world, notice)
    assert (found.email, found.webhook) == (Delivery.MUTED if muted else Delivery.SENT, Delivery.UNUSED)


def test_what_is_not_taken_is_tried_again_and_then_given_up(
    world: World, agents: Agents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as there are pauses; the inbox still has it, and the trail says that it did not come."""
    monkeypatch.setattr(delivering, "PAUSES", (0, 0))
    notice = tell(world, world.contributor(), NoticeKind.POLICY)
    with postbox(tmp_path) as box:
        box.answer = "450 later"
        assert [brought(telling(agents, box), notice) for _ in range(3)] == [False, False, True]
        box.answer = "250 OK"
        deliver_notice(telling(agents, box), notice)  # it was given up: nobody tries again behind our back
    assert box.messages == []
    assert row(world, notice).email is Delivery.FAILED
    assert told(world, notice)[1:] == [
        ("notice.delivered", {"channel": "EMAIL", "state": "FAILED", "attempts": 3, "reason": "NOT_ACCEPTED"})
    ]


@pytest.mark.parametrize(
    ("answer", "where", "reason", "marked"),
    [
        ("550 no such user", "rcpt", "ADDRESS_UNUSABLE", True),
        ("551 moved", "rcpt", "ADDRESS_UNUSABLE", True),
        ("554 we take no such letters", "data", "MESSAGE_REFUSED", False),
    ],
)
def test_what_is_refused_for_good_is_tried_once(
    world: World, agents: Agents, tmp_path: Path, answer: str, where: str, reason: str, marked: bool
) -> None:
    """An address that a server refused is marked, until a letter to it is accepted or it is changed."""
    owner = world.contributor()
    notice = tell(world, owner, NoticeKind.SECURITY)
    with postbox(tmp_path) as box:
        setattr(box, "answer" if where == "data" else "rcpt_answer", answer)
        assert brought(telling(agents, box), notice)
        assert told(world, notice)[1:] == [
            ("notice.delivered", {"channel": "EMAIL", "state": "FAILED", "attempts": 1, "reason": reason})
        ]
        with transaction(world.store.engine, read_only=True) as session:
            assert (session.get_one(Contributor, owner).email_refused_at is not None) is marked
        box.answer = box.rcpt_answer = "250 OK"
        assert brought(telling(agents, box), tell(world, owner, NoticeKind.POLICY))
    with transaction(world.store.engine, read_only=True) as session:
        assert session.get_one(Contributor, owner).email_refused_at is None


def test_an_attempt_before_its_time_is_not_made(
    world: World, agents: Agents, receiver: Receiver, tmp_path: Path
) -> None:
    """Each way has its own pauses: what brings the letter again does not hurry the webhook, nor count for it."""
    owner = world.contributor()
    wish(world, owner, url=f"http://127.0.0.1:{receiver.port}/told")
    notice = tell(world, owner, NoticeKind.SECURITY)
    with postbox(tmp_path) as box:
        box.answer = "450 later"
        with pytest.raises(TryLater) as later:
            deliver_notice(telling(agents, box), notice)
        assert later.value.seconds == delivering.PAUSES[0]
        with pytest.raises(TryLater) as later:
            deliver_notice(telling(agents, box), notice)
        assert 0 < later.value.seconds <= delivering.PAUSES[0]
    found = row(world, notice)
    assert (found.email_attempts, found.webhook, found.webhook_attempts) == (1, Delivery.SENT, 1)


def test_nobody_is_told_whose_account_is_going(world: World, agents: Agents, tmp_path: Path) -> None:
    """Nor about a notice that is gone, nor through a server that nobody named."""
    owner = world.contributor()
    notice = tell(world, owner, NoticeKind.SECURITY)
    with world.work() as work:
        work.session.get_one(Contributor, owner).status = ContributorStatus.ERASING
    with postbox(tmp_path) as box:
        deliver_notice(telling(agents, box), notice)
        deliver_notice(telling(agents, box), uuid.uuid4())
    assert box.messages == []
    assert row(world, notice).email is Delivery.QUEUED
    other = tell(world, world.contributor(), NoticeKind.SECURITY)
    deliver_notice(telling(agents), other)
    assert (row(world, other).email, told(world, other)) == (Delivery.UNUSED, [("notice.issued", {"kind": "SECURITY"})])


def publish(world: World, **given: object) -> uuid.UUID:
    with world.work() as work:
        text = PublishedNotice(
            id=new_id(),
            title="The privacy policy changes",
            body="From then on we keep less.",
            effective_at=now() + timedelta(days=20),
            published_by=uuid.uuid4(),
            **{"kind": NoticeKind.POLICY, **given},
        )
        work.session.add(text)
    return text.id


def inboxes(world: World, text: uuid.UUID) -> set[uuid.UUID]:
    with transaction(world.store.engine, read_only=True) as session:
        found = list(session.scalars(select(Notice.owner_id).where(Notice.published_id == text)))
    assert len(found) == len(set(found)), "somebody was told twice"
    return set(found)


def test_everybody_is_told_once(world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some at a time, each once though it is repeated; nobody who leaves, and nobody who came afterwards."""
    monkeypatch.setattr(spreading, "_AT_ONCE", 2)
    there = {world.contributor() for _ in range(5)}
    leaving = world.contributor()
    with world.work() as work:
        work.session.get_one(Contributor, leaving).status = ContributorStatus.ERASING
    text = publish(world)
    later = world.contributor()
    for _ in range(2):
        spread_notice(agents, text)
    assert inboxes(world, text) == there
    assert later not in inboxes(world, text)


@pytest.mark.parametrize("registered", [False, True], ids=["unknown", "known"])
def test_a_server_for_mail_passes_the_gate_or_gets_nothing(
    world: World, agents: Agents, tmp_path: Path, *, registered: bool
) -> None:
    """One that is not in the register is sent nothing, and is not tried again; one that is needs nobody's consent."""
    notice = tell(world, world.contributor(), NoticeKind.SECURITY)
    with postbox(tmp_path) as box:
        if registered:
            enter(world.store.engine, f"127.0.0.1:{box.port}", kind=ServiceKind.EMAIL, categories=["CONTACT"])
        told_of = replace(telling(agents, box), gate=Register(world.store, agents.force))
        deliver_notice(told_of, notice)
    assert len(box.messages) == (1 if registered else 0)
    assert row(world, notice).email is (Delivery.SENT if registered else Delivery.FAILED)
    reason = None if registered else "SERVICE_NOT_APPROVED"
    state = "SENT" if registered else "FAILED"
    assert told(world, notice)[1:] == [
        ("notice.delivered", {"channel": "EMAIL", "state": state, "attempts": 1, "reason": reason})
    ]


@pytest.mark.one_database("postgresql", reason="a list is asked for a name there in its own way; SQLite stands above")
def test_a_service_concerns_those_who_let_it_have_their_work(world: World, agents: Agents) -> None:
    """Those who allow it, on these terms or others, or of whom it was sent something; nobody else."""
    whom = {name: world.contributor() for name in ("allows", "allowed before", "allows another", "was sent")}
    service, before, other = (enter(world.store.engine, host) for host in ("m.example", "m.example", "m.example:8443"))
    with world.work() as work:
        for name, each in (("allows", service), ("allowed before", before), ("allows another", other)):
            work.session.get_one(PrivacyPreferences, whom[name]).services = [other[::-1], each]
    prompt = world.submit(world.project(whom["was sent"]), whom["was sent"])
    with world.work() as work:
        sent = work.session.get_one(Prompt, prompt)
        provider_copies.note(work.session, sent, [], "m.example", "a-model", None)
    text = publish(world, kind=NoticeKind.SERVICES, service_id=uuid.UUID(service))
    spread_notice(agents, text)
    assert inboxes(world, text) == {whom[name] for name in ("allows", "allowed before", "was sent")}


def test_another_agent_brings_no_notice(world: World, policy: Policy, agents: Agents) -> None:
    """Its run is its own notice and no other: the door lets it near nothing else."""
    assert isinstance(agents.force, InForce)
    mine, yours = (
        tell(world, world.contributor(), NoticeKind.SECURITY),
        tell(world, world.contributor(), NoticeKind.SECURITY),
    )
    with agents.acting("notifier", row(world, mine).owner_id, run=mine) as (work, access):
        from policies.actions import Action
        from storage import pages

        found = pages.fetch(work.session, access.select(Notice, Action.READ))
        assert [each.id for each in found] == [mine]
    assert yours != mine
    assert policy.version
