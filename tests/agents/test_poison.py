"""Poison: whatever stands in the log, detection gets past it, keeps what it could not judge, and goes on."""

import typing
import uuid
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from agents.sentinel import Sentinel, watching
from agents.sentinel.detecting import Detector
from resolvers.errors import Unauthenticated
from storage import set_aside
from storage.catalogue import models
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.incidents import Incident
from storage.keys.errors import KeyStoreUnavailable
from storage.ledger import happenings
from storage.ledger.entries import AuditEvent
from storage.ledger.events import (
    REGISTRY,
    AccessDenied,
    Event,
    Identifier,
    Outcome,
    RefusalCode,
    Resource,
    SessionRefused,
    SignInRefusal,
)
from storage.ledger.events.base import recorded, required_type
from storage.ledger.happenings import Happening
from storage.ledger.scope import AuditScope
from storage.set_aside import SetAsideItem
from tests.agents.test_ledger import settle
from tests.agents.worlds import World


@pytest.fixture
def sentinel(world: World) -> Iterator[Sentinel]:
    """One that has begun before anything happens."""
    found = Sentinel(world.store, lambda: "0" * 16)
    found.advance()
    yield found


def record(world: World, *events: Event, kind: str = "CONTRIBUTOR", actor: uuid.UUID | None = None) -> list[uuid.UUID]:
    """Record events with their places; answers the ids of their entries."""
    scope = AuditScope("api", kind, actor, None, None, None, uuid.uuid4(), "0" * 16)
    with world.store.begin(scope) as work:
        ids = [work.record(each, Outcome.DENIED) for each in events]
    settle(world)
    return ids


def denial(resource: Resource = Resource.ASSET, code: RefusalCode = RefusalCode.NOT_FOUND) -> AccessDenied:
    return AccessDenied(
        resource_id=new_id(), subject_id=None, resource_kind=resource, attempted=Identifier("read"), code=code
    )


def attack(world: World) -> uuid.UUID:
    """Twelve wrong passwords for one account: detection D15 opens an incident about it."""
    person = new_id()
    wrong = SessionRefused(resource_id=None, subject_id=person, reason=SignInRefusal.WRONG_CODE)
    record(world, *[wrong] * 12, kind="ANONYMOUS")
    return person


def kept(world: World) -> list[SetAsideItem]:
    with transaction(world.store.engine, read_only=True) as session:
        return list(session.scalars(select(SetAsideItem).order_by(SetAsideItem.id)))


def opened(world: World, detection: str) -> list[Incident]:
    with transaction(world.store.engine, read_only=True) as session:
        return list(session.scalars(select(Incident).where(Incident.detection == detection)))


def any_value(kind: Any) -> Any:
    """A value of an event's field."""
    plain = required_type(kind)
    if plain is Identifier:
        return Identifier("x")
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return next(iter(plain))
    if plain in (tuple[uuid.UUID, ...], tuple[Identifier, ...]):
        return ()
    return {int: 1, bool: True, uuid.UUID: new_id()}[plain]


def every_event() -> list[Event]:
    """One of each event there is, and one of each with as little in it as it takes."""
    found: list[Event] = []
    for event in REGISTRY.values():
        if not event.__module__.startswith("storage."):
            continue
        fields = recorded(event)
        found.append(event(**{name: any_value(kind) for name, kind in fields.items()}))
        found.append(
            event(
                **{
                    name: None if type(None) in typing.get_args(kind) else any_value(kind)
                    for name, kind in fields.items()
                }
            )
        )
    return found


def test_a_denial_about_every_model_with_every_code_is_judged(world: World, sentinel: Sentinel) -> None:
    """Resources of models, and those that no model has; as a contributor, a key, staff, an agent and nobody."""
    resources = {Resource.of(model.__name__) for model in models()} | set(Resource)
    events = [denial(resource, code) for resource in sorted(resources) for code in RefusalCode]
    for kind in ("CONTRIBUTOR", "API_KEY", "STAFF", "AGENT", "ANONYMOUS"):
        record(world, *events, kind=kind, actor=None if kind in ("AGENT", "ANONYMOUS") else new_id())
    while sentinel.advance():
        pass
    assert [(row.cause, row.item_id) for row in kept(world)] == []
    attack(world)
    sentinel.advance()
    assert len(opened(world, "D15")) == 1


def test_every_event_is_judged(world: World, sentinel: Sentinel) -> None:
    """Whatever can be recorded: with all that it can hold, and with as little as it can."""
    for kind in ("CONTRIBUTOR", "API_KEY", "STAFF", "AGENT"):
        record(world, *every_event(), kind=kind, actor=None if kind == "AGENT" else new_id())
    while sentinel.advance():
        pass
    assert [(row.cause, row.item_id) for row in kept(world)] == []
    attack(world)
    sentinel.advance()
    assert len(opened(world, "D15")) == 1


def poison_feed(monkeypatch: pytest.MonkeyPatch, entry: uuid.UUID, hurt: Callable[[], None]) -> None:
    usual = Detector.feed

    def feed(self: Detector, happening: Happening) -> Any:
        if happening.entry_id == entry:
            hurt()
        return usual(self, happening)

    monkeypatch.setattr(Detector, "feed", feed)


