"""Refusals of strangers: an entry a minute for each address, bounded in number and memory, and none lost but by a kill."""

import uuid
from typing import Any

import pytest

from policies.principals import ANONYMOUS
from resolvers import denial_summaries, identity
from resolvers.context import Asking, Context
from resolvers.denial_summaries import DenialSummaries
from resolvers.errors import Unauthenticated
from resolvers.refusals import Refusal
from storage.clock import now
from storage.database import transaction
from storage.ledger import happenings
from tests.world import Person, World, global_id

SUMMARY = "access.strangers_denied"


def refused(world: World, address: str | None, attempted: str = "node", times: int = 1) -> None:
    context = Context(world.house, Asking(ANONYMOUS, ip_address=address))
    for _ in range(times):
        context.record(Refusal(attempted, "Project", "NOT_FOUND", uuid.uuid4()))


def summaries(world: World) -> list[dict[str, Any]]:
    return [each["details"] for each in world.events(SUMMARY)]


def test_a_strangers_document_is_one_entry(world: World) -> None:
    """Fifty things asked for at once, whatever they are; a signed-in caller's refusals are written as ever."""
    ids = [global_id(kind, uuid.uuid4()) for kind in ("Project", "Asset", "Prompt", "Output", "Export") * 10]
    before = len(world.events())
    asked = " ".join(f'a{number}: node(id: "{each}") {{ id }}' for number, each in enumerate(ids))
    for _ in range(4):
        world.ask(f"{{ {asked} }}")
        world.ask("{ projects { totalCount } }")
        world.ask("{ __schema { types { name } } }")
    written = world.events()[before:]
    assert [each["action"] for each in written] == [SUMMARY]
    said = written[0]["details"]
    assert said["addressCount"] == 1
    assert said["denialCount"] == sum(int(each.rpartition(":")[2]) for each in said["denials"])
    assert "projects:platform:unauthenticated:4" in said["denials"]
    assert "introspect:schema:unauthenticated:4" in said["denials"]
    ada = world.register("ada")
    with world.unchanged("access.denied"):
        world.ask("query($id: ID!) { project(id: $id) { id } }", ada, id=global_id("Project", uuid.uuid4()))


def test_one_refusal_is_written_as_it_is(world: World) -> None:
    """With what was attempted, and by whom; nothing is written of a minute without any."""
    refused(world, "192.0.2.1")
    [entry] = world.events("access.denied")
    assert entry["details"] == {"attempted": "node", "code": "NOT_FOUND"}
    with world.unchanged():
        world.write_denials()


def test_an_ipv6_network_is_one_caller(world: World) -> None:
    """Its addresses are counted together, and the entry names the network."""
    for number in range(50):
        refused(world, f"2001:db8:1:2::{number:x}")
    assert [each["denialCount"] for each in summaries(world)] == [50]
    refused(world, "192.0.2.1", times=2)
    refused(world, "::ffff:192.0.2.1", times=3)
    assert [each["denialCount"] for each in summaries(world)] == [50, 5]


def test_many_addresses_write_few_entries(world: World) -> None:
    """Those with the most refusals have one each, and the others one together; memory is bounded too."""
    for number in range(1_200):
        refused(world, f"10.1.{number >> 8}.{number & 255}", times=2 if number < 1_100 else 1)
    denials = world.house.denials
    assert denials is not None
    assert len(denials._tallies) <= denial_summaries.MOST_ADDRESSES + 1
    found = summaries(world)
    assert len(found) == denial_summaries.MOST_ENTRIES + 1
    assert sum(each["denialCount"] for each in found) == 2_300
    assert max(each["addressCount"] for each in found) > 800


def test_what_one_address_attempts_is_bounded_in_kinds(world: World) -> None:
    """The sum is of all; so many kinds are named."""
    for number in range(100):
        refused(world, "192.0.2.1", attempted=f"attempt_{number}")
    [said] = summaries(world)
    assert said["denialCount"] == 100
    assert len(said["denials"]) == denial_summaries.MOST_KINDS


def test_what_can_not_be_written_is_counted_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the database takes it: nothing is lost, and nothing is raised."""
    refused(world, "192.0.2.1", times=3)
    denials = world.house.denials
    assert denials is not None
    with monkeypatch.context() as patch:
        patch.setattr(denial_summaries, "_write", lambda *_: (_ for _ in ()).throw(OSError))
        denials.flush(world.house.store)
    refused(world, "192.0.2.1", times=2)
    assert [each["denialCount"] for each in summaries(world)] == [5]


def test_bearer_tokens_that_are_not_good_are_counted(world: World) -> None:
    """Made-up ones by address; a session or key that was ended, and a key with a wrong secret, by what they are."""
    ada = world.register("ada")
    other = Person("other", world.sign_in(ada.email).data["it"]["session"]["token"])
    _, key = world.key(ada, "read")
    ended_id, ended = world.key(ada, "read")
    world.do("revokeApiKey", ada, apiKeyId=ended_id).data  # noqa: B018 - fails the test where it did not work
    world.do_plain("signOut", other).data  # noqa: B018 - as above
    world.write_denials()
    wrong = key.token[:-4] + "AAAA"
    for token in ["mun_s_made_up"] * 3 + [other.token] * 2 + [wrong] * 4 + [ended.token]:
        with pytest.raises(Unauthenticated):
            identity.identify(world.house, token, ip_address="192.0.2.7", user_agent="thief")
    world.write_denials()
    [said] = summaries(world)
    assert sorted(said["denials"]) == [
        "authenticate:api_key:unauthenticated:5",
        "authenticate:session:unauthenticated:5",
    ]
    found = [
        (each["details"]["reason"], each["details"]["refusalCount"])
        for each in world.events("access.credential_refused")
    ]
    assert sorted(found) == [("REVOKED", 1), ("REVOKED", 2), ("WRONG_SECRET", 4)]
    query = '{ auditEvents(first: 50, action: "access.credential_refused") { totalCount } }'
    assert world.ask(query, ada).data["auditEvents"]["totalCount"] == 3


def test_summaries_reach_whoever_watches(world: World) -> None:
    """As entries of the log, which the detections read like any other: with their counts, and nobody's id."""
    refused(world, "192.0.2.1", times=30)
    world.write_denials()
    with transaction(world.house.store.engine, read_only=True) as session:
        [seen] = happenings.waiting(session, now().replace(year=2100), {SUMMARY})
    assert (seen.actor_kind, seen.actor_id, seen.subject_id) == ("ANONYMOUS", None, None)
    assert (seen.details or {})["denialCount"] == 30


def test_the_last_minute_is_written_when_the_process_stops(world: World) -> None:
    """An orderly stop loses nothing."""
    from muniment.house import summarizing_denials

    denials = DenialSummaries()
    object.__setattr__(world.house, "denials", denials)
    with summarizing_denials(world.house):
        refused(world, "192.0.2.1", times=7)
        assert len(denials._tallies) == 1
    assert denials._tallies == {}
    assert [each["denialCount"] for each in summaries(world)] == [7]
