"""How often a process fetches keys is recorded each hour, and far more than usual is an alarm."""

from dataclasses import replace

import pytest

from agents.sentinel.detecting import Detector
from muniment.key_uses import HOURS, LEAST, TIMES, KeyUses, counted
from storage.clock import now
from storage.keys.keyring import Keyring
from storage.ledger.events import KeysUsed
from storage.ledger.happenings import Happening
from tests.world import World, agent_scope

pytestmark = pytest.mark.one_database("sqlite", reason="numbers of a process, held against entries of the trail")


def hours(world: World, many: int, loads: int) -> None:
    """So many hours before this one, in each of which a server fetched so many keys."""
    for _ in range(many):
        with world.house.store.begin(replace(agent_scope(), component="server")) as work:
            work.record(KeysUsed(resource_id=None, subject_id=None, load_count=loads))


def noted(world: World, loads: int) -> list[dict[str, int]]:
    """What is recorded of an hour in which the server fetched so many keys; answers the alarms."""
    uses = KeyUses(world.house, "server")
    world.house.store.keyring._loaded.loads += loads
    uses.note()
    assert world.events("keys.used")[-1]["details"] == {"loadCount": loads}
    return [each["details"] for each in world.events("keys.overused")]


def test_five_times_the_usual_is_an_alarm(world: World) -> None:
    """Once it is known what is usual, from a thousand on, and of the same component alone."""
    usual = LEAST // TIMES
    hours(world, HOURS - 1, usual)
    assert noted(world, TIMES * usual + 1) == []  # too early to say; and it is an hour more that is known
    assert noted(world, TIMES * usual) == []
    assert noted(world, TIMES * usual + 1) == [{"loadCount": TIMES * usual + 1, "usualCount": usual}]
    KeyUses(world.house, "agents").note()
    assert len(world.events("keys.overused")) == 1
    assert {hit.detection.id for hit in Detector().feed(Happening(now(), "keys.overused", "FAILED"))} == {"D16"}


def test_few_keys_are_no_alarm_however_few_are_usual(world: World) -> None:
    """A house that was asleep wakes up."""
    hours(world, HOURS, 0)
    assert noted(world, LEAST - 1) == []
    assert noted(world, LEAST) == [{"loadCount": LEAST, "usualCount": 0}]


def test_each_key_that_is_fetched_counts_and_one_in_memory_does_not(world: World) -> None:
    """The count is the keyring's own, and the thread that records it ends with the process."""
    ada = world.register("ada")
    keyring: Keyring = world.house.store.keyring
    with counted(world.house, "server"):
        project = world.project(ada)
        before = keyring.loads
        world.ask("query($id: ID!) { project(id: $id) { name } }", ada, id=project).data  # noqa: B018
        assert keyring.loads == before
        keyring._cache.clear()
        world.ask("query($id: ID!) { project(id: $id) { name } }", ada, id=project).data  # noqa: B018
        assert keyring.loads > before
