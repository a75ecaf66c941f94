"""Those affected by an incident find in their inbox what two people agreed to tell them, and what it was of theirs."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from agents.notices.affected import letter, tell_affected
from agents.runtime import Agents
from resolvers.detections import DETECTIONS
from storage.clock import now
from storage.damages import Damage
from storage.database import transaction
from storage.ids import new_id
from storage.incidents import Incident, IncidentStatus, Severity
from storage.keys.names import contributor_keyset
from storage.ledger.affected import affected
from storage.ledger.events import ContentDamaged, ContentRead, Event, Identifier, Resource
from storage.ledger.scope import AuditScope
from storage.notices import Notice, NoticeKind
from tests.agents.worlds import World
from tests.plain_language import jargon, reading

WORDS = "Somebody of our staff opened work that they should not have opened. They can't any more. Ask help@example.org."
BEGAN = datetime(2026, 11, 27, 10, 3, tzinfo=UTC)


def read_of(person: uuid.UUID, count: int, kind: Resource = Resource.ASSET) -> ContentRead:
    things = tuple(new_id() for _ in range(count))
    return ContentRead(resource_id=None, subject_id=person, resource_kind=kind, object_count=count, object_ids=things)


def happened(world: World, actor: uuid.UUID | None, *events: Event) -> None:
    kind = "AGENT" if actor is None else "STAFF"
    scope = AuditScope("api", kind, actor, None, None, None, uuid.uuid4(), "0" * 16)
    with world.store.begin(scope) as work:
        for event in events:
            work.record(event)


def incident(world: World, actor: uuid.UUID | None, *, approved: bool = True, detection: str = "D02") -> uuid.UUID:
    """One that people have confirmed, its notice written; with `approved` a second person let it go."""
    with world.work() as work:
        row = Incident(
            id=new_id(), detection=detection, severity=Severity.CRITICAL, status=IncidentStatus.NOTIFIED,
            actor_kind="STAFF", actor_id=actor, began_at=now() - timedelta(minutes=5), contained_at=now(),
            decided_at=now() + timedelta(seconds=1), clock_until=now() + timedelta(hours=72), sessions_ended=2,
            notice_sent_at=now() if approved else None,
        )  # fmt: skip
        work.vault.seal(row, notice=WORDS)
        work.session.add(row)
    return row.id


def inbox(world: World) -> dict[uuid.UUID, tuple[NoticeKind, str, str]]:
    with world.store.begin(world.scope, read_only=True) as work:
        found = {}
        for row in work.session.scalars(select(Notice)):
            row.decisions = frozenset({"read_content"})
            assert row.owner_id not in found
            found[row.owner_id] = (row.kind, work.vault.open(row, "title"), work.vault.open(row, "body"))
        return found


def test_each_of_them_is_told_once_and_of_their_own(world: World, agents: Agents) -> None:
    """The words, when it was, how many of whose things, what was done, whom to ask; nobody else hears of it."""
    ada, ben, cleo = (world.contributor() for _ in "123")
    staff = new_id()
    happened(world, staff, read_of(ada, 3), read_of(ada, 1, Resource.PROMPT), read_of(ben, 1))
    happened(world, new_id(), read_of(cleo, 2))
    found = incident(world, staff)
    for _ in "12":
        tell_affected(agents, found)
    told = inbox(world)
    assert set(told) == {ada, ben}
    kind, title, body = told[ada]
    assert (kind, title) == (NoticeKind.SECURITY, "Something happened that concerns your work")
    assert body.startswith(WORDS)
    assert "What of yours: 3 files and 1 prompt." in body
    assert "What of yours: 1 file." in told[ben][2]
    assert "What we did at once: 2 sessions were ended." in body
    assert "fileComplaint" in body
    assert str(staff) not in body


def test_nothing_is_told_before_a_second_person_let_it_go(world: World, agents: Agents) -> None:
    """Neither of a draft nor of an incident that is not there."""
    ada, staff = world.contributor(), new_id()
    happened(world, staff, read_of(ada, 1))
    tell_affected(agents, incident(world, staff, approved=False))
    tell_affected(agents, uuid.uuid4())
    assert inbox(world) == {}


def test_whoever_was_erased_meanwhile_keeps_nobody_from_being_told(world: World, agents: Agents) -> None:
    """Their key is gone, so nothing can be written to them; the others hear of it."""
    ada, ben = (world.contributor() for _ in "12")
    staff = new_id()
    happened(world, staff, read_of(ada, 1), read_of(ben, 1))
    found = incident(world, staff)
    world.store.keyring.destroy(contributor_keyset(ada))
    tell_affected(agents, found)
    assert set(inbox(world)) == {ben}


def test_of_damage_it_concerns_whose_things_they_are(world: World, agents: Agents) -> None:
    """There is nobody who did it: the entries say whose it is."""
    ada, ben = (world.contributor() for _ in "12")
    harmed = ContentDamaged(
        resource_id=new_id(), subject_id=ada, resource_kind=Resource.ASSET, place=Identifier("assets.title"),
        damage=Damage.VALUE,
    )  # fmt: skip
    happened(world, None, harmed)
    happened(world, new_id(), read_of(ben, 1))
    found = incident(world, None, detection="D05")
    with transaction(world.store.engine, read_only=True) as session:
        assert affected(session, session.get_one(Incident, found)) == [ada]
    tell_affected(agents, found)
    assert "What of yours: 1 file." in inbox(world)[ada][2]
    with world.work() as work:
        work.session.execute(update(Incident).values(detection="D15"))
    with transaction(world.store.engine, read_only=True) as session:
        assert affected(session, session.get_one(Incident, found)) == []


@pytest.mark.parametrize(
    ("until", "done", "said"),
    [
        (0, {}, ("on 27 November 2026 at 10:03 UTC", "our security team was told, and has looked into it")),
        (
            12,
            {"grants_ended": 1},
            ("on 27 November 2026 between 10:03 and 10:15 UTC", "1 permission to look at work was"),
        ),
        (
            60 * 24,
            {"keys_suspended": 2, "keys_held": 1, "sessions_held": 2},
            (
                "between 27 November 2026 at 10:03 and 28 November 2026 at 10:03 UTC",
                "2 keys of programs were stopped and 3",
            ),
        ),
    ],
)
def test_it_says_when_it_was_and_what_was_done(until: int, done: dict[str, Any], said: tuple[str, str]) -> None:
    """In words that people use."""
    given = {"sessions_ended": 0, "sessions_held": 0, "keys_suspended": 0, "keys_held": 0, "grants_ended": 0, **done}
    row = Incident(began_at=BEGAN, contained_at=BEGAN + timedelta(minutes=until), **given)
    text = letter(WORDS, row, Counter({"asset": 1, "investigation": 2}))
    for each in said:
        assert each in text
    assert "1 file and 2 looks at entries about you" in text


def test_every_letter_is_in_plain_language() -> None:
    """What happened, what was done, what they can do, whom to ask: read with ease after eight years of school."""
    row = Incident(
        began_at=BEGAN, contained_at=BEGAN, sessions_ended=1, sessions_held=0, keys_suspended=0, keys_held=0,
        grants_ended=1,
    )  # fmt: skip
    texts = [letter("Somebody saw your work.", row, Counter({"asset": 3}))]
    texts += [each.letter.text for each in DETECTIONS if each.letter is not None]
    assert len(texts) > 5
    for text in texts:
        assert jargon(text) == []
        assert reading(text).grade <= 8
        assert "Whom to ask" in text or "write to us with fileComplaint" in text
        assert "What you can do" in text or "If it was you" in text or "If a program of yours" in text
