"""Scenarios read as tables, say what nobody may, and refuse what they can't mean."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from policies.compiled import Policy
from policies.workbench import reports, trials
from policies.workbench.scenarios import ScenarioError, Scenarios, load
from tests.policies.workbench.small import POLICY, TABLES, WORLD, lay_out


def written(place: Path, tables: str = TABLES, world: str = WORLD) -> Scenarios:
    """Scenarios in a folder of their own."""
    return load(lay_out(place, tables=tables, world=world) / "policies" / "scenarios")


@pytest.fixture(scope="module")
def small() -> Policy:
    """The small policy, loaded once."""
    return Policy(POLICY.encode(), "policy.polar")


def test_tables_say_what_everybody_may(tmp_path: Path) -> None:
    """Who stands in no line may do nothing; every person has a decision about every thing with a table."""
    scenarios = written(tmp_path)
    assert scenarios.decisions["ada", "atlas"] == {"read", "update", "share"}
    assert scenarios.decisions["vic", "atlas"] == frozenset()
    assert len(scenarios.decisions) == 4 * 2
    assert str(scenarios.places["eve", "atlas"]) == "projects.yaml:6"


def test_scenarios_that_hold_are_counted(tmp_path: Path, small: Policy) -> None:
    """Each decision and each list is one line of the result."""
    results = trials.run(small, written(tmp_path))
    assert reports.told(results) == "10 of 10 decisions are as written."


def test_a_line_that_differs_is_told_with_its_place_and_both_ways(tmp_path: Path, small: Policy) -> None:
    """More than written is as wrong as less; a list is wrong by its rows."""
    wrong = TABLES.replace("eve | yes  | yes    | -", "eve | yes  | -      | yes").replace(
        "vic | read   | -", "vic | read   | book"
    )
    results = trials.run(small, written(tmp_path, wrong))
    assert reports.told(results).splitlines() == [
        "projects.yaml:6: eve → atlas",
        "    may update, and should not; should share, and may not",
        "projects.yaml:13: vic's list, read Project",
        "    should book, and may not",
        "8 of 10 decisions are as written.",
    ]
    suites = ElementTree.fromstring(reports.junit(results))
    assert [suite.attrib for suite in suites] == [{"name": "projects.yaml", "tests": "10", "failures": "2"}]
    assert [case.get("line") for case in suites.iter("testcase") if case.find("failure") is not None] == ["6", "13"]


def test_whoever_is_not_named_and_may_is_told(tmp_path: Path, small: Policy) -> None:
    """Leaving a line out is a claim that they may do nothing."""
    results = trials.run(small, written(tmp_path, TABLES.replace("    eve | yes  | yes    | -\n", "")))
    assert [trial.about for trial in results if not trial.holds] == ["eve → atlas"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("atlas: |", "atlsa: |", "projects.yaml:3: the world has no “atlsa”"),
        ("eve | yes  | yes    | -", "evi | yes  | yes    | -", "projects.yaml:6: the world has nobody called “evi”"),
        ("eve | yes  | yes    | -", "eve | yes  | yes", "projects.yaml:6: 2 answers for 3 actions"),
        (
            "eve | yes  | yes    | -",
            "eve | yes  | maybe  | -",
            "projects.yaml:6: “maybe” for 3 actions: write yes or -",
        ),
        ("| update |", "| updat |", "projects.yaml:4: “updat” is no action"),
        ("  book: |", "  atlas: |", "projects.yaml:8: who may read “atlas” stands at projects.yaml:4 already"),
        ("decisions:", "decision:", "“decision” means nothing here"),
        ("atlas: |", "atlas: >", "a table stands behind “|”"),
        ("  Project: |", "  Projekt: |", "projects.yaml:10: there is no Projekt"),
        ("who | action | rows", "who | rows | action", "projects.yaml:11: a list has the columns"),
        ("ada | read   | atlas", "ada | read   | atlsa", "projects.yaml:12: "),
        ("about: Projects.", "about: [", "projects.yaml:"),
    ],
)
def test_a_table_that_means_nothing_is_refused_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    """A misspelt name must not become a scenario that nobody runs."""
    assert old in TABLES
    with pytest.raises(ScenarioError) as refused:
        written(tmp_path, TABLES.replace(old, new, 1))
    assert words in str(refused.value)
    assert str(refused.value).startswith("projects.yaml:")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  Project:\n", "  Projekt:\n", "there is no Projekt"),
        ("{owner: bob}", "{ownr: bob}", "“book”: a rule can't look at Project.ownr"),
        ("{owner: bob}", "{owner: bob, name: Book}", "“book”: a rule can't look at Project.name"),
        ("{owner: bob}", "{owner: bob, created_at: soon}", "created_at is a time"),
        ("eve in atlas:", "atlas:", "“atlas” names two things"),
        ("{contributor: vic}", "{contributer: vic}", "“contributer” says nothing about a person"),
    ],
)
def test_a_world_that_means_nothing_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """Content is sealed: a world can't describe what no rule may look at."""
    assert old in WORLD
    with pytest.raises(ScenarioError) as refused:
        written(tmp_path, world=WORLD.replace(old, new, 1))
    assert words in str(refused.value)


def test_a_thing_may_have_several_tables_each_about_other_actions(small: Policy, tmp_path: Path) -> None:
    """A change brings a table of its own, and what differs is told at the line that speaks of it."""
    tables = (
        TABLES.replace("read | update | share", "read | update").replace("    | yes\n", "\n").replace("    | -\n", "\n")
    )
    folder = lay_out(tmp_path, tables=tables) / "policies" / "scenarios"
    (folder / "sharing.yaml").write_text("decisions:\n  atlas: |\n    who | share\n    eve | yes\n    ada | -\n")
    wrong = [trial for trial in trials.run(small, load(folder)) if not trial.holds]
    assert [(str(trial.place), trial.about, trial.difference()) for trial in wrong] == [
        ("sharing.yaml:5", "ada → atlas", "may share, and should not"),
        ("sharing.yaml:4", "eve → atlas", "should share, and may not"),
    ]


def test_scenarios_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """No scenarios is no success."""
    with pytest.raises(ScenarioError, match="can't be read"):
        load(tmp_path)
