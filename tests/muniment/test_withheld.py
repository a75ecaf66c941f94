"""What was kept out of the log is told in the trail, by sort and logger; nothing of what it was is."""

import pytest

from muniment import leaks, withheld
from muniment.policies import Follower
from storage.ledger.events import Secret
from tests.world import World

pytestmark = pytest.mark.one_database("sqlite", reason="one entry like any other")


def test_it_is_told_once_and_by_whoever_serves(world: World) -> None:
    """The thread that follows the policy is in every process that serves: it tells of this too."""
    leaks.taken()
    for secret in ("ada@example.org", "mun_s_" + "a" * 43, "mun_s_" + "b" * 43):
        leaks.searched({"logger": "muniment.x", "task": secret})
    leaks.searched({"logger": "A logger of theirs", "task": "otpauth://totp/x"})
    Follower(world.house).look()
    found = {(each["details"]["secret"], each["details"]["loggerName"]): each for each in world.events("log.withheld")}
    assert {key: each["details"]["lineCount"] for key, each in found.items()} == {
        ("address", "muniment.x"): 1,
        ("token", "muniment.x"): 2,
        ("key", "unknown"): 1,
    }
    assert {(each["component"], each["outcome"]) for each in found.values()} == {("logs", "FAILED")}
    with world.unchanged():
        assert withheld.tell(world.house) == 0
    assert "example.org" not in str(world.events("log.withheld"))


def test_every_sort_that_is_looked_for_has_a_word_in_the_trail() -> None:
    """A pattern without one would be an error where it is found."""
    assert set(withheld.SECRETS) == set(leaks.PATTERNS)
    assert set(withheld.SECRETS.values()) == set(Secret)
