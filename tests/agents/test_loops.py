"""Unattended loops: each is fed one bad item among good ones. The good ones are processed; the bad one is kept."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from agents import erasures, exports, loops, notices
from agents.access_reviews import Reviewer
from agents.erasures import recalling, resuming
from agents.erasures.resuming import KeysStayed
from agents.exports import expiring
from agents.ledger import Courier, Webhook
from agents.notices import affected, spreading
from agents.retention import Sweeper
from agents.runtime import Agents
from agents.sentinel import acting, watching
from agents.turns import TryLater
from muniment.loops import NAMES
from resolvers.access_reviews import campaigns
from storage import set_aside
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.exports import Due
from storage.ids import new_id
from storage.incidents import Incident, Severity
from storage.ledger import envelopes, feeds
from storage.ledger.entries import AuditEvent
from storage.ledger.events import SystemStarted
from storage.notices import Notice, NoticeKind, PublishedNotice
from storage.set_aside import SetAsideItem
from tests.agents.gates import Open
from tests.agents.test_ledger import settle
from tests.agents.worlds import World


class Broken(Exception):
    """What goes wrong with the bad item."""


def kept(world: World) -> list[tuple[str, uuid.UUID, int]]:
    with transaction(world.store.engine, read_only=True) as session:
        rows = session.scalars(select(SetAsideItem).order_by(SetAsideItem.id)).all()
        return [(row.loop, row.item_id, row.attempts) for row in rows]


def recorded(world: World) -> int:
    with transaction(world.store.engine, read_only=True) as session:
        found = select(AuditEvent.id).where(AuditEvent.action == "loop.item_set_aside")
        return len(session.scalars(found).all())


def due_again(world: World) -> None:
    with transaction(world.store.engine) as session:
        session.execute(update(SetAsideItem).values(next_at=now() - timedelta(seconds=1)))


def breaking(bad: Callable[[Any], bool], done: list[Any], pick: int) -> Callable[..., Any]:
    """What does its work for all but one."""

    def work(*given: Any, **named: Any) -> None:
        item = given[pick]
        if bad(item):
            raise Broken
        done.append(item)

    return work


@pytest.fixture
def found() -> Iterator[list[Any]]:
    yield []


def test_the_others_are_processed_and_the_bad_one_when_it_can_be(world: World) -> None:
    """Whatever is wrong with it; it is left alone until its next attempt is due, and gone when it was processed."""
    items, done, bad = [new_id() for _ in range(5)], [], {}

    def process(item: uuid.UUID) -> None:
        if item in bad:
            raise bad[item]
        done.append(item)

    def run() -> int:
        return loops.each(world.store, lambda: world.scope, "things", items, lambda each: each, process)

    for error in (Broken(), MemoryError(), RecursionError(), KeyError("x"), OperationalError("", {}, Timeout())):
        bad[items[1]] = error
        done.clear()
        assert run() == 4
        assert done == [items[0], *items[2:]]
        assert [(loop, item) for loop, item, _ in kept(world)] == [("things", items[1])]
        done.clear()
        assert run() == 4  # it is not tried again yet
        due_again(world)
    assert kept(world) == [("things", items[1], 5)]
    bad.clear()
    done.clear()
    assert run() == 5
    assert (done, kept(world)) == (items, [])


class Timeout(Exception):
    sqlstate = "57014"


def test_an_outage_ends_the_round_and_sets_nothing_aside(world: World) -> None:
    """Every item would fail: none is skipped for it."""
    items, done = [new_id() for _ in range(3)], []

    def process(item: uuid.UUID) -> None:
        if item == items[1]:
            raise OperationalError("", {}, Exception("gone"))
        done.append(item)

    with pytest.raises(OperationalError):
        loops.each(world.store, lambda: world.scope, "things", items, lambda each: each, process)
    assert (done, kept(world), recorded(world)) == ([items[0]], [], 0)


def test_retention_goes_on_behind_a_setting(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch, found: list[Any]
) -> None:
    """Each contributor's by itself."""
    choices = [_choice() for _ in range(3)]
    monkeypatch.setattr("agents.retention.sweeping.due.choices", lambda _session: choices)
    sweeper = Sweeper(agents, timedelta(days=7))
    monkeypatch.setattr(sweeper, "_find", breaking(lambda item: item == choices[0].id, found, 1))
    sweeper.sweep()
    assert found == [each.id for each in choices[1:]]
    assert kept(world) == [("retention", choices[0].id, 1)]


def _choice() -> Any:
    class Setting:
        def __init__(self) -> None:
            self.id, self.owner_id, self.known, self.announced_until = new_id(), new_id(), None, None

    return Setting()


