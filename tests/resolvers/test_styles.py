"""The learned style: seen, put right and forgotten by whoever it was learned of, and by nobody else."""

from typing import Any

import pytest

from agents.generation.styles import learn
from storage import styles
from tests.told import style
from tests.world import World

WANTS = "styleProfile { briefs inWords viewerCan measures { name learned corrected } }"


def seen(world: World, by: Any) -> Any:
    return world.ask(f"{{ {WANTS} }}", by).data["styleProfile"]


def test_it_is_seen_put_right_and_forgotten(world: World) -> None:
    """A correction stands beside what was learned, and is what a model is told; null takes it back; deleted is gone."""
    ada, ben = world.register("ada"), world.register("ben")
    assert seen(world, ada) is None
    style(world, ada, word_letters=5.0)
    found = seen(world, ada)
    assert (found["briefs"], found["viewerCan"]) == (3, ["READ", "READ_CONTENT", "UPDATE"])
    assert "short sentences" not in found["inWords"]
    assert seen(world, ben) is None
    put = world.do("correctStyleProfile", ada, wants=f"{WANTS} auditEventId", sentenceWords=6.5).data["it"]
    assert "short sentences" in put["styleProfile"]["inWords"]
    by_name = {each["name"]: each for each in seen(world, ada)["measures"]}
    assert by_name["sentence_words"] == {"name": "sentence_words", "learned": 14.0, "corrected": 6.5}
    assert by_name["word_letters"]["corrected"] is None
    back = world.do("correctStyleProfile", ada, wants=WANTS, sentenceWords=None).data["it"]["styleProfile"]
    assert "short sentences" not in back["inWords"]
    assert world.do_plain("deleteStyleProfile", ada).data["it"]["auditEventId"]
    assert seen(world, ada) is None
    assert [event["details"] for event in world.events("style_profile.corrected")] == [
        {"corrections": 1},
        {"corrections": 0},
    ]
    assert len(world.events("style_profile.forgotten")) == 1


@pytest.mark.one_database("sqlite", reason="one row goes, by its key")
def test_what_was_learned_goes_with_the_permission(world: World) -> None:
    """Taken back, it is gone at once, before any run; what else one allows or forbids leaves it alone."""
    ada = world.register("ada")
    world.do("updatePrivacyPreferences", ada, styleLearning=True).data  # noqa: B018 - fails the test if refused
    style(world, ada)
    world.do("updatePrivacyPreferences", ada, analytics=True).data  # noqa: B018 - as above
    assert seen(world, ada) is not None
    world.do("updatePrivacyPreferences", ada, styleLearning=False).data  # noqa: B018 - as above
    assert seen(world, ada) is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, None),
        ({"sentenceWords": -1.0}, "sentenceWords"),
        ({"variety": 1.5}, "variety"),
        ({"questions": 11}, "questions"),
    ],
)
@pytest.mark.one_database("sqlite", reason="what is refused never reaches the database")
def test_what_no_measure_can_be_is_refused(world: World, given: dict[str, float], field: str | None) -> None:
    """Outside its bounds, or nothing at all: nothing is kept."""
    ada = world.register("ada")
    style(world, ada)
    with world.unchanged():
        refused = world.do("correctStyleProfile", ada, **given)
    assert (refused.code, refused.errors[0]["extensions"].get("field")) == ("BAD_USER_INPUT", field)


def test_learning_goes_on_beside_what_was_corrected() -> None:
    """The averages move with each brief; the correction stays what agents go by."""
    known = styles.corrected(learn(None, "One two three."), {"sentence_words": 9.0})
    later = learn(known, "One two three four five.")
    assert (later["briefs"], later["sentence_words"]) == (2, 4.0)
    assert styles.used(later)["sentence_words"] == 9.0
    assert styles.understood({"version": 99, "briefs": 1}) is None
