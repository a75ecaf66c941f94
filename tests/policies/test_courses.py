"""What was gone through once for several objects is what oso says about each of them by itself."""

from contextlib import suppress
from dataclasses import dataclass

import pytest
from oso import Oso
from polar.exceptions import OsoError
from polar.variable import Variable

from policies.facts import Person
from policies.principals import Kind, Principal
from storage.assets import Asset
from tests.policies import worlds
from tests.policies.courses import Courses
from tests.policies.oracle import Oracle, connect

POLICY = """
allow(person: Person, "update", asset: Asset) if asset.owner_id = person.id and person.stepped_up;
allow(_: Person, "read", asset: Asset) if asset.status in ["AVAILABLE"];
allow(person: Person, "share", asset: Asset) if
    member in asset.project.members and member.contributor_id = person.id and member.role = "EDITOR";
allow(_: Person, "delete", asset: Asset) if asset.byte_size > 0 and asset.blob_id != nil;
allow(_: Person, "upload", asset: Asset) if asset.byte_size < 1;
allow(_: Person, action, asset: Asset) if action in asset.media_type.split("/") or asset.media_type.strange;
allow(_: Person, "export", _: Asset);
"""
WORLD = worlds.build()
connect(WORLD.rows)
ASSETS = [row for row in WORLD.rows if isinstance(row, Asset)]
PEOPLE = [Person(worlds.named(name), stepped_up) for name in worlds.NAMES for stepped_up in (False, True)]


@pytest.fixture
def oso() -> Oso:
    oso = Oso()
    for known in (Person, Asset):
        oso.register_class(known)
    oso.load_str(POLICY)
    return oso


def _plain(oso: Oso, person: Person, asset: Asset) -> list[object]:
    """What oso says when it is asked as anybody would; what stands before an error counts."""
    found: list[object] = []
    with suppress(OsoError):
        found.extend(result["bindings"]["name"] for result in oso.query_rule("allow", person, Variable("name"), asset))
    return found


def _led(led: Courses, person: Person, asset: Asset) -> list[object]:
    found: list[object] = []
    with suppress(OsoError):
        found.extend(led.names("allow", person, asset))
    return found


def test_led_along_an_object_is_decided_about_as_by_itself(oso: Oso) -> None:
    """Owners, members, nothing, order, methods, and an attribute that there is not: the same ways, in the same order."""
    led = Courses(oso)
    seen = set()
    for _ in range(2):
        for person in PEOPLE:
            for asset in ASSETS:
                found = _led(led, person, asset)
                assert found == _plain(oso, person, asset)
                seen.add(tuple(found))
    assert len(seen) > 4
    assert {name for found in seen for name in found} >= {"update", "read", "share", "delete", "upload"}


@dataclass
class Card:
    """Something small to decide about."""

    suit: str
    rank: int


def test_oso_is_asked_once_for_all_who_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that answers the same goes the same way without it; one that differs in what is asked does not."""
    oso = Oso()
    oso.register_class(Card)
    oso.load_str('allow(_, "play", card: Card) if card.suit = "spades"; allow(_, "keep", _: Card);')
    begun: list[object] = []
    begin = oso.ffi_polar.new_query_from_term
    monkeypatch.setattr(oso.ffi_polar, "new_query_from_term", lambda term: (begun.append(term), begin(term))[1])
    led = Courses(oso)
    assert set(led.names("allow", "me", Card("spades", 1))) == {"play", "keep"}
    assert set(led.names("allow", "me", Card("spades", 2))) == {"play", "keep"}
    assert len(begun) == 1
    card = Card("hearts", 1)
    assert set(led.names("allow", "me", card)) == {"keep"}
    assert len(begun) == 2
    card.suit = "spades"
    assert set(led.names("allow", "me", card)) == {"play", "keep"}
    assert len(begun) == 2


def test_an_oracle_that_takes_another_policy_knows_nothing_of_the_one_before() -> None:
    """Neither its rules nor the ways that it went, also where the next one does not load."""
    person = Principal(Kind.CONTRIBUTOR, id=worlds.named("ada"))
    mine = next(asset for asset in ASSETS if asset.owner_id == person.id)
    oracle = Oracle('allow(_: Person, "read", _: Asset);')
    assert oracle.actions(person, mine) == {"read"}
    oracle.take('allow(_: Person, "update", _: Asset);')
    assert oracle.actions(person, mine) == {"update"}
    with pytest.raises(OsoError):
        oracle.take('allow(_: Person, "delete", _: Asset) if nowhere(1); allow(_: Nobody, "share", _: Asset);')
    oracle.take('allow(_: Person, "export", _: Asset);')
    assert oracle.actions(person, mine) == {"export"}