def test_archives_expire_behind_one_that_does_not(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch, found: list[Any]
) -> None:
    """Each archive whose time is up goes by itself."""
    due = [Due(new_id(), new_id(), new_id(), withdrawn=False) for _ in range(3)]
    monkeypatch.setattr(expiring.exports, "due", lambda *_: due)
    monkeypatch.setattr(expiring, "_destroy", breaking(lambda item: item == due[0], found, 1))
    assert exports.expire(agents) == 2
    assert found == due[1:]
    assert kept(world) == [("exports", due[0].export_id, 1)]


def test_deferred_deletions_go_on_behind_one(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch, found: list[Any]
) -> None:
    """Each deletion that waited for a hold goes by itself."""
    free = [new_id() for _ in range(3)]
    monkeypatch.setattr(resuming.legal_holds, "deferred", lambda _session: free)
    monkeypatch.setattr(resuming, "erase", breaking(lambda item: item == free[0], found, 1))
    assert erasures.resume_deferred(agents) == 2
    assert found == free[1:]
    assert kept(world) == [("deferred_deletions", free[0], 1)]


def _journalled(world: World, owner: uuid.UUID) -> uuid.UUID:
    deletion = Deletion(id=new_id(), owner_id=owner, scope=DeletionScope.ACCOUNT, object_id=owner)
    with world.work() as work:
        work.session.add(deletion)
    world.store.keyring.journal_erasure(deletion.id, owner, "ACCOUNT", owner)
    return deletion.id


