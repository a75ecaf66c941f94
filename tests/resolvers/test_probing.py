"""Whoever asks for things of several people that are not theirs to see is found, and learns nothing by it."""

from datetime import timedelta

import pytest

from agents.sentinel.detecting import Detector, Hit
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.ledger import happenings
from storage.ledger.events import Resource
from storage.ledger.happenings import Happening
from tests.world import Person, World, global_id, raw_id

pytestmark = pytest.mark.one_database("sqlite", reason="owners are looked up by primary keys, as on the other")


def refusals(world: World) -> list[Happening]:
    """As the sentinel reads them."""
    with transaction(world.house.store.engine, read_only=True) as session:
        return happenings.waiting(session, now() + timedelta(minutes=1), {"access.denied"})


def found(world: World) -> list[Hit]:
    return [hit for hit in Detector().feed_all(refusals(world)) if hit.detection.id == "D04"]


def ask(world: World, by: Person, kind: str, thing: str) -> None:
    asked = world.ask(f"query($id: ID!) {{ {kind}(id: $id) {{ id }} }}", by, id=thing)
    assert asked.code == "NOT_FOUND"


def test_things_of_five_people_are_a_hit_and_what_is_nobodys_is_none(world: World) -> None:
    """By field, by node and in a list of nodes; the first four are none, nor is one person's five times."""
    probing, owners = world.register("probing"), [world.register(f"owner{number}") for number in range(5)]
    things = [world.project(each) for each in owners]
    for _ in range(6):
        ask(world, probing, "project", things[0])
        ask(world, probing, "project", global_id("Project", new_id()))
    ask(world, probing, "contributor", owners[1].id)
    assert world.ask("query($id: ID!) { node(id: $id) { id } }", probing, id=things[2]).data["node"] is None
    several = [things[3], global_id("Project", new_id())]
    for _ in range(12):  # one of them is told each time, whichever
        world.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", probing, ids=several).data  # noqa: B018
    assert found(world) == []
    ask(world, probing, "project", things[4])
    [hit] = found(world)
    assert (hit.actor_id, hit.opens, hit.owner_id) == (raw_id(probing.id), True, raw_id(probing.id))
    assert {each.subject_id for each in refusals(world)} - {None} == {raw_id(each.id) for each in owners}


def test_nobody_reads_in_the_trail_whose_it_is_or_that_there_is_such_a_thing(world: World) -> None:
    """The leaf has no id, whatever was asked for; whoever asked sees both alike, and the owner sees nothing of it."""
    probing, owner = world.register("probing"), world.register("owner")
    there, nowhere = world.project(owner), global_id("Project", new_id())
    for each in (there, nowhere, global_id("Project", raw_id(owner.id))):  # an id may be a person's too
        ask(world, probing, "project", each)
    denied = world.events("access.denied")
    assert [each["resourceId"] for each in denied] == [None] * 3
    assert len({str(each["details"]) for each in denied}) == 1
    query = "{ auditEvents(first: 50) { edges { node { action details userId } } } }"
    own = [each["node"] for each in world.ask(query, probing).data["auditEvents"]["edges"]]
    assert len({str(each) for each in own if each["action"] == "access.denied"}) == 1
    seen = [each["node"]["action"] for each in world.ask(query, owner).data["auditEvents"]["edges"]]
    assert "access.denied" not in seen


def test_a_refusal_of_what_one_may_see_is_no_probing() -> None:
    """FORBIDDEN says that there is such a thing: whoever is told that sees it anyway."""
    begin = now()
    entries = [
        Happening(
            begin + timedelta(seconds=number), "access.denied", "DENIED", actor_id=new_id(), subject_id=new_id(),
            resource=Resource.PROJECT.value, details={"code": "FORBIDDEN"},
        )
        for number in range(30)
    ]  # fmt: skip
    assert {hit.detection.id for hit in Detector().feed_all(entries)} <= {"D03"}
