"""What protects an installation is told at each start, and what the last start had and this one lacks is an alarm."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.sentinel.detecting import Detector
from muniment.safeguards import announce, in_force
from muniment.settings import Settings
from storage.clock import now
from storage.database import transaction
from storage.ledger import happenings
from storage.ledger.events import Safeguard
from tests.world import World

pytestmark = pytest.mark.one_database("sqlite", reason="one entry is read by an index that both have")


def with_(world: World, **changed: Any) -> Settings:
    return world.settings.model_copy(update=changed)


def off(world: World) -> list[str]:
    return [each["details"]["safeguard"] for each in world.events("control.switched_off")]


def test_what_a_start_lacks_that_the_last_one_had_is_told(world: World) -> None:
    """By name, once: the start after it has nothing to compare with. What another component lacks is its own affair."""
    more = with_(world, webhook_url="https://siem.example.org/hook", regions=("EU",), tls_terminated_upstream=True)
    announce(world.house, more, "server")
    assert off(world) == []
    announce(world.house, world.settings, "agents")
    assert off(world) == []
    announce(world.house, with_(world, regions=("EU",)), "server")
    assert sorted(off(world)) == ["tls", "webhook"]
    announce(world.house, with_(world, regions=("EU",)), "server")
    announce(world.house, more, "server")
    assert sorted(off(world)) == ["tls", "webhook"]
    started = world.events("system.started")[-1]["details"]
    assert (started["webhook"], started["regions"], started["backups"]) == (True, True, False)
    assert set(started) == {each.value for each in Safeguard}


def test_the_sentinel_hears_of_it(world: World) -> None:
    """D20, whatever it was that was switched off."""
    announce(world.house, with_(world, rotate_keysets=True), "server")
    announce(world.house, with_(world, rotate_keysets=False), "server")
    with transaction(world.house.store.engine, read_only=True) as session:
        found = happenings.waiting(session, now() + timedelta(minutes=1), {"control.switched_off"})
    assert {hit.detection.id for hit in Detector().feed_all(found)} == {"D20"}


def test_every_safeguard_can_be_on_and_off(world: World, tmp_path: Path) -> None:
    """No switch that nothing reads: each says what its settings say."""
    everything = with_(
        world, backup_dir=tmp_path, key_backup_dir=tmp_path, ledger_store="s3://log/x", regions=("EU",),
        rotate_keysets=True, tls_cert=tmp_path, webhook_url="https://siem.example.org", witness_policy=tmp_path,
    )  # fmt: skip
    nothing = with_(
        world, backup_dir=None, key_backup_dir=None, ledger_store=None, regions=(), rotate_keysets=False, tls_cert=None,
        webhook_url=None, witness_policy=None,
    )  # fmt: skip
    assert set(in_force(everything).values()) == {True}
    assert set(in_force(nothing).values()) == {False}
    assert set(in_force(everything)) == set(Safeguard)
