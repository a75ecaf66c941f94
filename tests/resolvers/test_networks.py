"""Where somebody is: a network that an account or key was never seen in is told to its owner, and nothing else changes."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from agents.sentinel.detecting import Detector, Hit
from policies.principals import ANONYMOUS
from resolvers import identity, sessions
from resolvers.context import Asking, Context
from resolvers.errors import Unauthenticated
from storage.clock import now
from storage.database import transaction
from storage.ledger import happenings
from storage.networks import MOST, network_of, with_seen
from storage.staff import StaffRole
from tests.world import PASSWORD, Person, World, raw_id

HOME, OFFICE, ELSEWHERE = "203.0.113.7", "198.51.100.20", "2001:db8:7:1::5"
ONE = pytest.mark.one_database("sqlite", reason="what is remembered is one sealed value, compared here")


@pytest.fixture
def ada(world: World) -> Person:
    return world.register("ada")


def sign_in(world: World, person: Person, address: str | None) -> None:
    context = Context(world.house, Asking(ANONYMOUS, ip_address=address))
    with context.writing("sign_in"):
        sessions.sign_in(context, person.email, PASSWORD)


def use(world: World, key: Person, address: str | None) -> None:
    identity.identify(world.house, key.token, ip_address=address)


def new_places(world: World, action: str) -> list[dict[str, Any]]:
    return world.events(action)


def hits(world: World, action: str) -> list[Hit]:
    with transaction(world.house.store.engine, read_only=True) as session:
        found = happenings.waiting(session, now() + timedelta(days=2), {action})
    return Detector().feed_all(found)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, None),
        ("testclient", None),
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.200", "203.0.113.0/24"),
        ("2001:db8:7:ffff::1", "2001:db8:7::/48"),
        ("127.0.0.1", "127.0.0.0/24"),
    ],
)
def test_a_network_is_what_a_household_has(address: str | None, network: str | None) -> None:
    """Two addresses of one of them are one place, however they are written."""
    assert network_of(address) == network


def test_the_last_ones_are_remembered_and_no_more() -> None:
    """One that is seen again goes to the end; the one that was seen longest ago is forgotten."""
    known: list[str] = []
    for number in range(MOST + 5):
        known = with_seen(known, f"n{number}")
    assert (known[0], known[-1], len(known)) == ("n5", f"n{MOST + 4}", MOST)
    assert with_seen(known, "n7")[-1] == "n7"
    assert len(with_seen(known, "n7")) == MOST


def test_who_signs_in_from_a_new_place_is_asked(world: World, ada: Person) -> None:
    """The first place is where it begins; the second is new, once; nobody is kept out, and no address is in the entry."""
    for address in (None, HOME, "203.0.113.99", OFFICE, HOME, OFFICE, None):
        sign_in(world, ada, address)
    (found,) = new_places(world, "session.new_place")
    assert found["details"] == {}
    assert OFFICE not in str(found)
    assert [(hit.detection.id, hit.opens, hit.jobs, hit.write_to) for hit in hits(world, "session.new_place")] == [
        ("D08", False, (), raw_id(ada.id))
    ]
    kept = world.everything_kept()
    assert b"203.0.113" not in kept


@ONE
def test_whoever_fails_to_sign_in_teaches_it_nothing(world: World, ada: Person) -> None:
    """A guess from elsewhere neither tells nor makes that place a known one."""
    sign_in(world, ada, HOME)
    context = Context(world.house, Asking(ANONYMOUS, ip_address=OFFICE))
    with pytest.raises(Unauthenticated), context.writing("sign_in"):
        sessions.sign_in(context, ada.email, "wrong horse battery")
    assert new_places(world, "session.new_place") == []
    sign_in(world, ada, OFFICE)
    assert len(new_places(world, "session.new_place")) == 1


@ONE
def test_staff_are_not_remembered(world: World) -> None:
    """They sign in with two factors, and have no inbox."""
    world.employ(StaffRole.SUPPORT)
    assert new_places(world, "session.new_place") == []


def test_a_key_that_is_used_elsewhere_is_told_and_works(world: World, ada: Person) -> None:
    """Once for each network, looked at once a minute at most; the key is let in each time."""
    world.step_up(ada)
    _, key = world.key(ada, "read")
    with time_machine.travel(now(), tick=False) as clock:
        for address in (HOME, OFFICE, OFFICE, HOME, ELSEWHERE):
            use(world, key, address)
            clock.shift(timedelta(minutes=1, seconds=1))
        clock.shift(timedelta(seconds=-5))
        use(world, key, "192.0.2.1")  # within the minute: not looked at
    found = new_places(world, "api_key.new_place")
    assert [each["details"] for each in found] == [{"knownCount": 1}, {"knownCount": 2}]
    assert [(hit.detection.id, hit.opens, hit.write_to) for hit in hits(world, "api_key.new_place")] == [
        ("D07", False, raw_id(ada.id)),
        ("D07", False, None),
    ]


@ONE
def test_a_key_that_moves_all_the_time_is_asked_no_more(world: World, ada: Person) -> None:
    """A fleet is no alarm for ever: thirty networks, and where it is says nothing any more."""
    _, key = world.key(ada, "read")
    with time_machine.travel(now(), tick=False) as clock:
        for number in range(MOST + 5):
            use(world, key, f"10.0.{number}.1")
            clock.shift(timedelta(minutes=1, seconds=1))
    assert len(new_places(world, "api_key.new_place")) == MOST - 1
    found = {hit.measure.value for hit in hits(world, "api_key.new_place")}
    assert found == {"NONE", "HOLD_EXPORTS"}


@ONE
def test_a_rotated_key_is_known_where_the_old_one_was(world: World, ada: Person) -> None:
    """A new secret for the same program is no new place."""
    world.step_up(ada)
    key_id, key = world.key(ada, "read")
    use(world, key, HOME)
    wants = "apiKey { id } secret"
    made = world.do("rotateApiKey", ada, wants=wants, apiKeyId=key_id).data["it"]
    use(world, Person("key", made["secret"]), HOME)
    assert new_places(world, "api_key.new_place") == []
    use_later = now() + timedelta(minutes=2)
    with time_machine.travel(use_later, tick=False):
        use(world, Person("key", made["secret"]), OFFICE)
    assert len(new_places(world, "api_key.new_place")) == 1