def poison_reading(monkeypatch: pytest.MonkeyPatch, entry: uuid.UUID, hurt: Callable[[], None]) -> None:
    usual = happenings._happening

    def read(row: Any, personal: Any) -> Any:
        if row.id == entry:
            hurt()
        return usual(row, personal)

    monkeypatch.setattr(happenings, "_happening", read)


def raising(error: BaseException) -> Callable[[], None]:
    def hurt() -> None:
        raise error

    return hurt


def recurse() -> None:
    recurse()


class Timeout(Exception):
    sqlstate = "57014"


HURTS: dict[str, Callable[[], None]] = {
    "a mistake": raising(TypeError("Boolean value of this clause is not defined")),
    "an assertion": raising(AssertionError()),
    "no memory": raising(MemoryError()),
    "a recursion": recurse,
    "a refusal": raising(Unauthenticated("no")),
    "a statement that takes too long": raising(OperationalError("SELECT", {}, Timeout())),
}


@pytest.mark.parametrize("hurt", HURTS, ids=lambda name: name.replace(" ", "-"))
@pytest.mark.parametrize("place", [poison_feed, poison_reading])
def test_an_entry_that_can_not_be_judged_is_set_aside_and_detection_goes_on(
    world: World,
    sentinel: Sentinel,
    monkeypatch: pytest.MonkeyPatch,
    hurt: str,
    place: Callable[[pytest.MonkeyPatch, uuid.UUID, Callable[[], None]], None],
) -> None:
    """It is kept by its id, people are alerted, what comes with it and after it is judged; after a fix, it is too."""
    (poison,) = record(world, denial(), actor=new_id())
    with monkeypatch.context() as patched:
        place(patched, poison, HURTS[hurt])
        first = attack(world)
        while sentinel.advance():
            pass
        (row,) = kept(world)
        assert (row.loop, row.item_id, row.attempts) == (watching.NAME, poison, 1)
        assert [incident.hits for incident in opened(world, "D15")]
        settle(world)
        sentinel.advance()
        (incident,) = opened(world, "D23")
        assert incident.alerted_at is not None
        # Another process, or this one after a start, is not stopped by it either.
        another = Sentinel(world.store, lambda: "0" * 16)
        with transaction(world.store.engine) as session:
            sequencing_free(session, sentinel)
        second = attack(world)
        while another.advance():
            pass
        assert first != second
        assert len(kept(world)) == 1
        assert len(opened(world, "D15")) >= 1
    with transaction(world.store.engine) as session:
        set_aside.reopen(session, now())
    again = Sentinel(world.store, lambda: "0" * 16)
    with transaction(world.store.engine) as session:
        sequencing_free(session, another)
    again.advance()
    assert kept(world) == []


def sequencing_free(session: Any, sentinel: Sentinel) -> None:
    watching.sequencing.release(session, sentinel._holder)


def test_a_thousand_poisoned_entries_open_one_incident(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds such an entry gets neither a flood of incidents nor of entries in the log out of it."""
    usual = Detector.feed

    def feed(self: Detector, happening: Happening) -> Any:
        if happening.action == "access.denied":
            raise TypeError
        return usual(self, happening)

    monkeypatch.setattr(Detector, "feed", feed)
    monkeypatch.setattr(set_aside, "MOST", 50)
    for _ in range(2):
        record(world, *[denial() for _ in range(40)], actor=new_id())
        while sentinel.advance():
            pass
        settle(world)
    sentinel.advance()
    assert len(kept(world)) == 50
    (incident,) = opened(world, "D23")
    assert incident.hits == 1
    with transaction(world.store.engine, read_only=True) as session:
        found = select(AuditEvent.id).where(AuditEvent.action == "loop.item_set_aside")
        assert len(session.scalars(found).all()) == 1


@pytest.mark.parametrize("error", [OperationalError("SELECT", {}, Exception()), KeyStoreUnavailable()])
def test_an_outage_sets_nothing_aside(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """While a store is away nothing is skipped: what was not judged is judged when it is back."""
    person = attack(world)
    with monkeypatch.context() as patched:
        patched.setattr(watching, "act", lambda *_: raising(error)())
        for _ in range(5):
            with pytest.raises(type(error)):
                sentinel.advance()
    assert kept(world) == []
    sentinel.advance()
    assert len(opened(world, "D15")) == 1
    assert person is not None


def test_where_nothing_can_be_judged_any_more_nothing_is_skipped(
    world: World, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of detection itself, which meets what was judged well before too, stops it and is told."""
    record(world, denial(), actor=new_id())
    sentinel.advance()
    attack(world)
    with monkeypatch.context() as patched:
        patched.setattr(Detector, "feed", lambda *_: raising(ValueError())())
        with pytest.raises(ValueError, match=r"\A\Z"):
            sentinel.advance()
    assert kept(world) == []
    sentinel.advance()
    assert len(opened(world, "D15")) == 1
