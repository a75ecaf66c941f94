"""Keys that are due are rotated by the process itself, now and then, and it can always be ended."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from agents import erasures
from agents.ledger import Ageing
from muniment.tidying import Tidying
from storage import rotations
from storage.clock import now
from tests.world import World

YEAR = timedelta(days=365)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for, and there is nothing else to tidy."""
    monkeypatch.setattr(rotations, "PATIENCE", 0.0)
    monkeypatch.setattr(rotations, "_MARGIN", 0.0)
    monkeypatch.setattr(erasures, "tidy", lambda agents: None)


class Young(Ageing):
    """A trail in which nothing is old enough for anything."""

    def __init__(self) -> None:
        pass

    def end_investigations(self) -> int:
        return 0

    def anonymise(self) -> int:
        return 0

    def archive(self) -> int:
        return 0


@pytest.fixture
def tidying(world: World, monkeypatch: pytest.MonkeyPatch) -> Tidying:
    """What tidies this world; no key is kept in memory."""
    monkeypatch.setattr(world.house.store.keyring, "cache_seconds", 0)
    agents: Any = None
    return Tidying(world.house, agents, Young(), world.settings)


def aged(world: World, kind: str, age: timedelta) -> None:
    """Let the keysets of this kind be from that long ago."""
    moment = (now() - age).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(world.settings.home / "keys" / "keys.sqlite3")) as keys:
        keys.execute("UPDATE keysets SET created_at = ?, keyed_at = NULL WHERE kind = ?", [moment, kind])
        keys.commit()


def rotated(world: World) -> list[int]:
    """How many keysets each rotation renewed."""
    return [event["details"]["keysetCount"] for event in world.events("keys.rotated")]


def test_nothing_is_rotated_before_it_is_due(world: World, tidying: Tidying) -> None:
    """Not even begun."""
    world.register("ada")
    aged(world, "contributor", YEAR * 0.95)
    tidying.once()
    assert world.events("keys.rotation_started") == []


def test_what_is_due_is_rotated_with_what_soon_will_be(world: World, tidying: Tidying) -> None:
    """Once; what is younger stays, and everything opens."""
    ada = world.register("ada")
    world.project(ada, "Autumn")
    aged(world, "contributor", YEAR * 1.01)
    aged(world, "project", YEAR * 0.95)
    tidying.once()
    tidying.once()
    assert rotated(world) == [2]
    assert world.ask("{ projects { edges { node { name } } } }", ada).data["projects"]["edges"][0]["node"] == {
        "name": "Autumn"
    }


def test_it_can_be_left_to_the_operator(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`MUNIMENT_ROTATE_KEYSETS=false`: then `doctor` tells, and nothing happens by itself."""
    world.register("ada")
    aged(world, "contributor", YEAR * 2)
    agents: Any = None
    Tidying(world.house, agents, Young(), world.settings.model_copy(update={"rotate_keysets": False})).once()
    assert world.events("keys.rotation_started") == []


def test_a_rotation_ends_with_the_process_and_goes_on_in_the_next(
    world: World, tidying: Tidying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step it has reached."""
    world.register("ada")
    aged(world, "contributor", YEAR * 2)
    monkeypatch.setattr(rotations, "PATIENCE", 3600.0)
    monkeypatch.setattr("muniment.tidying._EVERY_SECONDS", 0.01)
    tidying.start()
    wait_for(lambda: bool(world.house.store.keyring.rotation().begun(rotations.SEALING)))
    tidying.stop()
    assert rotated(world) == []
    monkeypatch.setattr(rotations, "PATIENCE", 0.0)
    agents: Any = None
    Tidying(world.house, agents, Young(), world.settings).once()
    assert rotated(world) == [1]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
