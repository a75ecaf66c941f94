"""Which backups the settings ask for: when the next is due, and what `doctor` says of those that there are."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from muniment import backups
from muniment.backups import Target
from storage.clock import now
from tests.muniment.test_backups import Pair, pair
from tests.world import World

__all__ = ["pair"]


@pytest.mark.one_database("sqlite", reason="settings and findings")
def test_the_settings_ask_for_backups_and_the_doctor_for_new_ones(world: World, pair: Pair) -> None:
    """Due once none is new enough; nothing is due where nobody asked."""
    told: dict[str, Any] = {"backup_dir": pair.target.place, "key_backup_dir": pair.target.keys_place}
    told |= {"backup_recipient": pair.target.recipient, "backup_hours": 6.0, "key_backup_days": 7.0}
    settings = world.settings.model_copy(update=told)
    assert not backups.is_due(world.settings) and backups.is_due(settings)
    assert [each.good for each in backups.findings(settings)] == [True, False, False]
    list(backups.take(settings, world.house, Target.of(settings, None, None, None)))
    assert not backups.is_due(settings)
    assert [each.good for each in backups.findings(settings)] == [True, True, True]
    with time_machine.travel(now() + timedelta(hours=13), tick=False):
        assert backups.is_due(settings)
        assert [each.good for each in backups.findings(settings)] == [True, False, False]
    assert [each.good for each in backups.findings(world.settings)] == [True]
    for days, good in ((None, False), (30.5, False), (30.0, True)):
        kept = next(backups.findings(settings.model_copy(update={"key_backup_days": days})))
        assert (kept.good, "MUNIMENT_KEY_BACKUP_DAYS" in kept.text) == (good, not good), days