def test_a_start_goes_on_behind_an_erasure_once_its_keys_are_gone(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are finished; of the one that fails nothing opens any more. While its keys stay nothing is served."""
    people = [world.contributor() for _ in range(3)]
    named = [_journalled(world, person) for person in people]
    usual = resuming.erase

    def erase(agents: Agents, deletion_id: uuid.UUID) -> None:
        if deletion_id == named[0]:
            raise Broken
        usual(agents, deletion_id)

    with monkeypatch.context() as patched:
        patched.setattr(resuming, "erase", erase)
        with pytest.MonkeyPatch.context() as stays:
            stays.setattr(resuming, "destroy_keys", breaking(lambda _: True, [], 0))
            with pytest.raises(KeysStayed):
                erasures.resume_open_erasures(agents)
        assert kept(world) == []
        erasures.resume_open_erasures(agents)
    assert kept(world) == [("erasures", named[0], 1)]
    assert [world.store.keyring.count_owned_by(person) for person in people] == [0, 0, 0]
    erasures.resume_set_aside(agents)  # not yet
    assert kept(world) == [("erasures", named[0], 1)]
    due_again(world)
    erasures.resume_set_aside(agents)
    assert kept(world) == []
    with transaction(world.store.engine, read_only=True) as session:
        statuses = session.scalars(select(Deletion.status).where(Deletion.id.in_(named))).all()
    assert set(statuses) == {DeletionStatus.ERASED}


def test_recalls_go_on_behind_a_deletion(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch, found: list[Any]
) -> None:
    """Both what is asked of providers and what is signed."""
    ripe = [new_id() for _ in range(3)]
    monkeypatch.setattr(recalling.recalls, "ripe", lambda *_: ripe)
    monkeypatch.setattr(recalling, "supplement", breaking(lambda item: item == ripe[0], found, 1))
    erasures.recall_due(agents)
    assert found == ripe[1:]
    assert kept(world) == [("recalls", ripe[0], 1)]


def test_everybody_else_is_told_and_whoever_was_not_is_told_later(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that fails for one person comes to all others, and to them when the job runs again."""
    people = [world.contributor() for _ in range(4)]
    text = PublishedNotice(
        id=new_id(), kind=NoticeKind.POLICY, title="t", body="b", effective_at=now(), published_at=now(),
        published_by=new_id(),
    )  # fmt: skip
    with world.work() as work:
        work.session.add(text)
    usual = spreading.issue

    def issue(work: Any, owner: uuid.UUID, *rest: Any) -> Any:
        if owner == people[1]:
            raise Broken
        return usual(work, owner, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(spreading, "issue", issue)
        patched.setattr(spreading, "_AT_ONCE", 1)
        with pytest.raises(TryLater):
            notices.spread_notice(agents, text.id)
        assert _told(world) == {people[0], people[2], people[3]}
        assert kept(world) == [("notices", text.id, 1)]
        for _ in range(set_aside.ATTEMPTS + 2):  # not for ever
            try:
                notices.spread_notice(agents, text.id)
            except TryLater:
                continue
            break
        else:
            raise AssertionError("it is tried for ever")
    notices.spread_notice(agents, text.id)
    assert _told(world) == set(people)


def _told(world: World) -> set[uuid.UUID]:
    with transaction(world.store.engine, read_only=True) as session:
        return set(session.scalars(select(Notice.owner_id)))


def test_those_affected_are_told_behind_one_who_can_not_be(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch, found: list[Any]
) -> None:
    """The others are told at once, and that one later."""
    people, incident = [new_id() for _ in range(3)], new_id()
    monkeypatch.setattr(affected.incidents, "sent", lambda *_: object())
    monkeypatch.setattr(affected, "affected", lambda *_: people)
    monkeypatch.setattr(affected, "_tell", breaking(lambda item: item == people[0], found, 2))
    with pytest.raises(TryLater):
        notices.tell_affected(agents, incident)
    assert found == people[1:]
    assert kept(world) == [("incident_notices", incident, 1)]


def test_an_entry_that_makes_no_message_does_not_stop_the_webhook(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after it is delivered, in order."""
    with world.work() as work:
        for _ in range(4):
            work.record(SystemStarted())
    settle(world)
    forms = [form["id"] for _, form in feeds.entries(world.store.engine, None, 0)]
    usual, sent = envelopes.envelope, []

    def envelope(form: dict[str, Any], **named: Any) -> bytes:
        if form["id"] == forms[1]:
            raise Broken
        return usual(form, **named)

    def send(_url: str, _body: bytes, headers: dict[str, str], **_: Any) -> int:
        sent.append(headers["webhook-id"])
        return 204

    monkeypatch.setattr(envelopes, "envelope", envelope)
    courier = Courier(
        world.store, Webhook("https://siem.example/", (b"k" * 32,)), lambda: "0" * 16, gate=Open(), send=send
    )
    courier.advance()
    assert sent == [forms[0], *forms[2:]]
    assert kept(world) == [("webhook", uuid.UUID(forms[1]), 1)]


def test_alarms_are_repeated_behind_an_incident(
    world: World, monkeypatch: pytest.MonkeyPatch, found: list[Any]
) -> None:
    """Each incident that nobody has acknowledged escalates by itself."""
    incidents = []
    with world.work() as work:
        for _ in range(3):
            row = Incident(
                id=new_id(), detection="D05", severity=Severity.HIGH, began_at=now(), detected_at=now(),
                clock_until=now(), alerted_at=now() - timedelta(hours=1),
            )  # fmt: skip
            work.session.add(row)
            incidents.append(row.id)
    usual = acting._alert

    def alert(work: Any, incident: Incident, *rest: Any, **named: Any) -> None:
        if incident.id == incidents[0]:
            raise Broken
        usual(work, incident, *rest, **named)

    monkeypatch.setattr(acting, "_alert", alert)
    acting.escalate(world.store, world.scope)
    with transaction(world.store.engine, read_only=True) as session:
        found = [session.get_one(Incident, each).escalations for each in incidents]
    assert found == [0, 1, 1]
    assert kept(world) == [("escalation", incidents[0], 1)]


@pytest.mark.parametrize(
    ("loop", "step", "following"),
    [
        ("access_reviews", "finish", "next_to_finish"),
        ("access_review_notices", "tell", "next_to_tell"),
    ],
)
def test_a_review_goes_on_behind_an_item(
    world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch, loop: str, step: str, following: str
) -> None:
    """A piece that fails is taken one by one."""
    left = [new_id() for _ in range(5)]
    bad, done = left[1], []

    def take(_work: Any, at_most: int, without: Any) -> int:
        some = [item for item in left if item not in done and item not in without][:at_most]
        if bad in some:
            raise Broken
        done.extend(some)
        return len(some)

    def first(_work: Any, without: Any) -> uuid.UUID | None:
        return next((item for item in left if item not in done and item not in without), None)

    monkeypatch.setattr(campaigns, step, take)
    monkeypatch.setattr(campaigns, following, first)
    monkeypatch.setattr(campaigns, "is_due", lambda *_: False)
    Reviewer(agents).advance()
    assert done == [item for item in left if item != bad]
    assert kept(world) == [(loop, bad, 1)]


def test_each_name_is_fed_here() -> None:
    """A loop that sets aside and has no test here is found by its name."""
    source = Path(__file__).read_text(encoding="utf-8")
    missing = {name for name in NAMES if f'"{name}"' not in source}
    assert missing - {watching.NAME} == set()  # tests/agents/test_poison.py feeds that one
